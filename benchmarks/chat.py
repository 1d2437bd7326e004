"""Send → first token in the chat persona, beside the raw engine call with the same prompt."""

from __future__ import annotations

import asyncio
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.engine import PROMPT, first_token_s, running_demo
from benchmarks.figures import Figure
from tests.integration.lab.room import Room, room_in


def measure(runs: int) -> list[Figure]:
    """Ask in ``runs`` new chats of a warm server; the raw call is made in between."""
    with running_demo() as choice, tempfile.TemporaryDirectory() as folder:
        pairs = asyncio.run(_pairs(Path(folder), runs, lambda: first_token_s(choice)))
    chat, raw = (statistics.median(column) for column in zip(*pairs, strict=True))
    how = f"first token {chat * 1000:.0f} ms, raw call {raw * 1000:.0f} ms, {runs} new chats"
    return [Figure("chat first token, added", (chat - raw) * 1000, 50, "ms", how)]


async def _pairs(folder: Path, runs: int, raw: Callable[[], float]) -> list[tuple[float, float]]:
    pairs = []
    for run in range(runs + 1):  # the first pair imports langchain and is not counted
        async with room_in(folder / str(run)) as room:
            await room.persona._ensure_prepared()
            pairs.append((await _first_text_s(room), await asyncio.to_thread(raw)))
    return pairs[1:]


async def _first_text_s(room: Room) -> float:
    """Return the seconds from sending a message until the persona's text begins to show."""
    shown: list[float] = []
    room.on_text = lambda: shown.append(time.perf_counter())
    start = time.perf_counter()
    await room.ask(PROMPT)
    return shown[0] - start
