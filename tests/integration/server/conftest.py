"""Stand-ins for what cannot be here: an installed Ollama, and Hugging Face (tests/integration/hub).

The stand-in for Ollama is a program on PATH that acts as ``ollama serve`` does towards
whoever starts it. It speaks real HTTP on loopback. The engine, the store and all clients are
the real ones.
"""

from __future__ import annotations

import socket
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from local_assistant.config import AssistantConfig, load_config, set_value
from local_assistant.engine.launch import stop_engine
from local_assistant.server import ollama
from tests.integration.hub import Hub, running_hub

STAND_IN = Path(__file__).with_name("stand_in_ollama.py")


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port: int = unused.getsockname()[1]
        return port


@pytest.fixture
def no_ollama(monkeypatch: pytest.MonkeyPatch, home: Path) -> Path:
    """A PATH with nothing on it, and a home of this test; everything started is ended."""
    folder = home / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    return folder


@pytest.fixture
def assistant(no_ollama: Path) -> Iterator[Callable[..., AssistantConfig]]:
    """Set settings (``server__kind="auto"``) and return the configuration in force."""

    def configure(**settings: Any) -> AssistantConfig:
        for name, value in settings.items():
            set_value(name.replace("__", "."), value)
        return load_config().config

    yield configure
    ollama.stop()
    ollama._failures.clear()
    stop_engine()


@pytest.fixture
def install_ollama(no_ollama: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """Put the stand-in on PATH."""

    def install(mode: str = "normal", version: str = "0.33.0", models: str = "") -> Path:
        program = no_ollama / "ollama"
        program.write_text(f"#!{sys.executable}\n" + STAND_IN.read_text(encoding="utf-8"))
        program.chmod(0o755)
        for name, value in (("MODE", mode), ("VERSION", version), ("MODELS", models)):
            monkeypatch.setenv(f"STAND_IN_{name}", value)
        return program

    return install


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    with running_hub() as served:
        monkeypatch.setenv("HF_ENDPOINT", served.url)
        yield served


def process_lives(pid: int) -> bool:
    from local_assistant.engine.runfile import process_start

    return process_start(pid) is not None
