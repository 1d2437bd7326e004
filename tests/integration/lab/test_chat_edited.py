"""A message that was edited goes to the model as it is now, never again as it was."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from local_assistant.config import load_config
from local_assistant.lab.chat import pages
from tests.integration.lab.looking import looks_at
from tests.integration.lab.room import Room, room_in
from tests.integration.magics.odd_replies import held_back
from tests.integration.magics.odd_server import OddServer, Reply
from tests.waiting import until

SHOWN = {"kind": "file", "path": "a.py", "text": "x = 1", "first": 1, "cursor": 1}
BLOCK = "a.py, line 1:\n```python\nx = 1\n```\n\n"
PAGE = {"page": "p1"}


@pytest.fixture
def odd(odd: OddServer) -> OddServer:
    odd.will_say("Well.")
    return odd


def edit(room: Room, old: str, new: str, **changed: Any) -> None:
    """Change a message as its writer does in the page: it keeps its id."""
    (message,) = (each for each in room.chat.get_messages() if each.body == old)
    message.body = new
    for name, value in changed.items():
        setattr(message, name, value)
    room.chat.update_message(message)


def sent(odd: OddServer) -> list[str]:
    """Return what the last request sent behind the system prompt."""
    return [each["content"] for each in odd.asked[-1]["messages"][1:]]


def test_the_old_wording_is_sent_no_more(odd: OddServer, tmp_path: Path) -> None:
    async def main() -> None:
        looks_at("p1", SHOWN)
        async with room_in(tmp_path) as room:
            await room.ask("The key is 1234. Why?", signed=PAGE)
            assert sent(odd) == [f"{BLOCK}The key is 1234. Why?"]
            edit(room, "The key is 1234. Why?", "Why?")
            chat, told = pages.chat_at("room.chat"), pages._told["p1"]
            assert chat is not None
            said = chat.line(told.context, load_config().config)["text"]
            assert said.startswith("Sends line 1")  # the model reads it no more
            await room.ask("And?", signed=PAGE)
            assert sent(odd) == ["Why?", "Well.", f"{BLOCK}And?"]

    asyncio.run(main())


def test_an_attachment_that_was_taken_back_is_sent_no_more(odd: OddServer, tmp_path: Path) -> None:
    async def main() -> None:
        async with room_in(tmp_path) as room:
            (tmp_path / "b.py").write_text("key = 1234\n")
            await room.ask("Why?", attach=["b.py"])
            assert "1234" in sent(odd)[0]
            edit(room, "Why?", "Why?", attachments=[])
            await room.ask("And?")
            assert sent(odd) == ["Why?", "Well.", "And?"]

    asyncio.run(main())


def test_an_edited_command_is_read_later_in_its_new_words(odd: OddServer, tmp_path: Path) -> None:
    async def main() -> None:
        looks_at("p1", SHOWN)
        async with room_in(tmp_path) as room:
            await room.ask("/explain the key 1234", signed=PAGE)
            assert "1234" in sent(odd)[0]
            edit(room, "/explain the key 1234", "/explain the key")
            await room.ask("And?")
            assert sent(odd) == ["/explain the key", "Well.", "And?"]

    asyncio.run(main())


def test_an_edited_command_is_answered_again_in_its_new_words(
    odd: OddServer, tmp_path: Path
) -> None:
    async def main() -> None:
        looks_at("p1", SHOWN)
        async with room_in(tmp_path) as room:
            await room.ask("/explain the key 1234", signed=PAGE)
            edit(room, "/explain the key 1234", "/explain the name")
            message = room.chat.get_messages()[0]
            message.metadata = {"local_assistant": PAGE}
            room.chat.update_message(message)
            await room.ask("/again")
            assert sent(odd)[-1].startswith(BLOCK) and sent(odd)[-1].endswith("\nthe name")

    asyncio.run(main())


@pytest.mark.parametrize("deleted", [False, True])
def test_a_message_that_waits_is_answered_as_it_is_then(
    odd: OddServer, tmp_path: Path, deleted: bool
) -> None:
    async def main(slow: Reply, go_on: Callable[[], None]) -> None:
        odd.will_say(slow, "Well.")
        async with room_in(tmp_path) as room:
            first = asyncio.create_task(room.ask("Hello"))
            await asyncio.to_thread(until, lambda: odd.asked, 60)
            second = asyncio.create_task(room.ask("The key is 1234. Why?"))
            await asyncio.sleep(0)
            edit(room, "The key is 1234. Why?", "" if deleted else "Why?", deleted=deleted)
            go_on()
            await asyncio.gather(first, second)
            assert len(odd.asked) == (1 if deleted else 2)
            assert "1234" not in json.dumps(odd.asked)

    with held_back() as (slow, go_on):
        asyncio.run(main(slow, go_on))
