"""From a request to a prompt, and from llama.cpp's events to an answer."""
