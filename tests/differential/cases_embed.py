"""``/api/embed`` and ``/api/embeddings``."""

from __future__ import annotations

from typing import Any

from tests.differential.case import DEMO, VECTOR, Case, post


def _embed(name: str, *, model: str = VECTOR, **fields: Any) -> Case:
    return post(f"embed/{name}", "/api/embed", {"model": model, **fields})


def _older(name: str, *, model: str = VECTOR, **fields: Any) -> Case:
    return post(f"embeddings/{name}", "/api/embeddings", {"model": model, **fields})


_LONG = "hello " * 3000

EMBED: list[Case] = [
    _embed("text", input="hello"),
    _embed("list", input=["hello", "goodbye", "a longer sentence"]),
    _embed("list-of-one", input=["hello"]),
    _embed("unicode", input="héllo 你好 🙂"),
    _embed("empty-text", input=""),
    _embed("empty-list", input=[]),
    _embed("list-with-empty", input=["", "x"]),
    _embed("list-all-empty", input=[""]),
    _embed("null", input=None),
    _embed("number", input=1),
    _embed("numbers", input=[1, 2]),
    _embed("object", input={}),
    _embed("mixed", input=["a", 1]),
    _embed("dimensions", input="hello", dimensions=16),
    _embed("dimensions-large", input="hello", dimensions=100000),
    _embed("dimensions-zero", input="hello", dimensions=0),
    _embed("dimensions-negative", input="hello", dimensions=-1),
    _embed("dimensions-text", input="hello", dimensions="x"),
    _embed("long", input=_LONG),
    _embed("long-list", input=["hello", _LONG]),
    _embed("long-refused", input=_LONG, truncate=False),
    _embed("truncate-text", input="x", truncate="yes"),
    _embed("small-context", input="hello " * 200, options={"num_ctx": 64}),
    _embed("wrong-option", input="x", options={"num_ctx": "x"}),
    _embed("unload", input="", keep_alive=0),
    _embed("keep-alive-bad", input="x", keep_alive="soon"),
    _embed("prompt-instead", prompt="hello"),
    _embed("text-model", input="hello", model=DEMO),
    _embed("text-model-empty", model=DEMO),
    _older("text", prompt="hello"),
    _older("empty", prompt=""),
    _older("absent"),
    _older("list", prompt=["hello"]),
    _older("long", prompt=_LONG),
    _older("input-instead", input="hello"),
    _older("text-model", prompt="hello", model=DEMO),
]
