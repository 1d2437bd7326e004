"""GGUF files: what their headers say, and how parts become one."""
