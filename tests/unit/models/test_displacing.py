"""Who leaves the memory for a new model: by the rules of each server."""

from __future__ import annotations

import pytest

from local_assistant.machine import GB, Gpu, Machine
from local_assistant.models.displacing import Running, displaced
from local_assistant.models.sizing import Kind, room

CARD = Gpu("RTX 3060", "nvidia", 12 * GB)
APPLE = Gpu("Apple M1", "apple", 11 * GB, unified=True)


def cpu(name: str, size: float, expires: str) -> Running:
    return Running(name, int(size * GB), 0, expires)


def gpu(name: str, size: float, expires: str) -> Running:
    return Running(name, int(size * GB), int(size * GB), expires)


@pytest.mark.parametrize(
    ("kind", "memory", "cards", "need", "loaded", "gone"),
    [
        ("embedded", 16, (), 4, [], ""),
        ("embedded", 16, (), 4, [cpu("a", 2, "10:00"), cpu("b", 2, "11:00")], ""),
        # Four fifths of what is left must hold it: (14.5 - 4) * 0.8 = 8.4.
        ("embedded", 16, (), 8.5, [cpu("a", 2, "11:00"), cpu("b", 2, "10:00")], "b"),
        ("embedded", 16, (), 11.5, [cpu("a", 2, "11:00"), cpu("b", 2, "10:00")], "b a"),
        # It keeps three.
        ("embedded", 64, (), 1, [cpu(name, 1, f"1{name}:00") for name in "213"], "1"),
        # A card's memory is one thing, main memory another.
        ("ollama", 32, (CARD,), 6, [gpu("a", 4, "10:00")], ""),
        ("ollama", 32, (CARD,), 6, [gpu("a", 6, "10:00"), cpu("b", 9, "09:00")], "b a"),
        ("ollama", 32, (), 6, [cpu("a", 9, "10:00")], ""),
        ("ollama", 16, (), 6, [cpu("a", 9, "10:00")], "a"),
        # Too large for the card alone: the rest goes to main memory.
        ("ollama", 32, (CARD,), 20, [gpu("a", 4, "10:00")], ""),
        ("ollama", 16, (CARD,), 20, [gpu("a", 6, "10:00")], "a"),
        # Three for each card.
        ("ollama", 64, (CARD, CARD), 1, [gpu(name, 1, "10:00") for name in "abcde"], ""),
        ("ollama", 64, (CARD,), 1, [gpu(name, 1, "10:00") for name in "abc"], "a"),
        # One memory for both.
        ("ollama", 16, (APPLE,), 6, [gpu("a", 3, "10:00")], ""),
        ("ollama", 16, (APPLE,), 7, [gpu("a", 3, "10:00")], "a"),
    ],
)
def test_who_leaves(
    kind: Kind,
    memory: int,
    cards: tuple[Gpu, ...],
    need: float,
    loaded: list[Running],
    gone: str,
) -> None:
    there = room(Machine(memory * GB, 8, gpus=cards), kind)
    found = displaced(int(need * GB), loaded, there, kind)
    assert " ".join(each.name for each in found) == gone
