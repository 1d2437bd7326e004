"""The cell in use goes along with a plain question: what is sent, when it is not, what stays."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from jupyterlab_chat.models import NotebookAttachment, NotebookAttachmentCell

from local_assistant.config import load_config, set_value
from local_assistant.lab.chat import answering, pages
from local_assistant.lab.chat.notes import NOTE_MARK
from tests.integration.lab import looking
from tests.integration.lab.completion.conftest import Jupyter
from tests.integration.lab.room import Room, room_in
from tests.integration.magics.odd_replies import held_back
from tests.integration.magics.odd_server import OddServer, Reply
from tests.waiting import until

CELL = "a.ipynb, cell 2:\n```python\nrows.sort(key)\n```\n\n"
NAMES = "a.ipynb, imports and names above:\n```python\nrows = [3, 1]\n```\n\n"
ERROR = {"output_type": "error", "ename": "NameError", "evalue": "key", "traceback": []}


@pytest.fixture
def odd(odd: OddServer) -> OddServer:
    odd.will_say("Well.")
    return odd


def looks_at(page: str, source: str, *outputs: dict[str, Any], path: str = "a.ipynb") -> None:
    """Have a page tell that its user is in the second cell of a notebook."""
    cells = [
        {"id": "one", "type": "code", "source": "rows = [3, 1]", "count": 1},
        {"id": "two", "type": "code", "source": source, "count": 2, "outputs": list(outputs)},
    ]
    said = {"kind": "notebook", "path": path, "cells": cells, "active": 1, "touched": True}
    looking.looks_at(page, said)


def sent(odd: OddServer) -> list[str]:
    """Return what the last request sent behind the system prompt."""
    return [each["content"] for each in odd.asked[-1]["messages"][1:]]


def line(room: Room, page: str) -> dict[str, Any]:
    """Return what the line at the chat's input says in a page."""
    told = pages._told[page]
    chat = pages.chat_at("room.chat")
    assert chat is not None
    return chat.line(told.context, load_config().config)


def test_the_cell_goes_along_once_and_again_only_when_it_has_changed(
    odd: OddServer, tmp_path: Path
) -> None:
    async def main() -> None:
        looks_at("p1", "rows.sort(key)", ERROR)
        async with room_in(tmp_path) as room:
            said = line(room, "p1")
            assert said["text"] == "Sends cell 2 of a.ipynb, its error, 1 definition"
            assert said["on"] is True and 40 < said["tokens"] < 120
            await room.ask("Why?", signed={"page": "p1"})
            first = f"{CELL}a.ipynb, cell 2, error:\n```text\nNameError: key\n```\n\n{NAMES}Why?"
            assert sent(odd) == [first]
            assert "nothing new" in line(room, "p1")["text"]
            await room.ask("And now?", signed={"page": "p1"})
            assert sent(odd) == [first, "Well.", "And now?"]
            looks_at("p1", "rows.sort()")
            assert line(room, "p1")["text"].startswith("Sends cell 2")
            await room.ask("Better?", signed={"page": "p1"})
            changed = CELL.replace("(key)", "()") + NAMES + "Better?"
            assert sent(odd) == [first, "Well.", "And now?", "Well.", changed]
            await room.ask("/clear")
            assert line(room, "p1")["text"].startswith("Sends cell 2")
            await room.ask("Once more?", signed={"page": "p1"})
            assert sent(odd) == [changed.replace("Better?", "Once more?")]

    asyncio.run(main())


def test_a_message_takes_what_its_own_page_shows_and_no_other(
    odd: OddServer, tmp_path: Path
) -> None:
    async def main() -> None:
        looks_at("left", "rows.sort(key)")
        looks_at("right", "print(rows)")
        async with room_in(tmp_path) as room:
            await room.ask("Why?", signed={"page": "left"})
            assert sent(odd) == [CELL + NAMES + "Why?"]
            await room.ask("/explain", signed={"page": "right"})
            (question,) = sent(odd)
            assert question.startswith("a.ipynb, cell 2:\n```python\nprint(rows)\n```")
            await room.ask("/clear")
            for signed in (None, {}, {"page": "gone"}, {"page": 7}):
                await room.ask("/clear")
                await room.ask("Why?", signed=signed)
                assert sent(odd) == ["Why?"]

    asyncio.run(main())


def test_a_message_that_overtakes_its_page_waits_for_it_a_moment(
    odd: OddServer, tmp_path: Path
) -> None:
    async def main() -> None:
        looks_at("p1", "rows.sort()")
        coming = {"page": "p1", "number": pages._told["p1"].number + 1}

        async def tell() -> None:
            await asyncio.sleep(0)
            looks_at("p1", "rows.sort(key)")

        async with room_in(tmp_path) as room:
            told = asyncio.create_task(tell())
            await room.ask("Why?", signed=coming)
            assert sent(odd) == [CELL + NAMES + "Why?"]
            await told
            await room.ask("And?", signed={"page": "p1", "number": 10**9})  # it never comes
            assert sent(odd)[-1] == "And?"

    asyncio.run(main())


def test_a_question_takes_the_cell_it_was_asked_in_however_long_the_model_loads(
    odd: OddServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loading, loaded, window = threading.Event(), threading.Event(), answering.context_window

    def slow(*args: Any) -> Any:
        loading.set()
        assert loaded.wait(60)
        return window(*args)

    async def main() -> None:
        monkeypatch.setattr(answering, "context_window", slow)
        looks_at("p1", "rows.sort(key)")
        async with room_in(tmp_path) as room:
            asked = asyncio.create_task(room.ask("Why?", signed={"page": "p1", "context": True}))
            assert await asyncio.to_thread(loading.wait, 60)
            looks_at("p1", "print(rows)")  # the user goes on in another cell meanwhile
            chat = pages.chat_at("room.chat")
            assert chat is not None
            chat.switch(False)  # and unticks the box, for the next question
            loaded.set()
            await asked
            assert sent(odd) == [CELL + NAMES + "Why?"]
            assert line(room, "p1")["on"] is False

    asyncio.run(main())


@pytest.mark.parametrize("queued", ["And here?", "/explain"])
def test_a_question_that_waits_for_its_turn_takes_the_cell_it_was_asked_in(
    odd: OddServer, tmp_path: Path, queued: str
) -> None:
    def arrived() -> int:
        chat = pages.chat_at("room.chat")
        assert chat is not None
        return sum(each.done() for each in list(chat._arrivals._arrived.values()))

    async def main(slow: Reply, go_on: Callable[[], None]) -> None:
        odd.will_say(slow, "Well.")
        async with room_in(tmp_path) as room:
            first = asyncio.create_task(room.ask("Hello"))
            await asyncio.to_thread(until, lambda: odd.asked, 60)
            looks_at("p1", "rows.sort(key)")
            second = asyncio.create_task(room.ask(queued, signed={"page": "p1"}))
            await asyncio.to_thread(until, lambda: arrived() == 2, 60)
            looks_at("p1", "print(rows)")
            go_on()
            await asyncio.gather(first, second)
            assert CELL in sent(odd)[-1] and "print(rows)" not in sent(odd)[-1]

    with held_back() as (slow, go_on):
        asyncio.run(main(slow, go_on))


def test_a_message_is_answered_whatever_becomes_of_its_context(
    odd: OddServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> None:
        raise OSError("no room")

    async def main() -> None:
        looks_at("p1", "rows.sort(key)")
        async with room_in(tmp_path) as room:
            monkeypatch.setattr(pages.Arrivals, "note", fail)
            assert await room.ask("Why?", signed={"page": "p1"}) == ["Well."]
            assert sent(odd) == [CELL + NAMES + "Why?"]

    asyncio.run(main())


def test_it_is_switched_off_for_one_chat_or_in_the_file(odd: OddServer, tmp_path: Path) -> None:
    async def main() -> None:
        looks_at("p1", "rows.sort(key)")
        async with room_in(tmp_path / "one") as room:
            # The page could not reach the server when its box was clicked: the message says it.
            await room.ask("Why?", signed={"page": "p1", "context": False})
            assert sent(odd) == ["Why?"]
            assert line(room, "p1") == {
                "on": False, "text": "Sends only what you write", "tokens": 0, "fixed": False
            }  # fmt: skip
            room.chat.save()
        async with room_in(tmp_path / "one") as room:  # as after a restart
            await room.ask("And now?", signed={"page": "p1"})
            assert sent(odd)[-1] == "And now?"
        set_value("chat.context", False)
        async with room_in(tmp_path / "two") as room:
            await room.ask("Why?", signed={"page": "p1"})
            assert sent(odd) == ["Why?"]
            chat = pages.chat_at("room.chat")
            assert chat is not None
            chat.switch(True)
            await room.ask("Why not?", signed={"page": "p1"})
            assert sent(odd)[-1] == CELL + NAMES + "Why not?"

    asyncio.run(main())


def test_what_is_attached_wins_and_what_is_cut_is_said(odd: OddServer, tmp_path: Path) -> None:
    async def main() -> None:
        looks_at("p1", "rows.sort(key)")
        (tmp_path / "b.py").write_text("def key(row): ...\n")
        (tmp_path / "a.ipynb").write_text(
            '{"cells": [{"cell_type": "code", "id": "two", "source": "saved"}], "metadata": {}}'
        )
        async with room_in(tmp_path) as room:
            await room.ask("Why?", signed={"page": "p1"}, attach=["b.py"])
            block = "b.py:\n```python\ndef key(row): ...\n```\n\n"
            assert sent(odd) == [block + CELL + NAMES + "Why?"]
            await room.ask("/clear")
            cell = NotebookAttachmentCell(id="two", input_type="code")
            whole = NotebookAttachment(value="a.ipynb", cells=[cell])
            await room.ask("Why?", signed={"page": "p1"}, attach=[whole])
            assert sent(odd) == ["a.ipynb, cell 1:\n```python\nsaved\n```\n\nWhy?"]
            await room.ask("/clear")
            set_value("chat.context_tokens", 512)
            looks_at("p1", "\n".join(f"value_{n} = rows[{n}]" for n in range(100)))
            (answer,) = await room.ask("Why?", signed={"page": "p1"})
            assert answer.startswith(NOTE_MARK) and "Left out" in answer
            assert "a.ipynb, cell 2 after line" in answer
            (question,) = sent(odd)
            assert "value_0 =" in question and "value_99" not in question
            cut = question
            await room.ask("And?", signed={"page": "p1"})
            assert sent(odd) == [cut, "Well.", "And?"]  # the same bytes as before

    asyncio.run(main())


def test_it_is_sent_again_where_it_has_left_the_window(odd: OddServer, tmp_path: Path) -> None:
    async def main() -> None:
        set_value("chat.context_tokens", 512)
        looks_at("p1", "rows.sort(key)")
        async with room_in(tmp_path) as room:
            await room.ask("Why?", signed={"page": "p1"})
            await room.ask("word " * 140, signed={"page": "p1"})
            assert "rows.sort" not in "".join(sent(odd))  # there is no room beside this
            await room.ask("And now?", signed={"page": "p1"})
            assert sent(odd)[-1] == CELL + NAMES + "And now?"

    asyncio.run(main())


def test_an_answer_anew_reads_the_cell_as_it_was(odd: OddServer, tmp_path: Path) -> None:
    async def main() -> None:
        looks_at("p1", "rows.sort(key)")
        async with room_in(tmp_path) as room:
            await room.ask("Why?", signed={"page": "p1"})
            before = sent(odd)
            looks_at("p1", "rows.sort()")
            await room.ask("/again", signed={"page": "p1"})
            assert sent(odd) == before == [CELL + NAMES + "Why?"]

    asyncio.run(main())


def test_a_fix_that_found_nothing_looks_anew_when_it_is_asked_again(
    odd: OddServer, tmp_path: Path
) -> None:
    async def main() -> None:
        looks_at("p1", "rows.sort(key)")
        async with room_in(tmp_path) as room:
            (refused,) = await room.ask("/fix", signed={"page": "p1"})
            assert "shows an error" in refused
            looks_at("p1", "rows.sort(key)", ERROR)  # it has been run meanwhile
            await room.ask("/again", signed={"page": "p1"})
            assert "NameError" in sent(odd)[-1]

    asyncio.run(main())


def test_of_a_file_with_secrets_nothing_is_sent(odd: OddServer, tmp_path: Path) -> None:
    async def main() -> None:
        looks_at("p1", "token = 'abc'", path="conf/secrets.ipynb")
        async with room_in(tmp_path) as room:
            await room.ask("Why?", signed={"page": "p1"})
            assert sent(odd) == ["Why?"]
            said = line(room, "p1")
            assert said["fixed"] and said["text"].startswith("secrets.ipynb is not sent")
            await room.ask("/again", signed={"page": "p1"})
            assert sent(odd) == ["Why?"]

    asyncio.run(main())


def test_the_endpoint_takes_only_what_a_page_says(
    odd: OddServer, tmp_path: Path, session_environment: dict[str, str]
) -> None:
    jupyter = Jupyter(tmp_path)
    try:
        jupyter.wait()

        def put(body: Any) -> httpx.Response:
            return jupyter.http.put("chat/context", json=body)

        shown = {"kind": "file", "path": "../../etc/passwd", "text": "x"}
        said = {"page": "p", "number": 1, "chat": "../x.chat", "seen": shown}
        assert put(said).json() == {"on": None, "text": "", "tokens": 0, "fixed": False}
        for wrong in ([], {}, {**said, "page": ""}, {**said, "number": "1"}, {**said, "seen": 1}):
            reply = put(wrong)
            assert (reply.status_code, "message" in reply.json()) == (400, True)
        assert put({**said, "seen": {**shown, "text": "x" * 5_000_000}}).status_code == 413
        bare = httpx.put(f"{jupyter.url}/local-assistant/chat/context", json=said, trust_env=False)
        assert bare.status_code == 403
    finally:
        jupyter.stop()
