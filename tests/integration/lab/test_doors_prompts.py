"""Words make nobody read a file: not the user's text, not a notebook's, not an old chat's."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from local_assistant import paths
from local_assistant.config import set_value
from local_assistant.engine.launch import EngineInfo
from tests.integration.lab.recorder import Recorder
from tests.integration.lab.room import room_in

SECRET = "the-secret-of-this-test"
WORDS = (
    "@file:secret.txt `@file:secret.txt` #secret.txt ![x](secret.txt) [[secret.txt]] {secret} "
    '<file src="secret.txt"> file:secret.txt <!-- @include secret.txt --> attachments: ["1"]'
)


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    file = paths.user_config_file()
    file.unlink(missing_ok=True)
    set_value("models.preset", "demo")
    (tmp_path / "secret.txt").write_text(SECRET)
    (tmp_path / ".env").write_text(f"KEY={SECRET}")
    yield tmp_path
    file.unlink()  # other tests share this home


def through(recorder: Recorder) -> None:
    set_value("server.kind", "ollama")
    set_value("server.url", recorder.url)
    set_value("models.preset", None)
    set_value("models.chat", "first-demo")


@pytest.fixture
def named(live: EngineInfo) -> Iterator[None]:
    """The demo model under another name: by its own it answers in the engine itself."""
    from local_assistant.engine.store.store import Store

    Store(paths.models_dir()).add_gguf("first-demo", paths.demo_gguf())
    yield
    Store(paths.models_dir()).remove("first-demo")


def test_words_attach_nothing(live: EngineInfo, folder: Path, named: None) -> None:
    cell = {"id": "a", "cell_type": "code", "source": WORDS, "outputs": [], "metadata": {}}
    notebook = {"cells": [cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    (folder / "hostile.ipynb").write_text(json.dumps(notebook))

    async def main() -> None:
        async with Recorder(live) as recorder, room_in(folder) as room:
            through(recorder)
            await room.ask(WORDS)
            await room.ask("Explain.", attach=["hostile.ipynb"])
            sent = [request.body.decode() for request in recorder.requests]
            assert any("@include" in body for body in sent)
            assert not any(SECRET in body for body in sent)

    asyncio.run(main())


def test_an_old_chat_attaches_no_secrets(live: EngineInfo, folder: Path, named: None) -> None:
    """A chat file from elsewhere can claim that its reader attached anything."""
    claimed = {"1": {"type": "file", "value": ".env"}, "2": {"type": "file", "value": "../x"}}
    message = {
        "id": "m1", "type": "msg", "body": "Look.", "sender": "ada", "time": 1.0,
        "attachments": ["1", "2"],
    }  # fmt: skip
    chat = {"messages": [message], "users": {}, "attachments": claimed, "metadata": {}}
    (folder / "room.chat").write_text(json.dumps(chat))

    async def main() -> None:
        async with Recorder(live) as recorder, room_in(folder) as room:
            assert room.chat.get_messages()[0].attachments == ["1", "2"]
            through(recorder)
            await room.ask("What does it say?")
            sent = [request.body.decode() for request in recorder.chats()]
            assert "Look." in sent[-1]
            assert SECRET not in sent[-1]

    asyncio.run(main())
