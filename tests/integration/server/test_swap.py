"""Another model for a role: in force at the next request everywhere, and the old one is gone."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from local_assistant import paths
from local_assistant.config import AssistantConfig, ConfigError, load_config, set_value
from local_assistant.engine.store.store import Store
from local_assistant.errors import AssistantError
from local_assistant.lab.chat.backend import Backend, Counts
from local_assistant.lab.completion.target import Targets
from local_assistant.lab.magics.script import ask
from local_assistant.models.swap import NotInstalled, Unfit, swap, use_preset
from local_assistant.server import ALIASES, Client, choose, find_server, installed
from tests.differential import case, models
from tests.integration.lab.completion.conftest import Jupyter
from tests.integration.server.conftest import free_port
from tests.integration.server.two_models import ONE, TWO, add_two
from tests.waiting import until

Configure = Callable[..., AssistantConfig]


@pytest.fixture
def config(assistant: Configure, tmp_path: Path) -> AssistantConfig:
    """The engine with two models; the first one answers for all."""
    add_two(tmp_path)
    roles = {f"models__{role}": ONE for role in ALIASES}
    config = assistant(server__kind="embedded", **roles)
    find_server(config)
    return config


def now() -> AssistantConfig:
    return load_config().config


def in_memory() -> list[str]:
    return [each["name"] for each in Client(find_server(now())).get("/api/ps")["models"]]


def meant_by(alias: str) -> str | None:
    """The model that a fixed name means, by its digest."""
    listed = {
        model.name.removesuffix(":latest"): model.digest for model in installed(find_server(now()))
    }
    return next((name for name in (ONE, TWO) if listed[name] == listed.get(alias)), None)


def chat() -> str:
    """Ask as the chat does; return the model that was asked."""
    choice = choose("chat", now())

    async def answer() -> None:
        question = [{"role": "user", "content": "hello"}]
        async for _ in Backend().stream(choice, now(), question, Counts()):
            pass

    asyncio.run(answer())
    return choice.model


def complete() -> str:
    """Load the model of the completion, as the first key does."""

    async def load() -> str:
        targets = Targets()
        target = await targets.find(now())
        await targets.ensure_loaded(target, now())
        await targets.close()
        return target.model

    return asyncio.run(load())


def test_the_next_request_of_each_part_goes_to_the_new_model(config: AssistantConfig) -> None:
    assert (chat(), complete()) == (ONE, ONE)
    assert ask("hello", max_tokens=2)
    assert in_memory() == [ONE]
    set_value("models.embedding", TWO)
    set_value("models.completion", TWO)
    done = swap("chat", TWO)
    assert (done.before, done.now) == ({"chat": ONE}, {"chat": TWO})
    assert done.applied.unloaded == (ONE,)
    assert in_memory() == []
    assert meant_by("assistant-chat") == TWO
    assert ask("hello", max_tokens=2)
    assert in_memory() == [TWO]
    assert (chat(), complete()) == (TWO, TWO)
    assert in_memory() == [TWO]


def test_what_another_role_uses_stays_in_memory(config: AssistantConfig) -> None:
    chat()
    assert swap("chat", TWO).applied.unloaded == ()
    assert in_memory() == [ONE]
    assert swap("completion", TWO).applied.unloaded == ()
    assert swap("embedding", TWO).applied.unloaded == (ONE,)
    assert in_memory() == []


def test_the_same_weights_under_another_name_stay_in_memory(config: AssistantConfig) -> None:
    Client(find_server(config)).post("/api/copy", {"source": ONE, "destination": "mine"})
    chat()
    for role in ("completion", "embedding", "chat"):
        assert swap(role, "mine").applied.unloaded == ()  # type: ignore[arg-type]
    assert in_memory() == [ONE]


def test_a_model_loaded_under_one_of_our_names_leaves_too(config: AssistantConfig) -> None:
    for role in ("completion", "embedding"):
        swap(role, TWO)  # type: ignore[arg-type]
    swap("chat", ONE)
    client = Client(find_server(config))
    client.post("/api/generate", {"model": "assistant-chat", "prompt": "", "stream": False})
    assert in_memory() == ["assistant-chat:latest"]
    assert swap("chat", TWO).applied.unloaded == (ONE,)
    assert in_memory() == []


def test_an_unknown_model_changes_nothing(config: AssistantConfig) -> None:
    before = paths.user_config_file().read_bytes()
    with pytest.raises(NotInstalled) as raised:
        swap("chat", "three:1b")
    assert raised.value.model == "three:1b"
    assert ONE in raised.value.message
    with pytest.raises(AssistantError, match="a name that the assistant itself gives"):
        swap("chat", "assistant-completion")
    assert paths.user_config_file().read_bytes() == before


def test_a_file_that_is_not_valid_is_not_touched(config: AssistantConfig) -> None:
    file = paths.user_config_file()
    file.write_text("[chat]\ntemperature = 9\n")
    with pytest.raises(ConfigError):
        swap("chat", TWO)
    assert file.read_text() == "[chat]\ntemperature = 9\n"


def test_a_model_that_cannot_do_it(config: AssistantConfig, tmp_path: Path) -> None:
    vector = tmp_path / "vector.gguf"
    vector.write_bytes(models.files(paths.demo_gguf().read_bytes())[case.VECTOR])
    Store(paths.models_dir()).add_gguf("vector", vector)
    for role in ("chat", "completion"):
        with pytest.raises(Unfit, match=r"vector writes no text \(it is made for: embedding\)"):
            swap(role, "vector")  # type: ignore[arg-type]
    assert now() == config
    assert swap("embedding", "vector").notices == ()
    assert "writes no text" in swap("chat", "vector", force=True).notices[0]


def test_ollama_makes_vectors_only_of_models_that_are_made_for_it(
    assistant: Configure, install_ollama: Callable[..., Path]
) -> None:
    install_ollama(models="talker:1b,embedder:1b")
    assistant(server__url=f"http://127.0.0.1:{free_port()}")
    with pytest.raises(Unfit, match="talker:1b makes no vectors"):
        swap("embedding", "talker:1b")
    assert now().models.embedding is None
    assert swap("embedding", "embedder:1b").notices == ()
    with pytest.raises(Unfit, match="embedder:1b writes no text"):
        swap("chat", "embedder:1b")


def test_a_preset_decides_for_all_roles(config: AssistantConfig) -> None:
    done = use_preset("demo")
    assert done.before == {"preset": "auto", "chat": ONE, "completion": ONE, "embedding": ONE}
    assert done.now == {"preset": "demo", "chat": None, "completion": None, "embedding": None}
    assert choose("chat", now()).model == "assistant-demo"
    with pytest.raises(ConfigError):
        use_preset("gigantic")


@pytest.fixture
def jupyter(config: AssistantConfig, tmp_path: Path) -> Iterator[Jupyter]:
    root = tmp_path / "root"
    root.mkdir()
    server = Jupyter(root)
    try:
        yield server.wait()
    finally:
        server.stop()


def test_an_edit_by_hand_is_followed(config: AssistantConfig, jupyter: Jupyter) -> None:
    until(lambda: meant_by("assistant-chat") == ONE, 60)  # set at its start
    chat()
    assert in_memory() == [ONE]
    file = paths.user_config_file()
    file.write_text(file.read_text().replace(ONE, TWO))
    until(lambda: meant_by("assistant-chat") == TWO and meant_by("assistant-embed") == TWO, 60)
    until(lambda: ONE not in in_memory(), 60)
    # A file that cannot be used changes nothing; a good one after it counts.
    good = file.read_text()
    file.write_text("[models]\nchat = 3\n")
    file.write_text(good.replace(TWO, ONE))
    until(lambda: meant_by("assistant-chat") == ONE, 60)
