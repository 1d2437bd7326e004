"""``python -m benchmarks ghost`` (``make bench-completion``): the figures of ghost text."""

from __future__ import annotations

import tempfile
from pathlib import Path

from benchmarks import shapes
from benchmarks.figures import Figure
from benchmarks.ghost import keystrokes, race, users, waste
from benchmarks.ghost.clients import MODEL
from local_assistant.engine.store.store import Store


def measure(_runs: int) -> list[Figure]:
    """Measure all; it takes about half an hour, most of it the peers' waiting."""
    gguf = shapes.shape("0.5b")
    with tempfile.TemporaryDirectory(prefix="assistant-ghost-") as name:
        folder = Path(name)
        for part in ("keys", "crowd"):
            Store(folder / part / "models").add_gguf(MODEL, gguf)
        return [
            *race.figures(race.race(gguf, folder / "race")),
            *keystrokes.measure(folder / "keys"),
            *waste.measure(folder / "waste"),
            *users.fifty(folder / "fifty"),
            *users.how_many(folder / "crowd"),
        ]
