"""Presets: the data is whole, agrees with the schema, and takes in the user's own."""

from __future__ import annotations

import re

import pytest

from local_assistant import paths
from local_assistant.config import AssistantConfig
from local_assistant.config.schema import PRESETS as NAMES
from local_assistant.config.schema import ROLES
from local_assistant.engine.gguf.header import read_header
from local_assistant.engine.store import names
from local_assistant.lab.completion.families import family_for
from local_assistant.machine import GB, Machine
from local_assistant.models import presets, sizing
from local_assistant.models.plan import expand
from local_assistant.models.presets import AUTO, DEMO_PRESET, MODELS, PRESETS, presets_of
from local_assistant.server import DEMO_MODEL, Endpoint

OPEN = {"Apache-2.0", "MIT", "BSD-3-Clause"}


def test_the_data_is_what_the_schema_allows() -> None:
    assert (AUTO, *PRESETS) == NAMES
    for preset in PRESETS.values():
        assert set(preset.models) == set(ROLES)
        assert set(preset.on_gpu) <= set(ROLES)
        assert preset.summary
    need = [sizing.preset_bytes(preset) for preset in PRESETS.values()]
    assert need == sorted(need)
    variants = [each for preset in PRESETS.values() for each in (preset, preset.for_gpu())]
    assert {name for each in variants for name in each.distinct} == set(MODELS)
    for preset in PRESETS.values():
        assert sizing.preset_bytes(preset.for_gpu()) <= sizing.preset_bytes(preset)


@pytest.mark.parametrize("spec", MODELS.values(), ids=str)
def test_every_model_can_be_had_by_both_servers(spec: presets.ModelSpec) -> None:
    assert names.parse(spec.name).short.removesuffix(":latest") == spec.name
    assert spec.licence in OPEN
    assert spec.good_at
    assert spec.checked
    assert min(spec.size, spec.layers, spec.head_size, spec.active) > 0
    if spec.name == DEMO_MODEL:
        assert spec.source == ""
    else:
        assert re.fullmatch(r"hf\.co/[\w.-]+/[\w.-]+:[A-Z0-9_]+", spec.source)
        assert spec.page.startswith("https://ollama.com/library/")


def test_the_demo_models_figures_are_those_of_its_file() -> None:
    spec, header = MODELS[DEMO_MODEL], read_header(paths.demo_gguf())
    assert (spec.size, spec.active) == (header.size, header.parameters)
    assert sizing.kv_bytes(spec, 1000) == header.kv_bytes(1000)


def test_what_completes_was_trained_for_it() -> None:
    variants = [each for preset in PRESETS.values() for each in (preset, preset.for_gpu())]
    for name in {each.models["completion"].name for each in variants}:
        family = family_for(name, {})
        assert family is not None
        assert family.trained, name


def test_the_memory_of_a_model() -> None:
    spec = MODELS["qwen2.5-coder:7b"]
    assert sizing.kv_bytes(spec, 1) == 2 * 28 * 4 * 128 * 2
    small, large = sizing.model_bytes(spec, 4096), sizing.model_bytes(spec, 16384)
    assert small == spec.size + 2 * 4096 * 57344 + 400_000_000
    assert large - small == 2 * (16384 - 4096) * 57344
    assert sizing.model_bytes(MODELS["nomic-embed-text"], embeds=True) == 274_290_560 + 400_000_000
    assert sizing.model_bytes(presets.ModelSpec("unknown")) == 0
    # One model in two roles is loaded once.
    preset = PRESETS["small"]
    assert sizing.preset_bytes(preset) == sum(
        (
            sizing.model_bytes(MODELS["qwen2.5-coder:1.5b"]),
            sizing.model_bytes(MODELS["nomic-embed-text"], embeds=True),
        )
    )


def test_a_preset_of_the_users_own() -> None:
    own = {
        "chat": "devstral:24b",
        "completion": "qwen2.5-coder:7b",
        "embedding": "nomic-embed-text",
    }
    config = AssistantConfig.model_validate(
        {"models": {"preset": "mine"}, "presets": {"mine": {**own, "memory_gb": 22}}}
    )
    found = presets_of(config)
    assert list(found) == [*PRESETS, "mine"]
    mine = found["mine"]
    assert mine.own
    assert {role: spec.name for role, spec in mine.models.items()} == own
    assert mine.models["completion"].licence == "Apache-2.0"
    assert (mine.models["chat"].size, mine.models["chat"].licence) == (0, "")
    assert sizing.preset_bytes(mine) == 22 * GB
    chosen = presets.sizing_of(config, "embedded")
    assert chosen.reason == 'preset = "mine" in assistant.toml'
    assert chosen.candidates == (mine,)
    assert presets_of(AssistantConfig()) is PRESETS


def test_of_a_machine_not_known_the_best_comes_first() -> None:
    found = [spec.name for spec in presets.anywhere("completion")]
    assert found == ["qwen3-coder:30b", "qwen2.5-coder:7b", "qwen2.5-coder:1.5b"]
    assert DEMO_MODEL not in [spec.name for role in ROLES for spec in presets.anywhere(role)]


def test_the_server_that_will_answer_is_guessed_without_asking(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def kind(binary: str | None, **server: str) -> str:
        monkeypatch.setattr("local_assistant.server.ollama.find_binary", lambda: binary)
        return presets.kind_of(AssistantConfig.model_validate({"server": server}))

    assert kind(None) == "embedded"
    assert kind("/usr/bin/ollama") == "ollama"  # stopped, perhaps: it will be started
    assert kind("/usr/bin/ollama", kind="embedded") == "embedded"
    assert kind(None, kind="ollama") == "ollama"
    assert kind(None, url="http://models.example:11434") == "ollama"


def test_the_demo_has_no_smaller_one() -> None:
    assert next(iter(PRESETS)) == DEMO_PRESET


def test_a_presets_name_means_its_models(monkeypatch: pytest.MonkeyPatch) -> None:
    own = {"chat": "a", "completion": "a", "embedding": "b"}
    config = AssistantConfig.model_validate(
        {"presets": {"mine": own}, "chat": {"context_tokens": 16384}}
    )
    monkeypatch.setattr("local_assistant.machine.read_machine", lambda: Machine(15 * GB, 8))
    here = Endpoint("embedded", "http://127.0.0.1:1", None, "0", True, "")
    assert expand(["mine", "c ", "a"], config, here) == ["a", "b", "c"]
    # As everywhere, the context that is asked for counts.
    small = [spec.name for spec in PRESETS["small"].distinct.values()]
    assert expand(["auto"], config, here) == small
