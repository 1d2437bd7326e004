"""Which model answers: named ones or nothing else, presets or the demo model that says so."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from local_assistant import paths
from local_assistant.config import AssistantConfig
from local_assistant.engine.launch import ensure_engine
from local_assistant.engine.store.store import Store
from local_assistant.errors import AssistantError
from local_assistant.machine import GB, Machine
from local_assistant.models import presets
from local_assistant.models.catalog import catalog
from local_assistant.models.pull import Options, pull_one
from local_assistant.server import Client, choose, find_server, installed
from local_assistant.server.gguf import imported, known_elsewhere, name_for
from local_assistant.setup.model_step import models_of
from tests.integration.server.conftest import free_port
from tests.integration.server.pulling import as_ollama
from tests.unit.server.conftest import RawServer, reply

Configure = Callable[..., AssistantConfig]
Install = Callable[..., Path]
ROLES = ("chat", "completion", "embedding")


@pytest.fixture
def url() -> str:
    return f"http://127.0.0.1:{free_port()}"


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Set this machine's memory in GB."""

    def set_memory(memory_gb: float) -> None:
        size = Machine(int(memory_gb * GB), 4)
        monkeypatch.setattr("local_assistant.machine.read_machine", lambda: size)

    set_memory(16)
    return set_memory


def test_a_preset_of_the_users_own_may_name_a_file(
    assistant: Configure, url: str, tmp_path: Path
) -> None:
    file = tmp_path / "mine.gguf"
    shutil.copy(paths.demo_gguf(), file)
    assistant(server__url=url)
    with paths.user_config_file().open("a", encoding="utf-8") as settings:
        settings.write(f"[presets.mine]\nchat = '{file}'\ncompletion = 'x'\nembedding = 'y'\n")
    config = assistant(models__preset="mine")
    assert choose("chat", config).model == name_for(file)
    answering, missing = models_of(config)
    assert answering["chat"] == name_for(file)
    assert [spec.name for spec in missing] == ["x", "y"], "a file is not to be downloaded"
    assert str(file) not in {entry.name for entry in catalog(config).entries}


@pytest.mark.usefixtures("machine")
def test_what_the_preset_wants_is_missing_though_a_smaller_one_answers(
    assistant: Configure, url: str
) -> None:
    config = assistant(server__url=url)
    assert presets.sizing_of(config, "embedded").preset.name == "medium"
    Store(paths.models_dir()).add_gguf("qwen2.5-coder:1.5b", paths.demo_gguf(), link=False)
    assert choose("chat", config).model == "qwen2.5-coder:1.5b"
    _, missing = models_of(config)
    assert [spec.name for spec in missing] == ["qwen2.5-coder:7b", "qwen3-embedding:0.6b"]


@pytest.mark.usefixtures("machine")
@pytest.mark.parametrize("role", ROLES)
def test_the_demo_model_answers_until_the_presets_is_there(
    assistant: Configure, url: str, role: str
) -> None:
    config = assistant(server__url=url, models__preset="small")
    choice = choose(role, config)  # type: ignore[arg-type]
    wanted = presets.PRESETS["small"].models[role].name
    assert (choice.endpoint.kind, choice.model, choice.role) == (
        "embedded",
        "assistant-demo",
        role,
    )
    assert choice.notice == (
        f"The demo model answers, because {wanted} is not installed yet. "
        f"Get it with: jupyter assistant pull {wanted}"
    )
    Store(paths.models_dir()).add_gguf(wanted, paths.demo_gguf())
    choice = choose(role, config)  # type: ignore[arg-type]
    assert (choice.model.removesuffix(":latest"), choice.notice) == (wanted, None)


def test_who_wants_the_demo_model_is_told_nothing(assistant: Configure, url: str) -> None:
    choice = choose("chat", assistant(server__url=url, models__preset="demo"))
    assert (choice.model, choice.notice) == ("assistant-demo", None)
    assert choose("chat", assistant(models__chat="Assistant-Demo:latest")).notice is None


def test_the_demo_model_answers_beside_an_ollama_without_models(
    assistant: Configure, install_ollama: Install, url: str
) -> None:
    install_ollama()
    config = assistant(server__url=url, models__preset="small")
    choice = choose("chat", config)
    assert (choice.endpoint.kind, choice.model) == ("embedded", "assistant-demo")
    assert "jupyter assistant pull qwen2.5-coder:1.5b" in (choice.notice or "")
    assert find_server(config).kind == "ollama"


def test_ollamas_model_answers(assistant: Configure, install_ollama: Install, url: str) -> None:
    install_ollama(models="QWEN2.5-coder:1.5B,nomic-embed-text:latest,other:7b")
    config = assistant(server__url=url, models__preset="small")
    chat, embedding = choose("chat", config), choose("embedding", config)
    assert (chat.endpoint.kind, chat.model, chat.notice) == ("ollama", "QWEN2.5-coder:1.5B", None)
    assert embedding.model == "nomic-embed-text:latest"
    assert choose("chat", config, model="other:7b").model == "other:7b"
    assert choose("chat", config, model="assistant-demo").endpoint.kind == "embedded"


@pytest.mark.parametrize(
    ("memory_gb", "there", "answers"),
    [
        (16, "qwen2.5-coder:7b,qwen2.5-coder:1.5b", "qwen2.5-coder:7b"),
        (16, "qwen2.5-coder:1.5b", "qwen2.5-coder:1.5b"),  # a smaller preset's beats the demo
        (8, "qwen2.5-coder:7b", "assistant-demo"),  # a larger one may not fit
        (2, "qwen2.5-coder:1.5b", "assistant-demo"),
    ],
)
def test_auto_takes_what_fits_and_is_there(
    assistant: Configure,
    install_ollama: Install,
    machine: Callable[[float], None],
    url: str,
    memory_gb: float,
    there: str,
    answers: str,
) -> None:
    install_ollama(models=there)
    machine(memory_gb)
    choice = choose("chat", assistant(server__url=url))
    assert choice.model == answers
    assert bool(choice.notice) == (answers == "assistant-demo")
    if memory_gb == 2:
        assert "2 GB of memory" in (choice.notice or "")


@pytest.mark.parametrize("explicit", ["argument", "setting"])
def test_a_named_model_that_is_missing_is_an_error(
    assistant: Configure, install_ollama: Install, url: str, explicit: str
) -> None:
    install_ollama(models="llama3.2:3b,qwen2.5-coder:7b")
    setting = {"models__chat": "qwen2.5-coder:70b"} if explicit == "setting" else {}
    config = assistant(server__url=url, **setting)
    with pytest.raises(AssistantError) as caught:
        choose("chat", config, model=None if setting else "qwen2.5-coder:70b")
    assert caught.value.message == (
        'The model "qwen2.5-coder:70b" is not installed. '
        "Installed: qwen2.5-coder:7b, llama3.2:3b, assistant-demo."
    )
    assert (caught.value.fix or "").startswith(
        "Get it with: jupyter assistant pull qwen2.5-coder:70b"
    )


def test_what_is_no_name_is_refused(assistant: Configure, url: str) -> None:
    with pytest.raises(AssistantError, match="is not a model name"):
        choose("chat", assistant(server__url=url), model="write me a poem")


def test_a_model_of_our_store_answers_beside_ollama(
    assistant: Configure, install_ollama: Install, url: str
) -> None:
    install_ollama()
    config = assistant(server__url=url)
    Store(paths.models_dir()).add_gguf("hf.co/me/mine:Q8_0", paths.demo_gguf())
    choice = choose("chat", config, model="hf.co/me/mine:q8_0")
    assert (choice.endpoint.kind, choice.model) == ("embedded", "hf.co/me/mine:Q8_0")


def test_a_gguf_file_answers_by_its_path(
    assistant: Configure, url: str, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = home / "my models" / "Tiny (1).gguf"
    file.parent.mkdir()
    shutil.copy(paths.demo_gguf(), file)
    config = assistant(server__url=url, models__chat=str(file))
    choice = choose("chat", config)
    assert choice.endpoint.kind == "embedded"
    assert choice.model.startswith("file/Tiny-1:")
    body = {
        "model": choice.model,
        "messages": [{"role": "user", "content": "hello"}],
        "stream": False,
        "options": {"num_predict": 3},
    }
    assert Client(choice.endpoint).post("/api/chat", body)["message"]["role"] == "assistant"
    (blob,) = [path for path in (paths.models_dir() / "blobs").iterdir() if path.samefile(file)]
    assert blob.stat().st_nlink == 2

    def add_again(*_: object, **__: object) -> str:
        raise AssertionError("an unchanged file is not read again")

    with monkeypatch.context() as patch:
        patch.setattr(Store, "add_gguf", add_again)
        assert choose("chat", config).model == choice.model
    os.utime(file, ns=(1, 1))
    assert choose("chat", config).model == choice.model
    assert choose("chat", config, model=os.path.relpath(file)).model == choice.model


@pytest.mark.parametrize(
    ("content", "words"),
    [(None, "There is no file"), (b"PK\x03\x04 no model", "is not a GGUF file")],
)
def test_a_path_to_nothing_useful(
    assistant: Configure, home: Path, content: bytes | None, words: str
) -> None:
    file = home / "x.gguf"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(AssistantError, match=words) as caught:
        choose("chat", assistant(), model=str(file))
    assert "~" in caught.value.message
    assert caught.value.fix


def test_answers_from_elsewhere_are_announced(
    assistant: Configure,
    install_ollama: Install,
    monkeypatch: pytest.MonkeyPatch,
    machine: Callable[[float], None],
    url: str,
) -> None:
    install_ollama(models="big:120b-cloud@https://ollama.com:443")
    config = assistant(server__url=url)
    assert choose("chat", config, model="big:120b-cloud").notice == (
        "The answers of big:120b-cloud come from ollama.com:443, not from this machine."
    )
    tags = {"models": [{"name": "qwen3-coder:30b"}]}
    remote = RawServer(
        lambda server, connection: connection.sendall(
            reply(tags if b"/api/tags" in server.requests[-1] else {"version": "1.0.0"})
        )
    )
    # There is no other machine here: loopback counts as one.
    monkeypatch.setattr("local_assistant.config.is_loopback", lambda _url: False)
    machine(4)  # this machine's memory says nothing about the other's
    config = assistant(server__url=remote.url)
    choice = choose("chat", config)
    assert choice.model == "qwen3-coder:30b"
    assert choice.notice == f"The answers come from {remote.url}, not from this machine."
    missing = choose("embedding", config)
    assert missing.endpoint.kind == "embedded"
    assert f"qwen3-embedding:0.6b is not installed at {remote.url} yet" in (missing.notice or "")
    remote.close()


def test_without_an_engine_the_missing_model_is_named(
    assistant: Configure, install_ollama: Install, monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    install_ollama()
    config = assistant(server__url=url, models__preset="small")
    # An environment without the extra [engine].
    find_spec = __import__("importlib.util").util.find_spec
    monkeypatch.setattr(
        "importlib.util.find_spec",
        lambda name, *rest: None if name == "xllamacpp" else find_spec(name, *rest),
    )
    with pytest.raises(AssistantError) as caught:
        choose("chat", config)
    assert "qwen2.5-coder:1.5b is not installed yet" in caught.value.message
    assert "xllamacpp" in caught.value.message
    assert caught.value.fix == "Get it with: jupyter assistant pull qwen2.5-coder:1.5b"


def test_a_gguf_file_that_an_ollama_was_given(assistant: Configure, home: Path) -> None:
    """Until then, and where the file has changed since, the engine answers."""
    engine = ensure_engine(assistant(server__kind="embedded"))
    ollama = as_ollama(engine.url, engine.token)
    file = home / "mine.gguf"
    shutil.copy(paths.demo_gguf(), file)
    name = name_for(file)
    assert not known_elsewhere(file)
    outcome = pull_one(str(file), ollama, assistant(), lambda _: None, Options())
    assert (outcome.model, outcome.error) == (name, None)
    assert known_elsewhere(file)
    assert imported(file, ollama, installed(ollama)) == name
    assert imported(file, ollama, []) is None
    assert imported(file, as_ollama("http://127.0.0.1:1", ""), installed(ollama)) is None
    file.write_bytes(file.read_bytes() + b"\0")
    assert imported(file, ollama, installed(ollama)) is None
    assert choose("chat", assistant(models__chat=str(file))).endpoint.kind == "embedded"
