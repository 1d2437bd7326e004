"""Models on disk: names, layers, blobs, what they can do, and how they are made."""
