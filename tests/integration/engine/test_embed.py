"""``/api/embed`` and ``/api/embeddings``: vectors, cuts, counts, refusals."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import httpx
import ollama
import pytest
from langchain_ollama import OllamaEmbeddings

from local_assistant.engine.launch import EngineInfo
from tests.integration.engine.http_checks import refused, whole

DEMO = "assistant-demo"


def _length(vector: list[float]) -> float:
    return sum(value * value for value in vector) ** 0.5


def _embed(http: httpx.Client, **body: Any) -> dict[str, Any]:
    return whole(http, "embed", **{"model": DEMO, **body})


def test_vectors(engine_http: httpx.Client) -> None:
    answer = _embed(engine_http, input=["one two", "three"])
    assert list(answer) == [
        "model", "embeddings", "total_duration", "load_duration", "prompt_eval_count",
    ]  # fmt: skip
    assert [_length(vector) for vector in answer["embeddings"]] == pytest.approx([1, 1])
    alone = [_embed(engine_http, input=text) for text in ("one two", "three")]
    for together, one in zip(answer["embeddings"], alone, strict=True):
        assert one["embeddings"][0] == pytest.approx(together, abs=1e-3)
    assert answer["prompt_eval_count"] == sum(one["prompt_eval_count"] for one in alone)
    assert answer["embeddings"][0] != answer["embeddings"][1]


def test_dimensions(engine_http: httpx.Client) -> None:
    long = _embed(engine_http, input="three")["embeddings"][0]
    short = _embed(engine_http, input="three", dimensions=16)["embeddings"][0]
    assert len(short) == 16
    assert _length(short) == pytest.approx(1)
    ratio = short[0] / long[0]
    assert short == pytest.approx([value * ratio for value in long[:16]])
    for ignored in (0, -3, 10_000):
        assert _embed(engine_http, input="three", dimensions=ignored)["embeddings"][0] == long


def test_nothing_to_embed_loads(engine_http: httpx.Client) -> None:
    for nothing in ({}, {"input": ""}, {"input": []}, {"input": None}):
        assert _embed(engine_http, **nothing) == {"model": DEMO, "embeddings": []}
    old = whole(engine_http, "embeddings", model=DEMO)
    assert old == {"embedding": []}
    assert len(_embed(engine_http, input=["a", ""])["embeddings"]) == 2


def test_the_older_endpoint(engine_http: httpx.Client) -> None:
    old = whole(engine_http, "embeddings", model=DEMO, prompt="three")
    assert list(old) == ["embedding"]
    assert old["embedding"] == pytest.approx(
        _embed(engine_http, input="three")["embeddings"][0], abs=1e-3
    )
    status, why = refused(engine_http, "embeddings", model=DEMO, prompt="word " * 5000)
    assert (status, why) == (500, "the input length exceeds the context length")


def test_what_is_too_long_is_cut_only_where_allowed(engine_http: httpx.Client) -> None:
    texts = ["word " * 5000, "short"]
    cut = _embed(engine_http, input=texts)
    assert len(cut["embeddings"]) == 2
    assert 1000 < cut["prompt_eval_count"] <= 1024 + 10
    alone = _embed(engine_http, input="short")["embeddings"][0]
    assert cut["embeddings"][1] == pytest.approx(alone, abs=1e-3)
    status, why = refused(engine_http, "embed", model=DEMO, input=texts, truncate=False)
    assert (status, why) == (400, "the input length exceeds the context length")


def test_many_inputs_keep_their_order(engine_http: httpx.Client) -> None:
    texts = [f"text number {number}" for number in range(75)]
    answer = _embed(engine_http, input=texts)
    assert len(answer["embeddings"]) == 75
    for number in (0, 31, 32, 64, 74):
        alone = _embed(engine_http, input=texts[number])["embeddings"][0]
        assert answer["embeddings"][number] == pytest.approx(alone, abs=1e-3)


def test_keep_alive_and_options(engine_http: httpx.Client, talking: Callable[..., str]) -> None:
    name = talking("vectors", "a word ", "or two")
    options = {"num_ctx": 64}
    asked = _embed(engine_http, model=name, input="b" * 100, options=options, keep_alive=-1)
    assert asked["prompt_eval_count"] <= 64
    running = {each["name"]: each for each in engine_http.get("/api/ps").json()["models"]}
    assert running[name]["expires_at"].startswith("2318-")
    assert running[name]["context_length"] == 64
    _embed(engine_http, model=name, keep_alive=0)


@pytest.mark.parametrize("given", [5, [5], [["a"]], {}, True, ["a", None]])
def test_inputs_of_another_type(engine_http: httpx.Client, given: Any) -> None:
    status, why = refused(engine_http, "embed", model=DEMO, input=given)
    assert (status, why) == (400, "invalid input type")


def test_refusals(engine_http: httpx.Client) -> None:
    text = 'model "nope" not found, try pulling it first'
    assert refused(engine_http, "embed", model="nope", input="a") == (404, text)
    assert refused(engine_http, "embeddings", model="nope", prompt="a") == (404, text)
    assert refused(engine_http, "embed", model="nope", input=5) == (400, "invalid input type")
    assert refused(engine_http, "embed", model=" ", input="a") == (404, "model ' ' not found")
    assert refused(engine_http, "embeddings", prompt="a") == (400, "model is required")
    bad = {"model": DEMO, "options": {"num_ctx": "x"}}
    assert refused(engine_http, "embed", **bad, input="a") == (
        500, 'option "num_ctx" must be of type integer',
    )  # fmt: skip


def test_the_clients(
    engine: EngineInfo, engine_headers: dict[str, str], engine_client: ollama.Client
) -> None:
    answer = engine_client.embed(DEMO, ["a", "b"], dimensions=8)
    assert [len(vector) for vector in answer.embeddings] == [8, 8]
    assert answer.prompt_eval_count
    with pytest.raises(ollama.ResponseError, match="exceeds the context length"):
        engine_client.embed(DEMO, "word " * 5000, truncate=False)

    async def ask() -> list[float]:
        client = ollama.AsyncClient(host=engine.url, headers=engine_headers, trust_env=False)
        return list((await client.embeddings(DEMO, "a")).embedding)

    whole_one = asyncio.run(ask())
    known = {"headers": engine_headers, "trust_env": False}
    model = OllamaEmbeddings(model=DEMO, base_url=engine.url, client_kwargs=known)
    assert model.embed_query("a") == pytest.approx(whole_one, abs=1e-3)
    assert len(model.embed_documents([f"text {number}" for number in range(40)])) == 40
