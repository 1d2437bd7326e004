"""The engine reads the cell in use once: a later question costs its own tokens, and no more."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from local_assistant.engine.launch import EngineInfo
from local_assistant.server import Client, Endpoint
from tests.integration.lab import looking
from tests.integration.lab.own_model import own_model
from tests.integration.lab.room import Room, room_in

MODEL = "context-demo"
LINES = [f"total_{n} = sum(rows[{n}])" for n in range(12)]


@pytest.fixture(autouse=True)
def settings(live: EngineInfo) -> Iterator[None]:
    with own_model(MODEL, 8):
        yield


def looks_at(source: str) -> None:
    cells = [{"id": "one", "type": "code", "source": source}]
    said = {"kind": "notebook", "path": "a.ipynb", "cells": cells, "touched": True}
    looking.looks_at("reader", said)


async def cost(room: Room, engine: EngineInfo, text: str) -> tuple[int, int]:
    """Ask; return how many tokens of the prompt the engine had, and how many it read."""
    client = Client(Endpoint("embedded", engine.url, engine.token, engine.version, True, ""))

    def counted() -> tuple[int, int]:
        chat = client.get("/assistant/status")["generations"]["by_kind"]["chat"]
        return chat["cached_tokens"], chat["prompt_tokens"]

    before = await asyncio.to_thread(counted)
    await room.ask(text, signed={"page": "reader"})
    after = await asyncio.to_thread(counted)
    return after[0] - before[0], after[1] - before[1]


def test_a_second_question_reads_only_what_is_new(live: EngineInfo, tmp_path: Path) -> None:
    async def main() -> None:
        async with room_in(tmp_path) as room:
            alone = sum(await cost(room, live, "Why?"))
            await room.ask("/clear")
            looks_at("\n".join(LINES))
            first = sum(await cost(room, live, "Why?"))
            assert first > alone + 100  # the cell is in it
            had, read = await cost(room, live, "And now?")
            # The cell is not read again: all there was is there, and the new words are read.
            assert had >= first - 1 and read < 40, (first, had, read)
            looks_at("\n".join(LINES[:3]))
            had, read = await cost(room, live, "Better?")
            # The changed cell is read, and nothing of what was said before.
            assert had >= first and 40 < read < first, (first, had, read)

    asyncio.run(main())
