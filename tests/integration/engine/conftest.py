"""What the engine's tests share: a model that never ends by itself, engines of their own."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest

from local_assistant import paths
from local_assistant.engine import launch, runfile
from local_assistant.engine.launch import EngineInfo
from local_assistant.engine.store.store import Store
from tests.integration.engine import talking_gguf, tiny_gguf

linux_only = pytest.mark.usefixtures("_linux")


@pytest.fixture
def _linux() -> None:
    assert sys.platform == "linux", "these look into /proc: run them on Linux"


@pytest.fixture(scope="session")
def tiny_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_gguf.write(tmp_path_factory.mktemp("gguf") / "tiny.gguf")


@pytest.fixture(scope="session")
def tiny(engine: EngineInfo, tiny_file: Path) -> str:
    """The tiny model's name in the session's engine (context 16384 when asked for)."""
    return Store(paths.models_dir()).add_gguf("tiny", tiny_file)


@pytest.fixture(scope="session")
def talking(engine: EngineInfo, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., str]:
    """Store a model that says just these words; the arguments of ``talking_gguf.write``."""
    folder = tmp_path_factory.mktemp("talking")
    known: dict[str, str] = {}

    def add(name: str, *says: str, **more: Any) -> str:
        if name not in known:
            file = talking_gguf.write(folder / f"{name}.gguf", says, **more)
            known[name] = Store(paths.models_dir()).add_gguf(name, file, link=False)
        return known[name]

    return add


@dataclass
class Own:
    """An engine in the home of one test."""

    info: EngineInfo
    http: httpx.Client
    store: Store

    def status(self) -> dict[str, Any]:
        return self.http.get("/assistant/status").raise_for_status().json()

    def pid_of(self, model: str) -> int:
        found = [e["pid"] for e in self.status()["loaded"] if e["model"].startswith(model)]
        return found[0]


def config(idle: str = "10m", port: int = 11435) -> SimpleNamespace:
    """The part of an AssistantConfig that the launcher reads."""
    return SimpleNamespace(
        engine=SimpleNamespace(
            port=port, models_dir=None, threads=None, gpu_layers=None, idle_timeout=idle
        )
    )


@pytest.fixture
def own_engine(home: Path, tiny_file: Path) -> Iterator[Callable[..., Own]]:
    """Start (or find) an engine in this test's own home, with the tiny model in its store."""
    clients: list[httpx.Client] = []

    def start(idle: str = "10m", port: int = 11435) -> Own:
        info = launch.ensure_engine(config(idle, port))
        client = httpx.Client(
            base_url=info.url,
            headers={"Authorization": f"Bearer {info.token}"},
            timeout=60,
            trust_env=False,
        )
        clients.append(client)
        store = Store(paths.models_dir())
        store.add_gguf("tiny", tiny_file)
        return Own(info, client, store)

    yield start
    for client in clients:
        client.close()
    launch.stop_engine()


def gone(pid: int) -> bool:
    return runfile.process_start(pid) is None


def runners(pid: int) -> list[int]:
    """Return the model processes of a front (before that, they are copies of the front)."""
    found = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        with contextlib.suppress(OSError):  # a thread that has just ended
            found += [int(child) for child in (task / "children").read_text().split()]
    return [child for child in found if b"engine.runtime.runner" in _command(child)]


def _command(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""  # it ended meanwhile
