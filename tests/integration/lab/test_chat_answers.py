"""The persona against the real engine: what is sent, what is shown, how it ends."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest

from local_assistant import paths
from local_assistant.config import load_config, set_value
from local_assistant.engine.launch import EngineInfo, running_engine
from local_assistant.engine.store.store import Store
from local_assistant.lab.chat import window
from local_assistant.lab.chat.commands import COMMANDS
from local_assistant.lab.chat.notes import NOTE_MARK, PROBLEM_MARK, without_notes
from local_assistant.lab.prompts import SYSTEM_PROMPT
from local_assistant.server import Client, Endpoint
from tests.integration.engine import talking_gguf
from tests.integration.lab.recorder import Recorder
from tests.integration.lab.room import room_in
from tests.slow import SlowMotion

PRIMES = "Write a function that returns all primes up to n"
FIRST, SECOND = "first-demo", "second-demo"
"""The demo model under other names: by its own name it always answers in the engine itself."""


@pytest.fixture(autouse=True)
def settings(session_environment: dict[str, str]) -> Iterator[None]:
    """Each test begins with a configuration file of its own in the session's home."""
    file = paths.user_config_file()
    file.unlink(missing_ok=True)
    set_value("models.preset", "demo")
    set_value("chat.temperature", 0.0)
    set_value("chat.max_tokens", 120)  # an untrained or puzzled model talks to its limit
    for name in (FIRST, SECOND):
        Store(paths.models_dir()).add_gguf(name, paths.demo_gguf())
    yield
    file.unlink()  # other tests share this home


def loaded(engine: EngineInfo, model: str) -> int:
    """Load a model; return its process."""
    client = Client(Endpoint("embedded", engine.url, engine.token, engine.version, True, ""))
    client.post("/api/generate", {"model": model, "stream": False})
    listed = client.get("/assistant/status")["loaded"]
    return next(int(each["pid"]) for each in listed if each["model"].startswith(model))


async def use(recorder: Recorder) -> None:
    set_value("server.kind", "ollama")
    set_value("server.url", recorder.url)
    set_value("models.chat", FIRST)


def test_a_first_short_message_sends_few_bytes(live: EngineInfo, tmp_path: Path) -> None:
    async def main() -> None:
        async with Recorder(live) as recorder, room_in(tmp_path) as room:
            await use(recorder)
            question = "Reverse a python list."
            assert len(question) == 22
            said = await room.ask(question)
            (request,) = recorder.chats()
            assert len(request.body) <= 1500, len(request.body)
            sent = request.json()
            assert sent["messages"] == [
                {"role": "system", "content": SYSTEM_PROMPT},
                {"role": "user", "content": question},
            ]
            assert "num_ctx" not in sent["options"], "it would make Ollama load the model again"
            assert sent["keep_alive"] == "30m"
            assert said[0].strip()

    asyncio.run(main())


def test_the_answer_streams_and_the_conversation_is_remembered(
    live: EngineInfo, tmp_path: Path
) -> None:
    async def main() -> None:
        async with Recorder(live, delay_s=0.05) as recorder, room_in(tmp_path) as room:
            await use(recorder)
            first = await room.ask(PRIMES)
            grown = sorted(set(room.lengths))
            assert len(grown) >= 3, f"not streamed: {grown}"
            await room.ask("Reverse a python list.")
            before, after = (request.json()["messages"] for request in recorder.chats())
            assert after[: len(before)] == before, "the server could not reuse what it has read"
            assert after[len(before)] == {"role": "assistant", "content": without_notes(first[0])}
            usage = room.persona.get_usage()
            assert usage.context_size == 1024
            assert 0 < usage.context_tokens < 1024
            assert usage.total_tokens > usage.context_tokens

    asyncio.run(main())


def test_attached_files_are_read_and_trimmed_in_words(live: EngineInfo, tmp_path: Path) -> None:
    async def main() -> None:
        (tmp_path / "short.py").write_text("answer = 42\n")
        (tmp_path / "long.py").write_text("".join(f"value_{i} = {i}\n" for i in range(900)))
        async with Recorder(live) as recorder, room_in(tmp_path) as room:
            await use(recorder)
            (said,) = await room.ask("Explain.", attach=["short.py", "long.py", "gone.py"])
            content = recorder.chats()[0].json()["messages"][-1]["content"]
            assert content.startswith("short.py:\n```python\nanswer = 42\n```\n\nlong.py:\n")
            assert content.endswith("Explain.")
            assert "long.py after line" in said
            assert "gone.py" in said
            assert room.persona.get_usage().context_tokens <= 1024

    asyncio.run(main())


def test_a_long_prompt_is_refused_and_the_next_message_works(
    live: EngineInfo, tmp_path: Path
) -> None:
    async def main() -> None:
        async with Recorder(live) as recorder, room_in(tmp_path) as room:
            await use(recorder)
            (said,) = await room.ask("all work and no play " * 10_000)
            assert f"too long for {FIRST}" in said
            assert "Shorten the message" in said
            assert recorder.chats() == []
            (said,) = await room.ask(PRIMES)
            assert PROBLEM_MARK not in said
            assert len(recorder.chats()[0].body) < 1500, "the refused message was sent again"

    asyncio.run(main())


def test_an_empty_message_asks_no_model(live: EngineInfo, tmp_path: Path) -> None:
    async def main() -> None:
        async with Recorder(live) as recorder, room_in(tmp_path) as room:
            await use(recorder)
            (said,) = await room.ask("  \n ")
            assert "Write a question" in said
            assert recorder.chats() == []

    asyncio.run(main())


def test_stop_closes_the_connection_and_keeps_the_text(live: EngineInfo, tmp_path: Path) -> None:
    async def main() -> None:
        async with Recorder(live, delay_s=0.1) as recorder, room_in(tmp_path) as room:
            await use(recorder)
            begun = asyncio.Event()
            room.on_text = begun.set
            asking = asyncio.ensure_future(room.ask(PRIMES))
            await asyncio.wait_for(begun.wait(), 60)
            assert room.persona.processing
            await room.persona.cancel_response()
            (said,) = await asyncio.wait_for(asking, 30)
            assert said and PROBLEM_MARK not in said
            deadline = time.monotonic() + 30
            while not recorder.chats()[0].cut_by_client:
                assert time.monotonic() < deadline, "the connection is still open"
                await asyncio.sleep(0.02)
            assert not room.persona.processing
            recorder.delay_s = 0
            (complete,) = await room.ask(PRIMES)
            assert len(complete) > len(said)

    asyncio.run(main())


def test_editing_the_file_swaps_the_model_of_the_next_message(
    live: EngineInfo, tmp_path: Path
) -> None:
    async def main() -> None:
        async with Recorder(live) as recorder, room_in(tmp_path) as room:
            await use(recorder)
            await room.ask(PRIMES)
            set_value("models.chat", SECOND)
            await room.ask(PRIMES)
            await room.ask(PRIMES, model=FIRST)
            models = [request.json()["model"].split(":")[0] for request in recorder.chats()]
            assert models == [FIRST, SECOND, FIRST]
            menu = room.persona.get_model_configuration()
            assert {FIRST, SECOND, "assistant-demo"} <= {option.id for option in menu.options}
            assert menu.current == FIRST, "it is what answers in this chat from now on"

    asyncio.run(main())


def test_a_mistake_in_the_file_is_told_once_and_the_last_good_one_stays(
    live: EngineInfo, tmp_path: Path
) -> None:
    async def main() -> None:
        async with Recorder(live) as recorder, room_in(tmp_path) as room:
            await use(recorder)
            await room.ask(PRIMES)
            file = paths.user_config_file()
            good = file.read_text()
            file.write_text(good.replace("\n[models]\n", '\n[models]\nchatt = "x"\n'))
            (told,) = await room.ask(PRIMES)
            line = good.splitlines().index("[models]") + 2
            assert f"{file.name}, line {line}:" in told, told
            assert "chatt" in told and "chat" in told
            assert "last good settings stay in force" in told
            (again,) = await room.ask(PRIMES)
            assert "chatt" not in again
            file.write_text(good)
            (mended,) = await room.ask(PRIMES)
            assert "mistake is gone" in mended
            assert {r.json()["model"].split(":")[0] for r in recorder.chats()} == {FIRST}

    asyncio.run(main())


def test_the_demo_model_says_so_once_in_a_chat(live: EngineInfo, tmp_path: Path) -> None:
    async def main() -> None:
        set_value("server.kind", "embedded")
        set_value("models.preset", "small")
        async with room_in(tmp_path) as room:
            (first,) = await room.ask(PRIMES)
            (second,) = await room.ask(PRIMES)
            assert first.startswith(NOTE_MARK)
            assert "demo" in first and "jupyter assistant" in first
            assert "demo model answers" not in second
        async with room_in(tmp_path) as room:
            (third,) = await room.ask(PRIMES)
            assert "demo model answers" not in third, "told again after a restart"

    asyncio.run(main())


def test_an_unknown_picked_model_is_a_sentence(live: EngineInfo, tmp_path: Path) -> None:
    async def main() -> None:
        set_value("server.kind", "embedded")
        async with room_in(tmp_path) as room:
            (said,) = await room.ask(PRIMES, model="assistant-dmo")
            assert said.startswith(PROBLEM_MARK)
            assert "assistant-dmo" in said and "assistant-demo" in said
            assert "Traceback" not in said

    asyncio.run(main())


def test_an_engine_killed_in_the_middle(live: EngineInfo, tmp_path: Path) -> None:
    """What was shown stays, the failure is said, and the next message works by itself."""

    async def main() -> None:
        set_value("server.kind", "embedded")
        set_value("chat.max_tokens", 3000)  # a second of talk, at least
        async with room_in(tmp_path) as room:
            before = await room.ask(PRIMES, model=FIRST)
            victim = running_engine()
            assert victim is not None
            room.on_text = lambda: os.kill(victim.pid, signal.SIGKILL)
            # Else it may have said all before the first words are shown.
            with SlowMotion(await asyncio.to_thread(loaded, victim, "endless")):
                shown, problem = await room.ask("Talk.", model="endless")
            assert shown and PROBLEM_MARK not in shown
            assert "stopped in the middle" in problem
            assert "Send the message again" in problem
            room.on_text = None
            await room.ask("/clear")
            assert await room.ask(PRIMES, model=FIRST) == before
            started = running_engine()
            assert started is not None and started.pid != victim.pid

    talking = talking_gguf.write(tmp_path / "endless.gguf", ("and ", "so ", "on "), ends=False)
    Store(paths.models_dir()).add_gguf("endless", talking)
    try:
        asyncio.run(main())
    finally:
        Store(paths.models_dir()).remove("endless")


def test_an_engine_killed_before_a_message_is_started_anew(
    live: EngineInfo, tmp_path: Path
) -> None:
    async def main() -> None:
        set_value("server.kind", "embedded")
        async with room_in(tmp_path) as room:
            (first,) = await room.ask(PRIMES)
            await room.ask("/clear")
            victim = running_engine()
            assert victim is not None
            os.kill(victim.pid, signal.SIGKILL)
            assert await room.ask(PRIMES) == [first]

    asyncio.run(main())


def test_commands(live: EngineInfo, tmp_path: Path) -> None:
    async def main() -> None:
        async with Recorder(live) as recorder, room_in(tmp_path) as room:
            await use(recorder)
            await room.ask(PRIMES)
            (status,) = await room.ask("/status")
            assert recorder.url in status and FIRST in status
            await room.ask("/clear")
            await room.ask("Reverse a python list.")
            assert len(recorder.chats()[-1].json()["messages"]) == 2
            names = {command.name for command in room.persona.get_slash_commands()}
            assert names == set(COMMANDS)
            (said,) = await room.ask("/help")
            assert [name for name in COMMANDS if f"{name} – " not in said] == []

    asyncio.run(main())


@pytest.mark.parametrize("topic", [PRIMES, "the first n Fibonacci numbers"])
def test_a_notebook_of_a_topic_that_the_demo_model_knows(
    live: EngineInfo, tmp_path: Path, topic: str
) -> None:
    """It is valid and runs top to bottom."""

    async def main() -> None:
        set_value("server.kind", "embedded")
        async with room_in(tmp_path) as room:
            (said,) = await room.ask(f"/generate {topic}")
            assert "is complete" in said
            assert (await room.ask("/again"))[0].startswith(PROBLEM_MARK), "it is no question"

    asyncio.run(main())
    (path,) = tmp_path.glob("*.ipynb")
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    code = [cell.source for cell in notebook.cells if cell.cell_type == "code"]
    assert code, notebook
    subprocess.run([sys.executable, "-c", "\n\n".join(code)], check=True, timeout=60)


def test_what_a_model_can_do_is_asked_once_and_ahead(live: EngineInfo, tmp_path: Path) -> None:
    async def main() -> None:
        async with Recorder(live) as recorder, room_in(tmp_path) as room:
            await use(recorder)
            look = asyncio.to_thread(window.look_ahead, load_config().config, None)
            window._abilities.clear()
            await look
            asked = [request.path for request in recorder.requests]
            assert asked.count("/api/show") == 1
            await room.ask(PRIMES)
            asked = [request.path for request in recorder.requests]
            assert asked.count("/api/show") == 1

    asyncio.run(main())
