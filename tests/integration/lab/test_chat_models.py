"""Which model answers in a chat: the menu, ``/model``, and what is kept in the chat's file."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from local_assistant import paths
from local_assistant.config import load_config, set_value
from local_assistant.engine.launch import EngineInfo
from local_assistant.engine.store.store import Store
from local_assistant.lab.chat.model import AS_SET
from local_assistant.lab.chat.notes import PROBLEM_MARK
from local_assistant.lab.models import changes
from tests.integration.lab.recorder import Recorder
from tests.integration.lab.room import Room, room_in

PRIMES = "Write a function that returns all primes up to n"
DEMO, FIRST, SECOND = "assistant-demo", "first-demo", "second-demo"


@pytest.fixture(autouse=True)
def settings(session_environment: dict[str, str]) -> Iterator[None]:
    """Each test begins with a configuration file of its own in the session's home."""
    file = paths.user_config_file()
    file.unlink(missing_ok=True)
    set_value("models.preset", "demo")
    set_value("chat.temperature", 0.0)
    set_value("chat.max_tokens", 60)
    for name in (FIRST, SECOND):
        Store(paths.models_dir()).add_gguf(name, paths.demo_gguf())
    yield
    file.unlink()  # other tests share this home


def use(recorder: Recorder) -> None:
    set_value("server.kind", "ollama")
    set_value("server.url", recorder.url)
    set_value("models.chat", FIRST)


def asked(recorder: Recorder) -> list[str]:
    return [request.json()["model"].removesuffix(":latest") for request in recorder.chats()]


async def until_menu(room: Room, current: str) -> list[str]:
    """Wait until the menu shows ``current`` as what answers; return its entries."""

    async def look() -> list[str]:
        while (menu := room.persona.get_model_configuration()).current != current:
            await asyncio.sleep(0.02)
        return [option.id for option in menu.options]

    return await asyncio.wait_for(look(), 30)


def test_a_pick_holds_in_the_chat_and_is_kept_in_its_file(live: EngineInfo, tmp_path: Path) -> None:
    async def main() -> None:
        async with Recorder(live) as recorder:
            use(recorder)
            async with room_in(tmp_path) as room:
                await room.ask(PRIMES)
                await room.ask(PRIMES, model=SECOND)
                await room.ask(PRIMES)  # the page was loaded again: its menu says "Default"
                assert asked(recorder) == [FIRST, SECOND, SECOND]
            kept = json.loads((tmp_path / "room.chat").read_text())["metadata"]
            assert kept["local_assistant"] == {"model": SECOND}
            assert load_config().config.models.chat == FIRST
            async with room_in(tmp_path) as room:  # Jupyter was started again
                await room.ask(PRIMES)
                assert room.persona.get_model_configuration().current == SECOND
                await room.ask(PRIMES, model=AS_SET)
                await room.ask(PRIMES)
            assert asked(recorder)[3:] == [SECOND, FIRST, FIRST]

    asyncio.run(main())


def test_the_menu_tells_sizes_and_follows_what_there_is(live: EngineInfo, tmp_path: Path) -> None:
    async def main() -> None:
        set_value("server.kind", "embedded")
        async with room_in(tmp_path) as room:
            await room.persona.prepare()
            before = await until_menu(room, DEMO)
            options = room.persona.get_model_configuration().options
            assert options[0].id == AS_SET and options[0].description == DEMO
            shown = {option.id: option.description for option in options}
            assert shown[FIRST] == "2.9 MB, fills in"
            set_value("models.chat", SECOND)
            Store(paths.models_dir()).add_gguf("third-demo", paths.demo_gguf())
            changes.tell()
            after = await until_menu(room, SECOND)
            assert set(after) - set(before) == {"third-demo"}
        Store(paths.models_dir()).remove("third-demo")

    asyncio.run(main())


def test_the_command_lists_chooses_and_makes_default(live: EngineInfo, tmp_path: Path) -> None:
    async def main() -> None:
        set_value("server.kind", "embedded")
        async with room_in(tmp_path) as room:
            (listed,) = await room.ask("/model")
            assert f"{DEMO} answers in this chat, as in assistant.toml" in listed
            assert f"{FIRST} (2.9 MB, fills in)" in listed and "Models…" in listed
            (chosen,) = await room.ask(f"/model {FIRST}")
            assert f"{FIRST} answers in this chat" in chosen
            assert load_config().config.models.chat is None
            (status,) = await room.ask("/status")
            assert f"{FIRST} answers" in status and "chosen for this chat" in status
            (default,) = await room.ask("/model --default")
            assert f"{FIRST} answers in every chat" in default
            assert load_config().config.models.chat == FIRST
            (other,) = await room.ask(f"/model {SECOND}", model=FIRST)
            assert f'Your menu below the input says "{FIRST}"' in other
            (back,) = await room.ask("/model default")
            assert "assistant.toml decides" in back
            await until_menu(room, FIRST)

    asyncio.run(main())


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("/model not-there:1b", ("not-there:1b", "Models…")),
        ("/model not-there:1b --default", ("not-there:1b", "Models…")),
        ("/model --default", ("no model of its own", "/model NAME --default")),
        ("/model a b", ("takes one model", "/model NAME")),
        ("/model --all", ("takes one model", "/model NAME")),
    ],
)
def test_what_the_command_refuses(
    live: EngineInfo, tmp_path: Path, text: str, words: tuple[str, ...]
) -> None:
    async def main() -> None:
        set_value("server.kind", "embedded")
        async with room_in(tmp_path) as room:
            (said,) = await room.ask(text)
            assert said.startswith(PROBLEM_MARK)
            assert all(word in said for word in words), said
            assert said.count("Models…") <= 1
            assert load_config().config.models.chat is None

    asyncio.run(main())


def test_a_model_of_the_chat_that_is_gone(live: EngineInfo, tmp_path: Path) -> None:
    """Said with every way out, and the chat is not stuck."""

    async def main() -> None:
        set_value("server.kind", "embedded")
        async with room_in(tmp_path) as room:
            await room.ask(f"/model {SECOND}")
            Store(paths.models_dir()).remove(SECOND)
            (said,) = await room.ask(PRIMES)
            assert SECOND in said and "is not installed" in said
            assert "Models…" in said and "jupyter assistant pull" in said
            assert "/model default" in said
            await room.ask("/model default")
            (answer,) = await room.ask(PRIMES)
            assert not answer.startswith(PROBLEM_MARK)

    asyncio.run(main())


def test_a_pick_that_is_not_there_is_not_kept(live: EngineInfo, tmp_path: Path) -> None:
    async def main() -> None:
        set_value("server.kind", "embedded")
        async with room_in(tmp_path) as room:
            await room.ask(PRIMES, model="not-there:1b")
            (answer,) = await room.ask(PRIMES)
            assert not answer.startswith(PROBLEM_MARK)

    asyncio.run(main())
