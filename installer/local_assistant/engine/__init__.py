"""The embedded engine: Ollama's HTTP API over llama.cpp, on loopback, with a token.

Contract: :mod:`.launch` is the way in (find, start, stop) and imports only the standard
library; ``python -m local_assistant.engine`` is the server's front process, which never
imports llama.cpp; each model runs in a child process of its own (:mod:`.runtime.runner`), so that
a bad file or a crash ends that process and nothing else.
"""
