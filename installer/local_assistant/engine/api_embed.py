"""``/api/embed`` and the older ``/api/embeddings``.

Contract: vectors come normalised from llama.cpp. An input that does not fit is cut to the
context as Ollama does (``truncate``, on by default), else it is an error.
"""

from __future__ import annotations

import asyncio
import math
import time
from typing import Any

from local_assistant.engine import ollama_options, wire
from local_assistant.engine.api_text import RETRY_WITHIN_S, RunnerStopped, stopped
from local_assistant.engine.catalog import Catalog
from local_assistant.engine.http import Reply, Request, json_reply
from local_assistant.engine.scheduler import Loaded, Scheduler
from local_assistant.engine.store import StoredModel
from local_assistant.engine.upstream import UpstreamError, UpstreamGone
from local_assistant.engine.wire import ApiError

_SPARE_TOKENS = 2  # BOS and EOS, which the model may add


class EmbedApi:
    """The embedding endpoints."""

    def __init__(self, catalog: Catalog, scheduler: Scheduler) -> None:
        self._catalog = catalog
        self._scheduler = scheduler

    async def embed(self, http: Request) -> Reply:
        arrived = time.perf_counter_ns()
        fields = wire.Fields(http.body, "EmbedRequest")
        name = fields.model()
        if not name:
            raise ApiError(404, "model '' not found")
        inputs = _inputs(fields.any("input"))
        dimensions = fields.get("dimensions", int, 0)
        if dimensions < 0:
            raise ApiError(400, "dimensions must be positive")
        truncate = fields.get("truncate", bool, True)
        answer, load_ns = await self._run(name, fields, inputs, truncate=truncate)
        vectors = [_cut(item["embedding"], dimensions) for item in answer.get("data", [])]
        return json_reply(
            {
                "model": name,
                "embeddings": vectors,
                "total_duration": time.perf_counter_ns() - arrived,
                "load_duration": load_ns,
                "prompt_eval_count": answer.get("usage", {}).get("prompt_tokens", 0),
            }
        )

    async def embeddings(self, http: Request) -> Reply:
        fields = wire.Fields(http.body, "EmbeddingRequest")
        name = fields.model()
        if not name:
            raise ApiError(400, "model is required")
        prompt = fields.get("prompt", str, "")
        inputs = [prompt] if prompt else []
        answer, _ = await self._run(name, fields, inputs, truncate=True)
        data = answer.get("data", [])
        return json_reply({"embedding": data[0]["embedding"] if data else []})

    def _find(self, name: str) -> StoredModel:
        model = self._catalog.find(name)
        if model is None:
            raise ApiError(404, f'model "{name}" not found, try pulling it first')
        return model

    async def _run(
        self, name: str, fields: wire.Fields, inputs: list[str], *, truncate: bool
    ) -> tuple[dict[str, Any], int]:
        """Return llama.cpp's answer and the nanoseconds spent on loading."""
        model = await asyncio.to_thread(self._find, name)
        begin = time.monotonic()
        try:
            return await self._run_once(model, fields, inputs, truncate)
        except RunnerStopped:
            if time.monotonic() - begin > RETRY_WITHIN_S:
                raise
        return await self._run_once(model, fields, inputs, truncate)

    async def _run_once(
        self, model: StoredModel, fields: wire.Fields, inputs: list[str], truncate: bool
    ) -> tuple[dict[str, Any], int]:
        begin = time.perf_counter_ns()
        options = ollama_options.check({**model.params, **fields.get("options", dict, {})})
        wanted = ollama_options.load_options(options)
        keep_alive = fields.keep_alive()
        async with self._scheduler.use(model, wanted, keep_alive, embedding=True) as loaded:
            load_ns = time.perf_counter_ns() - begin
            if not inputs:
                return {}, load_ns
            try:
                return await _embed(loaded, inputs, truncate), load_ns
            except UpstreamGone as error:
                raise await stopped(loaded) from error


async def _embed(loaded: Loaded, inputs: list[str], truncate: bool) -> dict[str, Any]:
    upstream = loaded.process.upstream
    # An empty text has no tokens to pool; a space has one, and is as empty.
    texts: list[Any] = [text or " " for text in inputs]
    try:
        answer = await upstream.call("POST", "/v1/embeddings", {"input": texts})
    except UpstreamError as error:
        if not _too_long(error):
            raise
        if not truncate:
            raise ApiError(400, "the input length exceeds the context length") from error
        limit = max(1, loaded.context - _SPARE_TOKENS)
        cut = [await _first_tokens(loaded, text, limit) for text in texts]
        answer = await upstream.call("POST", "/v1/embeddings", {"input": cut})
    if not isinstance(answer, dict):
        raise ApiError(500, "the model process answered in an unknown form")
    return answer


async def _first_tokens(loaded: Loaded, text: str, limit: int) -> list[int]:
    answer = await loaded.process.upstream.call(
        "POST", "/tokenize", {"content": text, "add_special": True}
    )
    tokens: list[int] = answer["tokens"]
    return tokens[:limit]


def _too_long(error: UpstreamError) -> bool:
    return error.kind == "exceed_context_size_error" or "too large to process" in error.message


def _inputs(value: Any) -> list[str]:
    if value is None or value == "" or value == []:
        return []
    if isinstance(value, str):
        return [value]
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return value
    raise ApiError(400, "invalid input type")


def _cut(vector: list[float], dimensions: int) -> list[float]:
    """Return the first ``dimensions`` numbers at length 1 again."""
    if not 0 < dimensions < len(vector):
        return vector
    head = vector[:dimensions]
    norm = math.sqrt(sum(value * value for value in head))
    return [value / norm for value in head] if norm else head
