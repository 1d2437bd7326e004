"""Durations in Go's form, options of Ollama, the launcher's reading of a configuration."""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any

import pytest

from local_assistant.engine import __main__, launch
from local_assistant.engine.runtime.scheduler import LoadOptions
from local_assistant.engine.settings import EngineOptions, parse_duration
from local_assistant.engine.wire import options as ollama_options
from local_assistant.engine.wire.shapes import ApiError
from local_assistant.errors import AssistantError


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (0, 0), (300, 300), (1.5, 1.5), (-1, math.inf), (-0.5, math.inf), ("0", 0), ("5m", 300),
        ("1h30m", 5400), ("250ms", 0.25), ("1.5h", 5400), (".5s", 0.5), ("-1m", math.inf),
        ("+10s", 10), ("3us", 3e-6), ("3µs", 3e-6), ("7ns", 7e-9), ("0s", 0),
    ],
)  # fmt: skip
def test_durations(value: Any, seconds: float) -> None:
    assert parse_duration(value) == pytest.approx(seconds)


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("300", 'missing unit in duration "300"'),
        ("5x", 'unknown unit "x" in duration "5x"'),
        ("", 'invalid duration ""'),
        ("m", 'invalid duration "m"'),
        ("1h-3m", "duration"),
        (True, "Unsupported type: 'bool'"),
        ([], "Unsupported type"),
        (None, "Unsupported type"),
    ],
)
def test_no_durations(value: Any, said: str) -> None:
    with pytest.raises(ValueError) as caught:
        parse_duration(value)
    assert said in str(caught.value)


def test_options_become_llama_fields_with_ollamas_defaults() -> None:
    fields = ollama_options.sampling_fields({}, 1000)
    assert fields["temperature"] == 0.8
    assert fields["top_p"] == 0.9
    assert fields["min_p"] == 0
    assert fields["repeat_penalty"] == 1
    assert fields["n_keep"] == 4
    assert fields["n_predict"] == 10_000
    assert fields["cache_prompt"] is True
    checked = ollama_options.check({"num_predict": 7.9, "stop": ["a"], "mirostat": 1, "seed": None})
    assert checked == {"num_predict": 7, "stop": ["a"]}
    assert ollama_options.sampling_fields(checked, 1000)["n_predict"] == 7


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"num_ctx": "4096"}, 'option "num_ctx" must be of type integer'),
        ({"num_ctx": True}, 'option "num_ctx" must be of type integer'),
        ({"temperature": "hot"}, 'option "temperature" must be of type float32'),
        ({"stop": "x"}, 'option "stop" must be of type array'),
        ({"stop": [1]}, "array of strings"),
    ],
)
def test_options_of_another_type(options: dict[str, Any], said: str) -> None:
    with pytest.raises(ApiError) as caught:
        ollama_options.check(options)
    assert said in caught.value.message
    assert caught.value.status == 500


def test_load_options() -> None:
    given = {"num_ctx": 2048, "num_gpu": -1, "num_thread": 0, "temperature": 1}
    assert ollama_options.load_options(given) == LoadOptions(context=2048)
    given = {"num_gpu": 0, "num_thread": 3, "num_batch": 64}
    assert ollama_options.load_options(given) == LoadOptions(None, 64, 3, 0)


def test_the_configuration_becomes_a_command_line_and_back(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    engine = SimpleNamespace(
        port=5000, models_dir=str(tmp_path), threads=3, gpu_layers=0, idle_timeout="1h"
    )
    options = launch.options_from_config(SimpleNamespace(engine=engine))
    assert options == EngineOptions(
        port=5000, models_dir=str(tmp_path), threads=3, gpu_layers=0, idle_timeout_s=3600
    )
    served: list[EngineOptions] = []
    monkeypatch.setattr(__main__, "serve", lambda given: served.append(given) or 0)
    assert __main__.main(launch.command_line(options)) == 0
    assert served == [options]


def test_no_configuration_is_the_defaults() -> None:
    assert launch.options_from_config(None) == EngineOptions()


def test_a_bad_idle_timeout_names_the_key() -> None:
    engine = SimpleNamespace(idle_timeout="soon")
    with pytest.raises(AssistantError, match="idle_timeout") as caught:
        launch.options_from_config(SimpleNamespace(engine=engine))
    assert '"10m"' in str(caught.value.fix)
