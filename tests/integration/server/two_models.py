"""Two models that differ in one weight, and one that only makes vectors, in the engine's store."""

from __future__ import annotations

from pathlib import Path

from local_assistant import paths
from local_assistant.engine.store.store import Store

ONE, TWO = "one:1b", "two:1b"


def add_two(folder: Path) -> None:
    """Store the demo model as ``one:1b``, and with another last weight as ``two:1b``."""
    store = Store(paths.models_dir())
    for name, file in ((ONE, "one.gguf"), (TWO, "two.gguf")):
        data = bytearray(paths.demo_gguf().read_bytes())
        data[-1000] ^= name == TWO
        (folder / file).write_bytes(data)
        store.add_gguf(name, folder / file, link=False)
