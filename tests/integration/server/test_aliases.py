"""The three fixed names in a real engine: they follow what answers, and only ours are touched."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from local_assistant import paths
from local_assistant.config import AssistantConfig, load_config, set_value
from local_assistant.engine.launch import running_engine, stop_engine
from local_assistant.engine.store.store import Store
from local_assistant.models import aliases, made
from local_assistant.models.catalog import catalog
from local_assistant.server import ALIASES, Client, find_server, installed
from tests.integration.server.two_models import ONE, TWO, add_two

Configure = Callable[..., AssistantConfig]
NAMES = tuple(ALIASES.values())


@pytest.fixture
def config(assistant: Configure, tmp_path: Path) -> AssistantConfig:
    """The engine with two models; the first one answers for all."""
    add_two(tmp_path)
    roles = {f"models__{role}": ONE for role in ALIASES}
    return assistant(server__kind="embedded", **roles)


def client(config: AssistantConfig) -> Client:
    return Client(find_server(config))


def digests(config: AssistantConfig) -> dict[str, str]:
    """Every model that the engine has, by its name."""
    models = installed(find_server(config))
    return {model.name.removesuffix(":latest"): model.digest for model in models}


def show(config: AssistantConfig, name: str) -> dict[str, Any]:
    return client(config).post("/api/show", {"model": name})


def test_the_names_follow_what_answers(config: AssistantConfig) -> None:
    assert aliases.ensure(config, start=True) == NAMES
    first = digests(config)
    assert first["assistant-chat"] == first["assistant-embed"] == first[ONE]
    assert first["assistant-completion"] == first[f"{ONE}-assistant-completion"]
    set_value("models.chat", TWO)
    assert aliases.ensure(load_config().config) == ("assistant-chat",)
    second = digests(config)
    assert second["assistant-chat"] == first[TWO]
    assert second["assistant-embed"] == first[ONE]
    assert aliases.problems(load_config().config) == []


def test_nothing_is_done_where_all_is_right(config: AssistantConfig) -> None:
    aliases.ensure(config, start=True)
    manifests = sorted(paths.models_dir().rglob("*"))
    before = [(path, path.stat().st_mtime_ns) for path in manifests]
    record = (paths.state_dir() / "aliases.json").read_bytes()
    assert aliases.ensure(config) == ()
    assert [(path, path.stat().st_mtime_ns) for path in manifests] == before
    assert (paths.state_dir() / "aliases.json").read_bytes() == record


def test_a_variant_is_made_anew_only_for_a_change(config: AssistantConfig) -> None:
    aliases.ensure(config, start=True)
    assert f"{ONE}-assistant" not in digests(config)  # it would be the same
    set_value("chat.context_tokens", 512)
    set_value("chat.temperature", 0.25)
    config = load_config().config
    assert set(aliases.ensure(config)) == set(NAMES)
    for name in (f"{ONE}-assistant", "assistant-chat", "assistant-embed"):
        said = dict(line.split() for line in show(config, name)["parameters"].splitlines())
        assert (said["num_ctx"], said["temperature"]) == ("512", "0.25")
    assert "num_ctx" in show(config, "assistant-completion")["parameters"]
    set_value("completion.max_tokens", 32)  # not in a variant
    assert aliases.ensure(load_config().config) == ()
    set_value("chat.context_tokens", None)
    set_value("chat.temperature", None)
    assert set(aliases.ensure(load_config().config)) == set(NAMES)
    assert f"{ONE}-assistant" not in digests(config)


def test_model_variant_and_name_share_one_process(config: AssistantConfig) -> None:
    set_value("chat.context_tokens", 512)
    aliases.ensure(load_config().config, start=True)
    ask = client(config)
    for name in ("assistant-chat", ONE, "assistant-completion", "assistant-embed"):
        options = {"num_predict": 2} | ({"num_ctx": 512} if name == ONE else {})
        body = {"model": name, "prompt": "x = ", "stream": False, "options": options}
        assert ask.post("/api/generate", body)["done"] is True
        (loaded,) = ask.get("/api/ps")["models"]
        assert loaded["context_length"] == 512


def test_the_demo_model_can_have_the_names(assistant: Configure) -> None:
    config = assistant(server__kind="embedded", models__preset="demo")
    assert aliases.ensure(config, start=True) == NAMES
    ask = client(config)
    body = {"prompt": "Who are you?", "stream": False, "options": {"num_predict": 8}}
    answers = [
        ask.post("/api/generate", {"model": name, **body})["response"]
        for name in ("assistant-chat", "assistant-demo", "assistant-chat")
    ]
    assert len(ask.get("/api/ps")["models"]) == 1
    assert answers[0] == answers[2]  # the variant is exact, as the demo model is made to be
    assert ask.post("/api/embed", {"model": "assistant-embed", "input": "x"})["embeddings"]
    assert aliases.ensure(config) == ()


def test_a_model_of_the_users_own_is_left_alone(config: AssistantConfig, tmp_path: Path) -> None:
    find_server(config)
    Store(paths.models_dir()).add_gguf("assistant-chat", tmp_path / "two.gguf")
    mine = digests(config)["assistant-chat"]
    assert aliases.ensure(config) == NAMES[1:]
    assert digests(config)["assistant-chat"] == mine
    (problem,) = aliases.problems(config)
    assert "has a model assistant-chat that the assistant did not make" in problem.message
    assert {name for name, _ in aliases.remove()} == {*NAMES[1:], f"{ONE}-assistant-completion"}
    assert digests(config)["assistant-chat"] == mine


def test_lists_do_not_show_them(config: AssistantConfig) -> None:
    aliases.ensure(config, start=True)
    names = [entry.name for entry in catalog(config).entries if entry.installed]
    assert sorted(names) == ["assistant-demo", ONE, TWO]


def test_uninstall_takes_all_of_ours_and_nothing_else(config: AssistantConfig) -> None:
    find_server(config)
    before = digests(config)
    set_value("chat.temperature", 0.3)
    aliases.ensure(load_config().config)
    ours = set(digests(config)) - set(before)
    assert ours == {*NAMES, f"{ONE}-assistant", f"{ONE}-assistant-completion"}
    stop_engine()
    dry = aliases.remove(dry_run=True)
    assert {name for name, _ in dry} == ours
    assert aliases.remove() == dry
    assert aliases.left() == []
    assert running_engine() is None  # it is not started for this
    assert digests(config) == before


_DIE = """
import os, signal, sys
from local_assistant.config import load_config
from local_assistant.models import aliases, made
from local_assistant.server import client
wanted, requests = sys.argv[1], client.Client.request
def request(self, method, path, body=None):
    answer = requests(self, method, path, body)
    if path == wanted:
        os.kill(os.getpid(), signal.SIGKILL)
    return answer
client.Client.request = request
aliases.ensure(load_config().config)
"""


@pytest.mark.parametrize("after", ["/api/copy", "/api/create"])
def test_a_kill_before_the_record_is_written(config: AssistantConfig, after: str) -> None:
    """The name is there, and the record says only that it was about to be made."""
    find_server(config)
    before = digests(config)
    died = subprocess.run([sys.executable, "-c", _DIE, after], capture_output=True, text=True)
    assert died.returncode == -signal.SIGKILL, died.stderr
    made_now = set(digests(config)) - set(before)
    assert made_now
    recorded = json.loads((paths.state_dir() / "aliases.json").read_text())["servers"]
    (names,) = recorded.values()
    assert made_now <= set(names)
    assert {name for name, _ in aliases.remove(dry_run=True)} == made_now
    aliases.ensure(config)
    assert aliases.problems(config) == []
    aliases.remove()
    assert digests(config) == before


def test_a_damaged_record_makes_nothing_ours(config: AssistantConfig) -> None:
    aliases.ensure(config, start=True)
    (paths.state_dir() / "aliases.json").write_text("{")
    assert made.read().servers == {}
    assert aliases.remove() == []
    set_value("models.chat", TWO)
    assert aliases.ensure(load_config().config) == ()
    messages = [problem.message for problem in aliases.problems(load_config().config)]
    assert any("assistant-chat that the assistant did not make" in text for text in messages)
