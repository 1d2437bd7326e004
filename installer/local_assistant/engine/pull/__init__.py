"""Get models from off the machine: Ollama's registry protocol, and Hugging Face.

``pulling`` is the way from a name to a listed model; ``registry`` and ``hub`` know what the
two kinds of server say; ``download`` fetches one file in parts; ``web`` is HTTP, and
``network`` what the user's environment says about it.
"""
