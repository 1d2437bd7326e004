"""What the chat's tests share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from local_assistant import paths
from local_assistant.config import set_value
from local_assistant.engine.launch import EngineInfo, ensure_engine
from tests.integration.magics.odd_server import MODEL, OddServer


@pytest.fixture
def live(engine: EngineInfo) -> EngineInfo:
    """The engine as it runs now: tests here kill it, and another one takes its place."""
    return ensure_engine()


@pytest.fixture
def odd(session_environment: dict[str, str]) -> Iterator[OddServer]:
    """A server that says what a test wants, and a configuration that names it."""
    file = paths.user_config_file()
    file.unlink(missing_ok=True)
    server = OddServer()
    set_value("server.kind", "ollama")
    set_value("server.url", server.url)
    set_value("models.chat", MODEL)
    yield server
    server.close()
    file.unlink()  # other tests share this home
