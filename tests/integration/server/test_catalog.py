"""``jupyter assistant models``: all there is, how it fits, and what it would push out."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from local_assistant.cli.main import cli
from local_assistant.cli.render import Renderer
from local_assistant.config import AssistantConfig
from local_assistant.machine import GB, Gpu, Machine
from local_assistant.models.catalog import CatalogEntry, catalog
from local_assistant.server import Client, choose
from tests.integration.server.conftest import free_port
from tests.unit.server.conftest import RawServer, reply

Configure = Callable[..., AssistantConfig]
Install = Callable[..., Path]
CHAT, OTHER = "a" * 64, "b" * 64


def entries(listed: Any) -> dict[str, CatalogEntry]:
    return {entry.name: entry for entry in listed.entries}


@pytest.fixture
def url() -> str:
    return f"http://127.0.0.1:{free_port()}"


def test_all_there_is(assistant: Configure, install_ollama: Install, url: str) -> None:
    install_ollama(models="qwen2.5-coder:1.5b,mine:latest")
    machine = Machine(8 * GB, 4)
    nothing_runs = catalog(assistant(server__url=url), machine=machine)
    assert nothing_runs.endpoint is None
    assert nothing_runs.problem is not None
    assert set(nothing_runs.answers.values()) == {"assistant-demo"}
    listed = catalog(assistant(models__preset="small"), start=True, machine=machine)
    found = entries(listed)
    assert listed.endpoint is not None
    assert listed.sizing.preset.name == "small"
    assert found["qwen2.5-coder:1.5b"].server == "ollama"
    assert found["qwen2.5-coder:1.5b"].roles == ("chat", "completion")
    assert found["qwen2.5-coder:1.5b"].presets == ("small", "medium", "large")
    assert found["mine"].installed
    assert found["assistant-demo"].server == "embedded"
    assert found["assistant-demo"].roles == ("embedding",)
    assert not found["nomic-embed-text"].installed
    assert (found["qwen3-coder:30b"].fit, found["qwen3-coder:30b"].fits) == ("no", False)
    assert (found["qwen2.5-coder:7b"].fit, found["qwen2.5-coder:7b"].fits) == ("tight", True)
    assert found["qwen2.5-coder:7b"].presets == ("medium",)
    installed = [entry.installed for entry in listed.entries]
    assert installed == sorted(installed, reverse=True)


def _tag(name: str, size: float, digest: str, *abilities: str) -> dict[str, Any]:
    details = {"parameter_size": "7.6B"}
    return {
        "name": name,
        "size": int(size * GB),
        "digest": digest,
        "details": details,
        "capabilities": abilities or ("completion", "insert"),
    }


@pytest.fixture
def loaded_ollama() -> Iterator[RawServer]:
    """An Ollama with three models, one of them under a name of ours, and two in memory."""
    answers: dict[bytes, Any] = {
        b"/api/version": {"version": "0.33.0"},
        b"/api/tags": {
            "models": [
                _tag("qwen2.5-coder:7b", 4.4, CHAT),
                _tag("assistant-chat:latest", 4.4, CHAT),
                _tag("vectors:latest", 0.3, OTHER, "embedding"),
                _tag("big-30b-a3b:latest", 17, "c" * 64),
            ]
        },
        b"/api/ps": {
            "models": [
                {
                    "name": "assistant-chat:latest",
                    "size": 6 * GB,
                    "size_vram": 6 * GB,
                    "digest": CHAT,
                    "expires_at": "2026-11-22T10:30:00Z",
                },
                {
                    "name": "vectors:latest",
                    "size": GB,
                    "size_vram": GB,
                    "digest": OTHER,
                    "expires_at": "2026-11-22T10:00:00Z",
                },
            ]
        },
    }

    def answer(server: RawServer, connection: Any) -> None:
        path = server.requests[-1].split()[1]
        connection.sendall(reply(answers[path]))

    server = RawServer(answer)
    yield server
    server.close()


def test_what_is_loaded_and_what_would_leave(
    assistant: Configure, loaded_ollama: RawServer
) -> None:
    card = Gpu("RTX 3060", "nvidia", 12 * GB)
    machine = Machine(16 * GB, 8, gpus=(card,))
    config = assistant(server__url=loaded_ollama.url, models__chat="qwen2.5-coder:7b")
    listed = catalog(config, machine=machine)
    found = entries(listed)
    assert "assistant-chat" not in found
    assert listed.own_names == ("assistant-chat",)
    assert found["qwen2.5-coder:7b"].loaded  # under our name for it
    assert found["qwen2.5-coder:7b"].displaces == ()
    assert found["vectors"].loaded
    # In memory, an embedding model has one short context.
    assert found["vectors"].need < GB
    big = found["big-30b-a3b"]
    assert (big.loaded, big.fit, big.speed) == (False, "yes", round(8 * 10 / 3, 1))
    assert found["qwen2.5-coder:1.5b"].displaces == ()
    assert found["qwen3-coder:30b"].displaces == ("vectors",)
    # What two names share lies on the disk once.
    assert listed.disk_used >= sum(int(size * GB) for size in (4.4, 0.3, 17))
    assert listed.disk_used < sum(int(size * GB) for size in (4.4, 0.3, 17)) + 10_000_000


def test_a_server_elsewhere_tells_nothing_of_its_memory(
    assistant: Configure, loaded_ollama: RawServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    # There is no other machine here: loopback counts as one.
    monkeypatch.setattr("local_assistant.config.is_loopback", lambda _url: False)
    listed = catalog(assistant(server__url=loaded_ollama.url), machine=Machine(4 * GB, 2))
    found = entries(listed)
    assert found["qwen2.5-coder:7b"].fits is None
    assert found["qwen3-coder:30b"].displaces == ()
    assert found["assistant-demo"].fits is True  # our own engine is here
    assert (listed.folder, listed.disk_free) == (None, None)


def test_our_engines_models_are_known_to_be_loaded(assistant: Configure) -> None:
    config = assistant(server__kind="embedded", models__preset="demo")
    choice = choose("chat", config)
    assert not entries(catalog(config))["assistant-demo"].loaded
    Client(choice.endpoint).post("/api/generate", {"model": choice.model, "stream": False})
    listed = catalog(config)
    assert entries(listed)["assistant-demo"].loaded
    assert listed.folder is not None
    assert listed.disk_free is not None


def _run(*arguments: str) -> tuple[Any, str]:
    renderer = Renderer(as_json="--json" in arguments)
    done = CliRunner().invoke(cli, ["models", *arguments], obj=renderer, standalone_mode=False)
    assert done.exception is None, done.exception
    renderer.result(done.return_value)
    return done.return_value, done.output


def test_the_command(
    assistant: Configure,
    loaded_ollama: RawServer,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    card = Gpu("RTX 3060", "nvidia", 12 * GB)
    machine = Machine(16 * GB, 8, gpus=(card,))
    monkeypatch.setattr("local_assistant.models.catalog.read_machine", lambda: machine)
    monkeypatch.setattr("local_assistant.machine.read_machine", lambda: machine)
    assistant(server__url=loaded_ollama.url, models__chat="qwen2.5-coder:7b")
    _run()
    text = capsys.readouterr().out
    assert max(map(len, text.splitlines())) <= 100
    lines = text.splitlines()
    assert lines[0].split() == ["INSTALLED", "SIZE", "FITS", "ANSWERS", "CAN", "LICENCE"]
    assert "qwen2.5-coder:7b  " in lines[1]
    assert "GPU " in lines[1]
    assert "chat, fill in" in lines[1]
    assert "Apache-2.0" in lines[1]
    assert "For big-30b-a3b or qwen3-coder:30b, vectors would leave the memory." in lines
    assert any(line.startswith("Preset: ") for line in lines)
    assert "In memory now: qwen2.5-coder:7b, vectors" in lines
    assert any(line.startswith("Memory free now: ") for line in lines)
    assert "assistant-chat" not in text
    _run("--all")
    assert "Our own names for models: assistant-chat" in capsys.readouterr().out
    _run("--json")
    data = json.loads(capsys.readouterr().out)
    assert data["own_names"] == ["assistant-chat"]
    assert data["preset"]["reason"].startswith("medium, because ")
    by_name = {model["name"]: model for model in data["models"]}
    assert by_name["qwen3-coder:30b"]["displaces"] == ["vectors"]
    assert by_name["qwen2.5-coder:7b"]["fit"] == "graphics"
    assert by_name["qwen2.5-coder:7b"]["fits"] is True
    assert data["machine"]["gpus"][0]["name"] == "RTX 3060"
    assert set(data["disk"]) == {"folder", "used", "free"}
