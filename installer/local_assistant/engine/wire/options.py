"""Ollama's ``options`` and how they become llama.cpp's fields.

Contract: pure. Known names with a wrong type are refused with Ollama's sentence; unknown
names are ignored, as Ollama does. Defaults are Ollama's, so that answers do not change when
a client moves between the two servers.
"""

from __future__ import annotations

from typing import Any

from local_assistant.engine.runtime.scheduler import LoadOptions
from local_assistant.engine.wire.shapes import ApiError

_INTEGERS = (
    "num_ctx", "num_batch", "num_gpu", "main_gpu", "num_thread", "draft_num_predict",
    "num_keep", "num_predict", "top_k", "repeat_last_n", "seed",
)  # fmt: skip
_FLOATS = (
    "temperature", "top_p", "min_p", "typical_p", "repeat_penalty", "presence_penalty",
    "frequency_penalty",
)  # fmt: skip
_INT32, _FLOAT32 = 2**31 - 1, 3.4e38
_DEFAULTS: dict[str, Any] = {
    "num_predict": -1,
    "num_keep": 4,
    "temperature": 0.8,
    "top_k": 40,
    "top_p": 0.9,
    "min_p": 0.0,
    "typical_p": 1.0,
    "repeat_last_n": 64,
    "repeat_penalty": 1.0,
    "presence_penalty": 0.0,
    "frequency_penalty": 0.0,
    "seed": -1,
    "stop": [],
}
_UNBOUNDED = 10
"""Contexts that an answer without a bound may take."""
_RENAMED = {"num_predict": "n_predict", "num_keep": "n_keep"}


def check(options: dict[str, Any]) -> dict[str, Any]:
    """Return the known options, each of its type.

    Raises:
        ApiError: a value has another type (status 500, as Ollama answers it).
    """
    checked: dict[str, Any] = {}
    for name, value in options.items():
        if value is None:
            continue
        number = isinstance(value, (int, float)) and not isinstance(value, bool)
        if name in _INTEGERS:
            if not number:
                raise ApiError(500, f'option "{name}" must be of type integer')
            checked[name] = _integer(name, value)
        elif name in _FLOATS:
            if not number:
                raise ApiError(500, f'option "{name}" must be of type float32')
            checked[name] = max(-_FLOAT32, min(_FLOAT32, value * 1.0))
        elif name == "use_mmap":
            if not isinstance(value, bool):
                raise ApiError(500, 'option "use_mmap" must be of type boolean')
        elif name == "stop":
            if not isinstance(value, list):
                raise ApiError(500, 'option "stop" must be of type array')
            if not all(isinstance(item, str) for item in value):
                raise ApiError(500, 'option "stop" must be of an array of strings')
            checked[name] = value
    return checked


def _integer(name: str, value: float) -> int:
    """Return a number as llama.cpp can read it: 32 bits, for a seed without a sign."""
    if name == "seed" and abs(value) < 2**63:
        return int(value) % 2**32 if value >= 0 else -1
    return int(max(-_INT32, min(_INT32, value)))


def load_options(options: dict[str, Any]) -> LoadOptions:
    """Return those options that decide how a model is loaded; no size is 0 or less."""
    gpu = options.get("num_gpu")
    return LoadOptions(
        context=_positive(options, "num_ctx"),
        batch=_positive(options, "num_batch"),
        threads=_positive(options, "num_thread"),
        gpu_layers=gpu if gpu is not None and gpu >= 0 else None,
    )


def _positive(options: dict[str, Any], name: str) -> int | None:
    value: int = options.get(name, 0)
    return value if value > 0 else None


def sampling_fields(options: dict[str, Any], context: int, *, chat: bool = False) -> dict[str, Any]:
    """Return the sampling part of a request to llama.cpp's server.

    Args:
        chat: whether 0 tokens mean none; ``/api/generate`` takes 0 as no bound, as in Ollama.
    """
    merged = {**_DEFAULTS, **options}
    fields = {_RENAMED.get(name, name): merged[name] for name in _DEFAULTS}
    bound = _UNBOUNDED * context
    if fields["n_predict"] < 0 or fields["n_predict"] > bound or not (fields["n_predict"] or chat):
        # Unbounded means Ollama's bound; the context ends it earlier.
        fields["n_predict"] = bound
    if fields["repeat_last_n"] == -1:
        fields["repeat_last_n"] = context
    # Progress events are written once per batch: a closed connection is noticed at the next
    # one, where it would otherwise be looked at once a second.
    return {**fields, "cache_prompt": True, "stream": True, "return_progress": True}
