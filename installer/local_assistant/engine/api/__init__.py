"""The endpoints: what is asked of a path, and which part answers it."""
