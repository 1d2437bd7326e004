"""One list of requests, played against two servers, and what differs between their answers.

``python -m tests.differential --a URL --b URL`` compares any two servers that speak Ollama's
API: an embedded engine with a real Ollama, or two versions of one. The list is in the modules
``cases_*``, the differences that are known and meant in ``known.toml``.
"""
