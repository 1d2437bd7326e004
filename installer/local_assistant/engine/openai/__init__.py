"""OpenAI's protocol, translated to Ollama's requests and back."""
