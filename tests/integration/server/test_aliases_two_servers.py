"""The fixed names where Ollama answers the chat, and the engine what Ollama lacks.

In Ollama's part: a second engine without a token, which speaks the same API.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from local_assistant import paths
from local_assistant.config import AssistantConfig, load_config, set_value
from local_assistant.engine.launch import running_engine
from local_assistant.engine.store.store import Store
from local_assistant.models import aliases, made
from local_assistant.models.swap import swap
from local_assistant.server import Client, Endpoint, choose, installed
from local_assistant.server.states import probe
from local_assistant.setup.uninstall import Item, UninstallOptions, uninstall
from tests.integration.server.conftest import free_port
from tests.integration.server.two_models import ONE, add_two
from tests.waiting import until

Configure = Callable[..., AssistantConfig]


class Ollama:
    """The other server."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.url = f"http://127.0.0.1:{free_port()}"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        port = self.url.rpartition(":")[2]
        self._process = subprocess.Popen(
            [sys.executable, "-m", "local_assistant.engine", "--no-token", "--port", port],
            env={**os.environ, "LOCAL_ASSISTANT_HOME": str(self.home)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        until(lambda: probe(self.url).state == "ollama", 30)

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(30)
            self._process = None

    def client(self) -> Client:
        return Client(Endpoint("ollama", self.url, None, "", True, ""))

    def models(self) -> set[str]:
        return {each.name.removesuffix(":latest") for each in installed(self.client().endpoint)}

    def in_memory(self) -> list[str]:
        return [each["name"] for each in self.client().get("/api/ps")["models"]]


@pytest.fixture
def other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Ollama]:
    """A server in Ollama's part, with ``one:1b`` and ``two:1b``."""
    server = Ollama(tmp_path / "ollama")
    with monkeypatch.context() as patch:
        patch.setenv("LOCAL_ASSISTANT_HOME", str(server.home))
        add_two(tmp_path)
    server.start()
    yield server
    server.stop()


MINE = "mine"
"""A model that only the engine has."""


@pytest.fixture
def config(assistant: Configure, other: Ollama) -> AssistantConfig:
    Store(paths.models_dir()).add_gguf(MINE, paths.demo_gguf())
    return assistant(
        server__url=other.url, models__chat=ONE, models__completion=MINE, models__embedding=MINE
    )


def test_what_the_chats_server_lacks(config: AssistantConfig, other: Ollama) -> None:
    before = other.models()
    assert choose("embedding", config).endpoint.kind == "embedded"
    assert aliases.ensure(config, start=True) == ("assistant-chat", "assistant-completion")
    added = other.models() - before
    assert added == {"assistant-chat", "assistant-completion", f"{ONE}-assistant-completion"}
    completion, embedding = aliases.problems(config)
    assert f"there Jupyter AI's own parts get {ONE} for completion" in completion.message
    assert "have no embedding model" in embedding.message
    assert "jupyter assistant use MODEL --for embedding" in (embedding.fix or "")
    # One that comes to be there gets its name; one that goes, loses it.
    swap("embedding", ONE, force=True)  # the engine in the part of Ollama makes vectors of any
    assert "assistant-embed" in other.models()
    set_value("models.embedding", MINE)
    assert aliases.ensure(load_config().config) == ("assistant-embed",)
    assert "assistant-embed" not in other.models()


def test_a_swap_to_the_other_server_frees_the_first(config: AssistantConfig, other: Ollama) -> None:
    other.client().post("/api/generate", {"model": ONE, "prompt": "", "stream": False})
    assert other.in_memory() == [ONE]
    done = swap("chat", "assistant-demo")
    assert done.applied.unloaded == (ONE,)
    assert other.in_memory() == []
    engine = running_engine()
    assert engine is not None
    here = installed(Endpoint("embedded", engine.url, engine.token, "", True, ""))
    assert {"assistant-chat:latest", "assistant-embed:latest"} <= {each.name for each in here}


def undone() -> dict[str, str]:
    options = UninstallOptions(prefix=paths.home() / "prefix")
    items: list[Item] = list(uninstall(options))
    return {each.what: each.action for each in items if each.id == "names"}


def test_an_ollama_that_is_away_keeps_its_names_until_the_next_run(
    config: AssistantConfig, other: Ollama
) -> None:
    aliases.ensure(config, start=True)
    ours = {f"{name} in {server}" for name, server in aliases.remove(dry_run=True)}
    assert len(ours) == 3
    other.stop()
    assert undone() == dict.fromkeys(ours, "kept")
    assert [path.name for path in paths.state_dir().iterdir() if path != made.file()] == [
        "aliases.lock"
    ]
    other.start()
    assert undone() == dict.fromkeys(ours, "removed")
    assert other.models() == {ONE, "two:1b", "assistant-demo"}
    assert not paths.state_dir().exists()


def test_a_model_of_the_cloud_stands_in_for_nothing(
    assistant: Configure, install_ollama: Callable[..., Path]
) -> None:
    """It was named for the chat; what is typed is not sent there."""
    install_ollama(models="big:120b-cloud@https://ollama.com:443,small:1b")
    Store(paths.models_dir()).add_gguf(MINE, paths.demo_gguf())
    url = f"http://127.0.0.1:{free_port()}"
    config = assistant(
        server__url=url, models__chat="small:1b", models__completion=MINE, models__embedding=MINE
    )
    choose("chat", config)  # starts it
    choose("completion", config)  # starts the engine

    def said() -> str:
        found = [each.message for each in aliases.problems(load_config().config)]
        return next(text for text in found if "the completion model" in text)

    assert "get small:1b for completion" in said()
    set_value("models.chat", "big:120b-cloud")
    assert "have no completion model" in said()
