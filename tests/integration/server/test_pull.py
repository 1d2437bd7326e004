"""Models come whole or not at all: by Ollama, and from a Hugging Face on loopback."""

from __future__ import annotations

import shutil
from collections import namedtuple
from collections.abc import Callable
from pathlib import Path

import pytest

from local_assistant import paths
from local_assistant.config import AssistantConfig
from local_assistant.engine.store import Store
from local_assistant.errors import AssistantError
from local_assistant.models.catalog import catalog
from local_assistant.models.machine import GB, Machine
from local_assistant.models.presets import PRESETS
from local_assistant.models.pull import PullProgress, pull
from local_assistant.server import Client, choose
from tests.integration.server.conftest import Hub, free_port

Configure = Callable[..., AssistantConfig]
Install = Callable[..., Path]
SMALL = "unsloth/Qwen2.5-Coder-1.5B-Instruct-GGUF"
SMALL_FILE = "Qwen2.5-Coder-1.5B-Instruct-Q4_K_M.gguf"


@pytest.fixture
def config(assistant: Configure) -> AssistantConfig:
    return assistant(server__url=f"http://127.0.0.1:{free_port()}", server__kind="auto")


class Told(list[PullProgress]):
    def __call__(self, progress: PullProgress) -> None:
        self.append(progress)

    @property
    def statuses(self) -> list[str]:
        return list(dict.fromkeys(progress.status for progress in self))


def store() -> Store:
    return Store(paths.models_dir())


def test_a_presets_model_comes_from_hugging_face(config: AssistantConfig, hub: Hub) -> None:
    demo = paths.demo_gguf().read_bytes()
    hub.files[SMALL] = {"README.md": b"hello", SMALL_FILE: demo, "x-Q8_0.gguf": b"no"}
    told = Told()
    assert pull(["qwen2.5-coder:1.5b"], config, told) == ["qwen2.5-coder:1.5b"]
    assert told.statuses == ["asking Hugging Face", "downloading", "checking", "ready"]
    assert told[-2].total == told[-2].completed == len(demo)
    stored = store().find("qwen2.5-coder:1.5b")
    assert stored is not None
    assert stored.gguf.read_bytes() == demo
    assert list((paths.models_dir() / "downloads").iterdir()) == []
    choice = choose("chat", config, model="qwen2.5-coder:1.5b")
    body = {"model": choice.model, "prompt": "x", "stream": False, "options": {"num_predict": 2}}
    assert Client(choice.endpoint).post("/api/generate", body)["done"] is True
    asked = len(hub.requests)
    assert pull(["qwen2.5-coder:1.5b"], config, told) == ["qwen2.5-coder:1.5b"]
    assert len(hub.requests) == asked


def test_any_repository_by_its_name(config: AssistantConfig, hub: Hub) -> None:
    hub.files["me/Some-GGUF"] = {"sub/some.Q8_0.gguf": paths.demo_gguf().read_bytes()}
    pull(["hf.co/me/Some-GGUF", "huggingface.co/me/Some-GGUF:q8_0"], config, Told())
    names = {model.display for model in store().list_models()}
    assert names == {
        "assistant-demo:latest",
        "hf.co/me/Some-GGUF:latest",
        "hf.co/me/Some-GGUF:q8_0",
    }
    assert choose("chat", config, model="huggingface.co/me/Some-GGUF:Q8_0").notice is None


def test_a_broken_download_goes_on_where_it_stopped(config: AssistantConfig, hub: Hub) -> None:
    demo = paths.demo_gguf().read_bytes()
    # Larger than what the library reads at once, so that something is on the disk.
    hub.files["me/g"] = {"m.gguf": demo + b"\0" * (24_000_000 - len(demo))}
    hub.break_after = 14_000_000
    with pytest.raises(AssistantError, match=r"HTTP status 403|cannot be reached"):
        pull(["hf.co/me/g"], config, Told())
    assert store().find("hf.co/me/g") is None
    hub.break_after = None
    hub.status.clear()
    hub.requests.clear()
    told = Told()
    pull(["hf.co/me/g"], config, told)
    (start,) = [int(wanted[6:-1]) for _, _, wanted in hub.requests if wanted]
    assert start >= 10_000_000
    assert min(told_one.completed for told_one in told if told_one.completed) >= start
    assert store().find("hf.co/me/g") is not None


@pytest.mark.parametrize(
    ("name", "files", "words", "fix"),
    [
        ("hf.co/no/such", None, "no repository no/such", "hf auth login"),
        ("hf.co/me/g", {"README.md": b""}, "has no GGUF file", "-GGUF"),
        ("hf.co/me/g:Q9", {"m.Q4_0.gguf": b"GGUF"}, 'called "Q9"', "There are: m.Q4_0.gguf"),
        ("hf.co/me/g", {"m-00001-of-00002.gguf": b"G"}, "several parts", "whole files"),
        ("hf.co/me/g", {"m.gguf": b"PK\x03\x04"}, "is not a GGUF file", "use PATH"),
        ("llama3.2", None, 'cannot get "llama3.2" by this name', "or install Ollama"),
        ("a b", None, "", ""),
    ],
)
def test_what_cannot_be_had(
    config: AssistantConfig,
    hub: Hub,
    name: str,
    files: dict[str, bytes] | None,
    words: str,
    fix: str,
) -> None:
    if files is not None:
        hub.files["me/g"] = files
    with pytest.raises(AssistantError) as caught:
        pull([name], config, Told())
    assert words in caught.value.message
    assert fix in (caught.value.fix or "")
    assert [model.display for model in store().list_models()] == ["assistant-demo:latest"]


@pytest.mark.parametrize(
    ("status", "reason", "words"),
    [(403, "GatedRepo", "agree to its terms"), (500, "Oops", "HTTP status 500")],
)
def test_what_hugging_face_refuses(
    config: AssistantConfig, hub: Hub, status: int, reason: str, words: str
) -> None:
    hub.status["me/g"] = (status, reason)
    with pytest.raises(AssistantError, match=words):
        pull(["hf.co/me/g"], config, Told())


def test_no_network(config: AssistantConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{free_port()}")
    with pytest.raises(AssistantError, match="cannot be reached") as caught:
        pull(["hf.co/me/g"], config, Told())
    assert "Check the network" in (caught.value.fix or "")


def test_damage_on_the_way_is_noticed(config: AssistantConfig, hub: Hub) -> None:
    hub.files["me/g"] = {"m.gguf": paths.demo_gguf().read_bytes()}
    hub.wrong_sha.add("me/g")
    with pytest.raises(AssistantError, match="checksum"):
        pull(["hf.co/me/g"], config, Told())
    assert store().find("hf.co/me/g") is None


def test_no_room_on_the_disk(
    config: AssistantConfig, hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.files["me/g"] = {"m.gguf": paths.demo_gguf().read_bytes()}
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: usage(10, 10, 1_000_000))
    with pytest.raises(AssistantError, match=r"0\.0 GB are free") as caught:
        pull(["hf.co/me/g"], config, Told())
    assert "models_dir" in (caught.value.fix or "")
    assert not any("/resolve/" in path for _, path, _ in hub.requests)


def test_by_ollama(assistant: Configure, install_ollama: Install, config: AssistantConfig) -> None:
    install_ollama()
    told = Told()
    assert pull(["small"], config, told) == ["qwen2.5-coder:1.5b", "nomic-embed-text"]
    assert told.statuses == [
        "pulling manifest",
        "pulling 0123456789ab",
        "verifying sha256 digest",
        "ready",
    ]
    assert PullProgress("nomic-embed-text", "pulling 0123456789ab", 50, 100) in told
    assert choose("embedding", config, model="nomic-embed-text").endpoint.kind == "ollama"


@pytest.mark.parametrize(
    ("name", "words", "fix"),
    [
        ("missing", 'library has no model "missing"', "ollama.com/library"),
        ("broken", "stopped in the middle", "Run it again"),
    ],
)
def test_what_ollama_cannot_get(
    config: AssistantConfig, install_ollama: Install, name: str, words: str, fix: str
) -> None:
    install_ollama()
    with pytest.raises(AssistantError, match=words) as caught:
        pull([name], config, Told())
    assert fix in (caught.value.fix or "")


def test_the_demo_model_and_files_need_nobody(config: AssistantConfig, home: Path) -> None:
    file = home / "mine.gguf"
    shutil.copy(paths.demo_gguf(), file)
    demo, mine = pull(["assistant-demo", str(file)], config, Told())
    assert demo == "assistant-demo"
    assert store().find(mine) is not None


def test_the_catalog_lists_all_there_is(
    assistant: Configure, install_ollama: Install, config: AssistantConfig
) -> None:
    install_ollama(models="qwen2.5-coder:1.5b,mine:latest")
    machine = Machine(8 * GB, 4)
    nothing_runs = catalog(config, machine=machine)
    assert nothing_runs.endpoint is None
    assert nothing_runs.problem is not None
    assert set(nothing_runs.answers.values()) == {"assistant-demo"}
    config = assistant(models__preset="small")
    listed = catalog(config, start=True, machine=machine)
    entries = {entry.name: entry for entry in listed.entries}
    assert listed.endpoint is not None
    assert listed.sizing.preset is PRESETS["small"]
    assert entries["qwen2.5-coder:1.5b"].server == "ollama"
    assert entries["qwen2.5-coder:1.5b"].roles == ("chat", "completion")
    assert entries["qwen2.5-coder:1.5b"].presets == ("small", "medium")
    assert entries["mine"].installed
    assert entries["assistant-demo"].server == "embedded"
    assert entries["assistant-demo"].roles == ("embedding",)
    assert not entries["nomic-embed-text"].installed
    assert entries["qwen3-coder:30b"].fits is False
    assert entries["qwen2.5-coder:7b"].fits is True
    installed = [entry.installed for entry in listed.entries]
    assert installed == sorted(installed, reverse=True)
