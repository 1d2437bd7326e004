"""The chat is warm before its first message, and costs nobody anything."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from local_assistant.config import load_config, set_value
from local_assistant.engine.launch import EngineInfo
from local_assistant.lab.chat.warm import warm
from local_assistant.server import Client, Endpoint
from tests.integration.lab.own_model import own_model
from tests.integration.lab.recorder import Recorder
from tests.integration.lab.room import room_in

MODEL = "warm-demo"


@pytest.fixture(autouse=True)
def settings(live: EngineInfo) -> Iterator[None]:
    with own_model(MODEL, 20):
        client(live).post("/api/generate", {"model": MODEL, "keep_alive": 0})
        yield


def client(engine: EngineInfo) -> Client:
    return Client(Endpoint("embedded", engine.url, engine.token, engine.version, True, ""))


def counted(engine: EngineInfo) -> dict[str, Any]:
    counts: dict[str, Any] = client(engine).get("/assistant/status")["generations"]["by_kind"]
    return dict(counts["chat"])


def test_the_first_message_finds_the_system_prompt_read(live: EngineInfo, tmp_path: Path) -> None:
    async def main() -> tuple[int, int]:
        async with room_in(tmp_path) as room:
            before = counted(live)
            await room.ask("Hello")
            after = counted(live)
            return (
                after["cached_tokens"] - before["cached_tokens"],
                after["prompt_tokens"] - before["prompt_tokens"],
            )

    assert warm(load_config().config)
    cached, evaluated = asyncio.run(main())
    # The prompt is the system prompt and one word.
    assert cached > evaluated


def test_nothing_is_loaded_where_memory_is_short(
    live: EngineInfo, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("local_assistant.machine.available_memory", lambda: 1_000_000)
    assert not warm(load_config().config)
    loaded = client(live).get("/api/ps")["models"]
    assert MODEL not in {model["name"].removesuffix(":latest") for model in loaded}


def test_nothing_is_sent_to_another_machine(
    live: EngineInfo, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def main() -> list[str]:
        async with Recorder(live) as recorder:
            set_value("server.kind", "ollama")
            set_value("server.url", recorder.url)
            monkeypatch.setattr("local_assistant.config.is_loopback", lambda _url: False)
            assert not await asyncio.to_thread(warm, load_config().config)
            return [request.path for request in recorder.requests]

    assert "/api/chat" not in asyncio.run(main())


def test_a_missing_model_is_no_failure(live: EngineInfo) -> None:
    set_value("models.chat", "nothing-of-the-kind")
    assert not warm(load_config().config)
