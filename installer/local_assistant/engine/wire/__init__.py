"""Ollama's JSON as Go reads and writes it: requests, options, errors, times."""
