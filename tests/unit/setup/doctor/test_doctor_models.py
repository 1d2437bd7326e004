"""Models by what a server says of them: there, able, templates, contexts, memory."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from local_assistant.config import set_value
from local_assistant.errors import AssistantError
from local_assistant.machine import GB, Gpu, Machine
from local_assistant.setup.doctor import Failing, models, sizes
from local_assistant.setup.doctor.readings import Readings
from tests.unit.setup.answering import ollama

Says = Callable[..., Readings]
ABLE = ["completion", "insert", "embedding"]
INFO = {"general.architecture": "x", "x.context_length": 8192}


@pytest.fixture
def says(home: Path) -> Any:
    """Start an Ollama with these answers, and look at it with these settings."""
    with ExitStack() as stack:

        def start(context: int | None = None, **answers: Any) -> Readings:
            show = {"capabilities": ABLE, "template": "{{ .Messages }}", "model_info": INFO}
            answers = {"ps": {"models": []}, **answers, "show": show | answers.get("show", {})}
            config = stack.enter_context(ollama(**answers))
            set_value("server.kind", "ollama")
            set_value("server.url", config.server.url)
            for role in ("chat", "completion", "embedding"):
                set_value(f"models.{role}", "m")
            if context is not None:
                set_value("chat.context_tokens", context)
            return Readings(folder=home)

        yield start


def loaded(context: int, size: int = 1) -> dict[str, Any]:
    return {"models": [{"name": "m:latest", "context_length": context, "size": size}]}


def test_models_that_are_there(says: Says) -> None:
    assert models.check_models(says()).startswith("chat: m:latest, completion: m:latest")


def test_a_model_that_is_not_there(says: Says) -> None:
    with pytest.raises(Failing, match='"m" is not installed') as caught:
        models.check_models(says(tags={"models": [{"name": "other", "size": 1}]}))
    assert "jupyter assistant pull m" in (caught.value.fix or "")
    assert caught.value.message.count("not installed") == 1, "said once for all roles"


def test_no_server(home: Path) -> None:
    set_value("server.kind", "ollama")
    set_value("server.url", "http://127.0.0.1:9")
    with pytest.raises(AssistantError, match="Not tried: no server answers") as caught:
        models.check_models(Readings(folder=home))
    assert caught.value.fix


def test_abilities(says: Says) -> None:
    assert "fills in the middle by its template" in models.check_abilities(says())


@pytest.mark.parametrize(
    ("able", "said", "role"),
    [
        (["completion", "embedding"], "cannot fill in the middle", "completion"),
        (["insert", "embedding"], "cannot chat", "chat"),
        (["completion", "insert"], "makes no vectors", "embedding"),
    ],
)
def test_an_ability_that_is_missing(says: Says, able: list[str], said: str, role: str) -> None:
    with pytest.raises(Failing, match=said) as caught:
        models.check_abilities(says(show={"capabilities": able}))
    assert f"--for {role}" in (caught.value.fix or "")


@pytest.mark.parametrize("template", ["", "{{ .Prompt }}"])
def test_a_chat_model_without_a_template(says: Says, template: str) -> None:
    with pytest.raises(Failing, match="no chat template") as caught:
        models.check_templates(says(show={"template": template}))
    assert "jupyter assistant use MODEL --for chat" in (caught.value.fix or "")


def test_templates_that_are_there(says: Says) -> None:
    assert "15 characters" in models.check_templates(says())


def test_a_template_in_the_servers_own_code(says: Says) -> None:
    readings = says(show={"template": "{{ .Prompt }}", "modelfile": "FROM x\nRENDERER qwen3\n"})
    assert "code of the server's own" in models.check_templates(readings)


@pytest.mark.parametrize(
    ("wanted", "there"),
    [(None, 4096), (4096, 4096), (4096, 0), (100_000, 8192)],
    ids=["not set", "the same", "not loaded", "more than the model can read"],
)
def test_contexts_that_load_nothing_anew(says: Says, wanted: int | None, there: int) -> None:
    ps = loaded(there) if there else {"models": []}
    assert "m:latest" in sizes.check_contexts(says(wanted, ps=ps))


def test_a_context_that_loads_the_model_anew(says: Says) -> None:
    with pytest.raises(Failing, match="loaded with a context of 2048") as caught:
        sizes.check_contexts(says(4096, ps=loaded(2048)))
    assert "Set context_tokens = 2048" in (caught.value.fix or "")


def test_the_size_of_ollama_s_own_variable_is_a_remark(says: Says) -> None:
    readings = says()
    readings.environment = {"OLLAMA_CONTEXT_LENGTH": "8192"}
    assert "OLLAMA_CONTEXT_LENGTH=8192 counts for" in sizes.check_contexts(readings)


@pytest.mark.parametrize("model", ["ollama_chat/assistant-chat:latest", "ollama:assistant-chat"])
def test_jupyter_ai_asking_for_another_context(model: str) -> None:
    settings = {"fields": {model: {"num_ctx": 16384}}, "completions_fields": None}
    (problem,) = sizes.stock_sizes(settings, None)
    assert "asks assistant-chat for a context of 16384 tokens" in problem.message
    assert "context_tokens = 16384" in (problem.fix or "")
    assert sizes.stock_sizes(settings, 16384) == []
    assert sizes.stock_sizes({"fields": {"openai/gpt": {"num_ctx": 1}}}, None) == []


def test_a_model_of_a_cloud_is_not_asked_what_it_is(says: Says) -> None:
    """Ollama would ask its cloud, and nobody said yes to that."""
    cloud = {"name": "m:latest", "size": 1, "remote_host": "https://ollama.com:443"}
    readings = says(show={"capabilities": []}, tags={"models": [cloud]})
    assert sizes.check_contexts(readings) == models.NOT_ASKED
    assert models.check_abilities(readings) == models.NOT_ASKED
    assert models.check_templates(readings) == "m:latest runs elsewhere"


@pytest.fixture
def small_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("local_assistant.machine.read_machine", lambda: Machine(8 * GB, 4))
    monkeypatch.setattr("local_assistant.machine.available_memory", lambda: 3 * GB)


def test_memory_for_all_models_in_use(says: Says, small_machine: None) -> None:
    said = sizes.check_memory(says(ps=loaded(4096, size=GB)))
    assert said.startswith("3.0 of 8 GB free, 1.1 GB held by loaded models")


def test_a_model_that_this_machine_cannot_hold(says: Says, small_machine: None) -> None:
    tags = {"models": [{"name": "m:latest", "size": 20 * GB}]}
    with pytest.raises(Failing, match="more than this machine has") as caught:
        sizes.check_memory(says(tags=tags))
    assert "jupyter assistant models" in (caught.value.fix or "")


def test_a_model_for_which_programs_must_be_closed(says: Says, small_machine: None) -> None:
    said = sizes.check_memory(says(tags={"models": [{"name": "m:latest", "size": 4 * GB}]}))
    assert "will swap: close some programs first" in said


def test_a_model_that_is_loaded_under_another_of_its_names(says: Says, small_machine: None) -> None:
    """Whoever asked first named it; /api/ps lists that name alone."""
    both = [
        {"name": "m:latest", "size": 4 * GB, "digest": "1"},
        {"name": "assistant-chat:latest", "size": 4 * GB, "digest": "1"},
    ]
    ps = {"models": [{**both[1], "size": 5 * GB}]}
    said = sizes.check_memory(says(ps=ps, tags={"models": both}))
    assert said.endswith("5.4 GB held by loaded models")


def test_a_model_that_a_card_takes_swaps_nothing(
    says: Says, small_machine: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    card = Gpu("a card", "nvidia", 24 * GB)
    machine = Machine(8 * GB, 4, gpus=(card,))
    monkeypatch.setattr("local_assistant.machine.read_machine", lambda: machine)
    tags = {"models": [{"name": "m:latest", "size": 10 * GB}]}
    assert "swap" not in sizes.check_memory(says(tags=tags))
    full = {"models": [{"name": "other:latest", "size": 16 * GB, "size_vram": 16 * GB}]}
    assert "will swap" in sizes.check_memory(says(tags=tags, ps=full))


def test_swap_in_use(tmp_path: Path) -> None:
    meminfo = tmp_path / "meminfo"
    meminfo.write_text("MemTotal: 1 kB\nSwapTotal:       2000 kB\nSwapFree:        500 kB\n")
    assert sizes.swap_used(str(meminfo)) == 1500 * 1024
    assert sizes.swap_used(str(tmp_path / "none")) == 0
