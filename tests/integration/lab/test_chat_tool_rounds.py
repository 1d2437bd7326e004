"""Tools in a chat: a real model in the real engine that calls them, and one that says anything."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from jupyter_server.serverapp import ServerApp
from jupyterlab_chat.models import NewMessage
from jupyterlab_commands_toolkit import tools

from local_assistant import paths
from local_assistant.config import load_config, set_value
from local_assistant.engine.launch import EngineInfo
from local_assistant.engine.store.store import Store
from local_assistant.lab.chat.tools.rounds import MOST_ROUNDS
from local_assistant.lab.chat.warm import warm
from tests.integration.engine import talking_gguf
from tests.integration.lab.recorder import Recorder
from tests.integration.lab.room import Room, room_in
from tests.integration.magics.odd_replies import never_ends_fast
from tests.integration.magics.odd_server import OddServer, Request, calls

CALL = ("Let me look. ", "<tool_call>", '\n{"name": "read_file", "arguments": ',
        '{"path": "a.py"}}\n', "</tool_call>")  # fmt: skip
WORDS = ("It sets ", "x to one.")
TEMPLATE = talking_gguf.THINKING_TEMPLATE.replace(
    "<|im_start|>assistant\n",
    '<|im_start|>assistant\n{% if messages[-1].role == "tool" %}#{% endif %}',
)


@pytest.fixture(scope="module")
def caller(engine: EngineInfo, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A model that calls a tool, and says what it has read when that has answered."""
    file = tmp_path_factory.mktemp("caller") / "file-reader.gguf"
    talking_gguf.write(file, CALL, template=TEMPLATE, name="file-reader", behind=("#", WORDS))
    return Store(paths.models_dir()).add_gguf("file-reader", file, link=False)


@pytest.fixture
def settings(session_environment: dict[str, str]) -> Iterator[Callable[..., None]]:
    """Set values in the user's file; other tests share this home."""
    file = paths.user_config_file()
    file.unlink(missing_ok=True)

    def put(**values: Any) -> None:
        for name, value in values.items():
            set_value(name.replace("__", "."), value)

    yield put
    file.unlink(missing_ok=True)


@pytest.fixture
def odd(odd: OddServer) -> OddServer:
    """Its model has tools, and they are on."""
    odd.capabilities = ["completion", "tools"]
    set_value("chat.tools", True)
    return odd


def gave(odd: OddServer) -> list[str]:
    """Return what the model was told last of its calls."""
    return [each["content"] for each in odd.asked[-1]["messages"] if each["role"] == "tool"]


def test_a_real_model_reads_a_file_and_goes_on(
    caller: str, live: EngineInfo, settings: Callable[..., None], tmp_path: Path
) -> None:
    async def main() -> None:
        (tmp_path / "a.py").write_text("x = 1\n")
        async with Recorder(live) as recorder, room_in(tmp_path) as room:
            settings(server__kind="ollama", server__url=recorder.url, chat__temperature=0.0)
            settings(models__chat=caller, chat__tools=True)
            (answer,) = await room.ask("What is in a.py?")
            assert answer.startswith("Let me look. \n\n<details>\n<summary>» read_file(")
            assert "1 line</summary>\n\n```python\nx = 1\n```" in answer
            assert answer.rstrip().endswith("It sets x to one.")
            first, second = [each.json() for each in recorder.chats()]
            assert first["tools"] == second["tools"]
            assert second["messages"][:2] == first["messages"]
            call, result = second["messages"][2:]
            assert call["tool_calls"][0]["function"]["name"] == "read_file"
            assert (result["role"], result["content"]) == ("tool", "x = 1")
        async with Recorder(live) as recorder, room_in(tmp_path) as room:  # after a restart
            settings(server__url=recorder.url)
            await room.ask("And a second time?")
            later = recorder.chats()[0].json()["messages"]
            assert later[:4] == second["messages"]
            assert later[4:] == [
                {"role": "assistant", "content": "It sets x to one."},
                {"role": "user", "content": "And a second time?"},
            ]
            await room.ask("/tools off")
            await room.ask("And now?")
            off = recorder.chats()[-1].json()
            assert off["tools"] == []  # as the library always sends it
            assert "tool" not in json.dumps(off["messages"])

    asyncio.run(main())


def test_the_tools_are_read_before_the_first_message(
    caller: str, live: EngineInfo, settings: Callable[..., None], tmp_path: Path
) -> None:
    async def main() -> tuple[dict[str, Any], dict[str, Any]]:
        async with Recorder(live) as recorder, room_in(tmp_path) as room:
            settings(server__kind="ollama", server__url=recorder.url)
            settings(models__chat=caller, chat__tools=True)
            assert await asyncio.to_thread(warm, load_config().config)
            await room.ask("Hello")
            warmed, asked, *_ = [each.json() for each in recorder.chats()]
            return warmed, asked

    warmed, asked = asyncio.run(main())
    assert warmed["tools"] == asked["tools"]
    assert warmed["messages"] == asked["messages"][:1]


def test_a_model_without_tools_says_so_once_and_answers(
    live: EngineInfo, settings: Callable[..., None], tmp_path: Path
) -> None:
    async def main() -> None:
        # By its own name the demo model always answers in the engine itself.
        Store(paths.models_dir()).add_gguf("plain-demo", paths.demo_gguf())
        settings(chat__tools=True, models__chat="plain-demo")
        async with Recorder(live) as recorder, room_in(tmp_path) as room:
            settings(server__kind="ollama", server__url=recorder.url)
            (answer,) = await room.ask("How do I read a CSV file?")
            assert "» *plain-demo has no tools, so it answers without them.*" in answer
            assert "read_csv" in answer
            (again,) = await room.ask("How do I read a CSV file?")
            assert "has no tools" not in again
            assert [each.json()["tools"] for each in recorder.chats()] == [[], []]

    asyncio.run(main())


def test_a_model_that_calls_for_ever_is_stopped(odd: OddServer, tmp_path: Path) -> None:
    async def main() -> None:
        odd.will_say(calls(("list_files", {})))
        async with room_in(tmp_path) as room:
            (answer,) = await room.ask("Go.")
            assert len(odd.asked) == MOST_ROUNDS
            assert f"Stopped after {MOST_ROUNDS} rounds of tools" in answer
            odd.will_say("Yes?")
            assert await room.ask("Well?") == ["Yes?"]
            assert len(gave(odd)) == MOST_ROUNDS

    asyncio.run(main())


def test_calls_that_make_no_sense_are_told_to_the_model(odd: OddServer, tmp_path: Path) -> None:
    def unread(request: Request) -> None:
        request.say("Hm. ")
        request.line({"error": "error parsing tool call: raw='{x', err=invalid character 'x'"})

    def no_object(request: Request) -> None:
        request.say("", tool_calls=[{"function": {"name": "read_file", "arguments": "a.py"}}])
        request.done()

    async def main() -> None:
        nonsense = calls(("rm", {"path": "/"}), ("read_file", {"file": "a"}))
        odd.will_say(nonsense, unread, no_object, "I give up.")
        async with room_in(tmp_path) as room:
            (answer,) = await room.ask("Go.")
            assert "» *rm(path='/'): There is no tool called rm" in answer
            assert "» *read_file(file='a'): These are no arguments of read_file" in answer
            assert answer.count("called a tool in a form that cannot be read") == 2
            assert answer.endswith("I give up.")
            assert [each.partition(";")[0] for each in gave(odd)] == [
                "There is no tool called rm",
                "These are no arguments of read_file: path (field required)",
            ]
            assert "could not be read" in odd.asked[-1]["messages"][-1]["content"]

    asyncio.run(main())


def test_results_fit_into_the_window_and_the_cut_is_said(odd: OddServer, tmp_path: Path) -> None:
    async def main() -> None:
        lines = [f"line {number} of a long file" for number in range(5000)]
        (tmp_path / "long.txt").write_text("\n".join(lines))
        odd.will_say(*[calls(("read_file", {"path": "long.txt"}))] * 7, "Never said.")
        async with room_in(tmp_path) as room:
            (answer,) = await room.ask("Read it.")
            assert "5,000 lines; only the first" in answer
            first = gave(odd)[0]
            assert first.startswith(lines[0]) and first.endswith("of 5,000 lines fit)")
            assert "Stopped, because the model's window is full." in answer
            asked = json.dumps(odd.asked[-1])
            assert len(asked) < 4096 * 4, "more than the window holds"

    asyncio.run(main())


def test_without_a_page_cells_are_out_of_reach(odd: OddServer, tmp_path: Path) -> None:
    async def main() -> None:
        odd.will_say(calls(("read_cells", {}), ("run_cell", {"cell": 1})), "So it is.")
        async with room_in(tmp_path) as room:
            (answer,) = await room.ask("Run it.")
            assert gave(odd) == ["No notebook is open in JupyterLab."] * 2
            assert answer.endswith("So it is.")

    asyncio.run(main())


def test_commands_and_questions_without_tools_have_none(odd: OddServer, tmp_path: Path) -> None:
    async def main() -> None:
        (tmp_path / "a.py").write_text("x = 1\n")
        odd.will_say("It is one.")
        async with room_in(tmp_path) as room:
            await room.ask("/explain", attach=["a.py"])
            assert odd.asked[-1]["tools"] == []
            await room.ask("Why?")
            assert len(odd.asked[-1]["tools"]) == 5

    asyncio.run(main())


async def until_said(room: Room, text: str = "Answer **yes**", times: int = 1) -> None:
    """Wait until so many messages of the chat have a text in them."""

    async def said() -> None:
        while sum(text in each.body for each in room.chat.get_messages()) < times:
            await asyncio.sleep(0.02)

    await asyncio.wait_for(said(), 60)


async def sent(room: Room, text: str, sender: str = "ada") -> None:
    """Send a message while another one is being answered, and wait until it is answered, too."""
    identifier = room.chat.add_message(NewMessage(body=text, sender=sender))
    message = room.chat.get_message(identifier)
    assert message is not None
    await room.persona.on_message(message)


class Page:
    """What stands in for pages with one notebook open.

    Attributes:
        told: the commands, and which page each was for; None is any.
    """

    def __init__(self) -> None:
        self.told: list[tuple[str, str | None]] = []

    async def answer(self, asked: Mapping[str, Any], timeout: float) -> dict[str, Any]:
        name = asked["name"].partition(":")[2]
        self.told.append((name, tools.target_client_id.get()))
        if name == ANY_PAGE[0]:
            return {"success": True, "result": "the first"}
        cell = {"cellId": "c1", "cellType": "code", "source": "x = 1"}
        info = {"notebookPath": "a.ipynb", "activeCellId": "c1", "cells": [cell]}
        return {"success": True, "result": {"success": True, **info, **cell}}

    def insertions(self) -> int:
        return sum(name == "add-cell" for name, _ in self.told)


ANY_PAGE = ("get-web-client-id", None)


@pytest.fixture
def page(monkeypatch: pytest.MonkeyPatch) -> Page:
    page = Page()
    monkeypatch.setattr(ServerApp, "initialized", lambda: True)
    monkeypatch.setattr(tools, "emit_and_wait_for_result", page.answer)
    return page


def test_only_the_asker_agrees_and_each_time(odd: OddServer, page: Page, tmp_path: Path) -> None:
    async def main() -> None:
        odd.will_say(
            calls(("insert_cell", {"source": "y = 2"}), ("insert_cell", {"source": "z"})), "So."
        )
        async with room_in(tmp_path) as room:
            asking = asyncio.ensure_future(room.ask("Put it in."))
            await until_said(room)
            other = asyncio.ensure_future(sent(room, "yes", sender="eve"))
            for _ in range(10):
                await asyncio.sleep(0)
            assert page.insertions() == 0 and not asking.done()
            yes = asyncio.ensure_future(sent(room, "yes"))
            await until_said(room, times=2)
            assert page.insertions() == 1
            no = asyncio.ensure_future(sent(room, "no"))
            await asking
            await asyncio.gather(yes, no, other)
            assert page.insertions() == 1
            inserted, refused = [
                each["content"] for each in odd.asked[1]["messages"] if each["role"] == "tool"
            ]
            assert inserted.startswith("Inserted ") and refused.startswith("The user said no")
            users = [
                each["content"] for each in odd.asked[-1]["messages"] if each["role"] == "user"
            ]
            assert users == ["Put it in.\n\nyes"]  # eve's; the asker's own two ask nothing

    asyncio.run(main())


def test_a_stop_while_it_waits_is_a_no(odd: OddServer, page: Page, tmp_path: Path) -> None:
    async def main() -> None:
        odd.will_say(calls(("insert_cell", {"source": "y = 2"})), "I see.")
        async with room_in(tmp_path) as room:
            asking = asyncio.ensure_future(room.ask("Put it in."))
            await until_said(room)
            await room.persona.cancel_response()
            assert "Stopped: this was not done." in (await asking)[-1]
            assert await room.ask("yes") == ["I see."]
            assert page.insertions() == 0

    asyncio.run(main())


def test_a_stop_while_a_round_is_said_keeps_what_was_done(odd: OddServer, tmp_path: Path) -> None:
    async def main() -> None:
        (tmp_path / "a.py").write_text("x = 1\n")
        odd.will_say(calls(("read_file", {"path": "a.py"}), text="I look. "), never_ends_fast)
        async with room_in(tmp_path) as room:
            asking = asyncio.ensure_future(room.ask("What is x?"))
            await until_said(room, "again and again")
            await room.persona.cancel_response()
            (answer,) = await asking
            assert answer.startswith("I look. \n\n<details>") and "again and again" in answer
            assert await asyncio.to_thread(odd.left.wait, 30), "the model talks on"
            odd.will_say("One.")
            assert await room.ask("So?") == ["One."]
            called, result, stopped, question = odd.asked[-1]["messages"][2:]
            assert called["content"] == "I look. " and len(called["tool_calls"]) == 1
            assert (result["role"], result["content"]) == ("tool", "x = 1")
            assert stopped["content"].startswith("again and again")
            assert question["content"] == "So?"

    asyncio.run(main())


def test_what_changes_something_goes_to_one_page(
    odd: OddServer, page: Page, tmp_path: Path
) -> None:
    async def main() -> None:
        insertion = calls(("insert_cell", {"source": "y = 2"}))
        odd.will_say(insertion, "So.", insertion, "So.")
        async with room_in(tmp_path) as room:
            for signed, asks_for_one in (("mine", False), (None, True)):
                page.told.clear()
                asking = asyncio.ensure_future(room.ask("Put it in.", page=signed))
                await until_said(room, times=2 if asks_for_one else 1)
                await asyncio.gather(asking, sent(room, "yes"))
                assert (ANY_PAGE in page.told) == asks_for_one
                target = signed or "the first"
                changes = [each for each in page.told if each != ANY_PAGE]
                assert changes == [(name, target) for name, _ in changes]
                assert ("add-cell", target) in changes

    asyncio.run(main())


def test_disguised_code_is_refused_before_the_question(
    odd: OddServer, page: Page, tmp_path: Path
) -> None:
    async def main() -> None:
        odd.will_say(calls(("insert_cell", {"source": "x = 1  # \u202e)(metsys"})), "Oh.")
        async with room_in(tmp_path) as room:
            (answer,) = await room.ask("Put it in.")
            assert "look like other code" in answer and page.insertions() == 0

    asyncio.run(main())
