"""``/learn`` and ``/ask`` in a real chat, embedded and answered by the real engine."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from local_assistant import paths
from local_assistant.config import set_value
from local_assistant.engine.launch import EngineInfo
from local_assistant.lab.chat.documents import ASK, LEARN
from local_assistant.lab.chat.notes import PROBLEM_MARK, without_notes
from local_assistant.lab.learn.index import Index, indexes
from local_assistant.lab.learn.learning import READER
from tests.integration.lab.recorder import Recorder
from tests.integration.lab.room import Room, room_in
from tests.waiting import until


@pytest.fixture(autouse=True)
def settings(live: EngineInfo) -> Iterator[None]:
    """Nothing is learned, and the demo model answers through its recorder."""
    file = paths.user_config_file()
    file.unlink(missing_ok=True)
    set_value("models.preset", "demo")
    set_value("chat.max_tokens", 40)
    yield
    file.unlink()  # other tests share this home
    for index in indexes():
        index.unlink()


def write(folder: Path) -> None:
    docs = folder / "docs"
    docs.mkdir(parents=True)
    (docs / "rain.md").write_text("# Rain\n\nThe gauge is read at seven in the morning.\n")
    (docs / "clean.py").write_text("def clean(rows):\n    return [r for r in rows if r.ok]\n")
    cells = [{"cell_type": "markdown", "source": "Wind is measured at ten metres."}]
    (docs / "wind.ipynb").write_text(json.dumps({"cells": cells}))
    (docs / ".env").write_text("PASSWORD=hunter2")
    (docs / "broken.pdf").write_bytes(b"%PDF-1.4 no")


async def say(room: Room, text: str) -> str:
    answers = await room.ask(text)
    assert len(answers) == 1
    return answers[0]


def test_learn_list_ask_and_forget(tmp_path: Path) -> None:
    async def main() -> None:
        async with room_in(tmp_path) as room:
            assert "Nothing is learned" in await say(room, LEARN)
            assert "Nothing is learned" in await say(room, f"{ASK} what?")
            learned = await say(room, f"{LEARN} docs")
            assert "Learned 3 files (3 passages" in learned
            assert "docs/broken.pdf (the PDF cannot be read" in learned
            assert "3 unchanged" in await say(room, f"{LEARN} docs")
            listed = await say(room, LEARN)
            assert "docs/rain.md" in listed and ".env" not in listed
            answer = await say(room, f"{ASK} When is the gauge read?")
            assert without_notes(answer)
            for place in ("docs/rain.md, lines 1-3", "docs/wind.ipynb, cell 1"):
                assert place in answer
            assert "Forgotten: 1 file." in await say(room, f"{LEARN} --forget docs/rain.md")
            answer = await say(room, f"{ASK} When is the gauge read?")
            assert "docs/rain.md" not in answer and "docs/wind.ipynb" in answer
            assert "Forgotten: 2 files." in await say(room, f"{LEARN} --forget all")
            assert (tmp_path / "docs" / "rain.md").exists()

    write(tmp_path)
    asyncio.run(main())


def test_the_model_reads_the_passages_and_no_more(live: EngineInfo, tmp_path: Path) -> None:
    async def main() -> None:
        async with room_in(tmp_path) as room, Recorder(live) as recorder:
            await say(room, f"{LEARN} docs/rain.md")
            await say(room, "Hello")
            set_value("server.kind", "ollama")
            set_value("server.url", recorder.url)
            set_value("models.embedding", "assistant-demo")
            set_value("models.chat", "ask-demo")
            await say(room, f"{ASK} When is the gauge read?")
            (request,) = recorder.chats()
            sent = request.json()
            said = [each["content"] for each in sent["messages"] if each["role"] == "user"]
            assert len(said) == 1
            assert said[0].startswith("[1] docs/rain.md, lines 1-3\n# Rain")
            assert said[0].endswith("Question: When is the gauge read?")

    from local_assistant.engine.store.store import Store

    Store(paths.models_dir()).add_gguf("ask-demo", paths.demo_gguf())
    write(tmp_path)
    asyncio.run(main())


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (f"{LEARN} nothing/here", "There is no file or folder"),
        (f'{LEARN} "docs', "The paths cannot be read"),
        (f"{LEARN} --forget", "Forget what?"),
        (f"{LEARN} --forget docs", "Nothing was learned from docs"),
        (ASK, "There is no question"),
    ],
)
def test_wrong_words_are_said(tmp_path: Path, text: str, said: str) -> None:
    async def main() -> None:
        async with room_in(tmp_path) as room:
            answer = await say(room, text)
            assert answer.startswith(PROBLEM_MARK)
            assert said in answer

    write(tmp_path)
    asyncio.run(main())


def test_stopping_keeps_what_was_learned(tmp_path: Path) -> None:
    async def main() -> None:
        async with room_in(tmp_path) as room:
            asked = asyncio.ensure_future(room.ask(f"{LEARN} docs"))
            await asyncio.to_thread(until, lambda: known() > 0, 60)
            await room.persona.cancel_response()
            await asked
            # The request in flight may still be kept: the thread ends after it.
            await asyncio.to_thread(until, lambda: not learning_threads(), 60)
            kept = known()
            assert 0 < kept < 200
            done = await say(room, f"{LEARN} docs")
            assert f"Learned {200 - kept} files" in done and f"{kept} unchanged" in done

    (tmp_path / "docs").mkdir(parents=True)
    for number in range(200):
        (tmp_path / "docs" / f"{number:03}.md").write_text(f"It says {number}. " * 4)
    asyncio.run(main())


def known() -> int:
    found = 0
    for file in indexes():
        index = Index(file)
        found += len(index.known())
        index.close()
    return found


def learning_threads() -> list[str]:
    return [each.name for each in threading.enumerate() if each.name == READER]
