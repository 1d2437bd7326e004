"""The chat with a model that answers garbage, nothing or for ever, with other scripts, and with
more than a model can read: a sentence each, and the chat goes on."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from jupyterlab_chat.models import NotebookAttachment, NotebookAttachmentCell

from local_assistant.lab.chat.notes import NOTE_MARK, PROBLEM_MARK
from local_assistant.lab.chat.prompt import estimate_tokens
from tests.integration.lab.room import Room, room_in
from tests.integration.magics.odd_replies import REFUSED, never_ends_fast, silent, wrong_types
from tests.integration.magics.odd_server import WINDOW, OddServer, Reply
from tests.waiting import until

SCRIPTS = "Größe 日本語 привет 🙂 e\u0301 ١½ 𝔘"
FRAME_BYTES = 50_000_000


async def answers_again(room: Room, odd: OddServer) -> None:
    """Whatever was said before, the next question is answered, and reads none of our notes."""
    odd.will_say("It is 4.")
    assert (await room.ask("2 + 2?"))[-1].endswith("It is 4.")
    sent = [each["content"] for each in odd.asked[-1]["messages"][1:]]
    assert not any(NOTE_MARK in text for text in sent), sent


@pytest.mark.parametrize(
    ("reply", "words"), [*REFUSED, (wrong_types, "not a model server")], ids=range(9)
)
def test_it_is_said_in_a_sentence(odd: OddServer, tmp_path: Path, reply: Reply, words: str) -> None:
    async def main() -> None:
        odd.will_say(reply)
        async with room_in(tmp_path) as room:
            told = await room.ask("Say something")
            assert words in told[-1]
            assert told[-1].startswith(PROBLEM_MARK)
            assert "Traceback" not in told[-1]
            assert len(told[-1]) < 500
            await answers_again(room, odd)

    asyncio.run(main())


@pytest.mark.parametrize(
    "reply",
    [
        "```" * 3_000,
        "](" * 4_000,
        "\x1b[2J\x00\x07\u202e\ufeff",
        "<details>" * 2_000,
        f"{NOTE_MARK}*of its own*\n\n" * 500,
    ],
    ids=range(5),
)
def test_garbage_is_shown_and_trips_nothing(odd: OddServer, tmp_path: Path, reply: str) -> None:
    async def main() -> None:
        odd.will_say(reply)
        async with room_in(tmp_path) as room:
            (told,) = await room.ask("Say something")
            assert not told.startswith(PROBLEM_MARK)
            await answers_again(room, odd)
        assert json.loads((tmp_path / "room.chat").read_text(encoding="utf-8"))["messages"]

    asyncio.run(main())


@pytest.mark.parametrize(("reply", "begun"), [(never_ends_fast, True), (silent, False)])
def test_stop_ends_what_never_ends(
    odd: OddServer, tmp_path: Path, reply: Reply, begun: bool
) -> None:
    async def main() -> None:
        odd.will_say(reply)
        async with room_in(tmp_path) as room:
            shown = asyncio.Event()
            room.on_text = shown.set
            asking = asyncio.ensure_future(room.ask("Go on"))
            if begun:
                await asyncio.wait_for(shown.wait(), 30)
            else:
                await asyncio.to_thread(until, lambda: bool(odd.asked))
            await room.persona.cancel_response()
            told = await asking
            assert told[0].startswith("again and again" if begun else NOTE_MARK)
            if begun:
                assert await asyncio.to_thread(odd.left.wait, 10)
            odd.left.set()
            await answers_again(room, odd)

    asyncio.run(main())


def test_an_answer_without_end_is_stopped(odd: OddServer, tmp_path: Path) -> None:
    async def main() -> None:
        odd.will_say(never_ends_fast)
        async with room_in(tmp_path) as room:
            (told,) = await room.ask("Go on")
            assert "did not end, so it was stopped" in told
            assert await asyncio.to_thread(odd.left.wait, 10)
            # Each update shows all of it again to every page.
            assert sum(room.lengths) < 100 * len(told)

    asyncio.run(main())


def test_other_scripts_go_and_come_as_they_are(odd: OddServer, tmp_path: Path) -> None:
    async def main() -> None:
        name = "Größe 日本.py"
        (tmp_path / name).write_text(f"text = '{SCRIPTS}'\n", encoding="utf-8")
        odd.will_say(SCRIPTS)
        async with room_in(tmp_path) as room:
            assert await room.ask(f"{SCRIPTS}?", attach=[name]) == [SCRIPTS]
            asked = odd.asked[0]["messages"][-1]["content"]
            assert asked.startswith(f"{name}:\n```python\ntext = '{SCRIPTS}'\n")
            assert asked.endswith(f"{SCRIPTS}?")
            await room.ask("/export")
        async with room_in(tmp_path) as room:
            odd.will_say("Yes.")
            await room.ask("Still there?")
            assert odd.asked[0]["messages"][2]["content"] == SCRIPTS
        (exported,) = tmp_path.glob("*.md")
        assert SCRIPTS in exported.read_text(encoding="utf-8")

    asyncio.run(main())


def test_a_large_frame_in_a_cells_output_fits_the_window(odd: OddServer, tmp_path: Path) -> None:
    async def main() -> None:
        (tmp_path / "large.ipynb").write_text(json.dumps(_notebook()), encoding="utf-8")
        cell = NotebookAttachmentCell(id="frame", input_type="code")
        attached = NotebookAttachment(value="large.ipynb", cells=[cell])
        odd.will_say("A table.")
        async with room_in(tmp_path) as room:
            (told,) = await room.ask("/explain", attach=[attached])
            assert "Left out" in told
            sent = "".join(each["content"] for each in odd.asked[0]["messages"])
            assert "print(frame.to_string())" in sent
            assert "0.123 0.456" in sent
            assert estimate_tokens(sent) < WINDOW

    asyncio.run(main())


def test_a_large_file_is_not_read(odd: OddServer, tmp_path: Path) -> None:
    async def main() -> None:
        with (tmp_path / "frame.csv").open("wb") as file:
            file.truncate(FRAME_BYTES)
        odd.will_say("I see no table.")
        async with room_in(tmp_path) as room:
            (told,) = await room.ask("What is in it?", attach=["frame.csv"])
            assert "frame.csv (larger than 1 MB)" in told
            assert odd.asked[0]["messages"][-1]["content"] == "What is in it?"

    asyncio.run(main())


def _notebook() -> dict[str, Any]:
    """A notebook with a printed data frame of 50 MB."""
    rows = [f"{'0.123 0.456 0.789 ' * 5}\n"] * (FRAME_BYTES // 91)
    output = {"output_type": "stream", "name": "stdout", "text": rows}
    cell = {
        "cell_type": "code", "id": "frame", "metadata": {}, "execution_count": 1,
        "source": "print(frame.to_string())", "outputs": [output],
    }  # fmt: skip
    return {"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": [cell]}
