"""``/api/embed`` and the older ``/api/embeddings``.

Contract: each input goes to llama.cpp by itself in a bounded number at once, so a long list
costs no more memory than its vectors. ``/api/embed`` gives vectors of length 1; an input that
does not fit is cut to the context (``truncate``, on by default), else it is an error. The
older endpoint cuts nothing, and gives raw vectors where Ollama always did.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from local_assistant.engine.gguf.header import Header
from local_assistant.engine.http import Reply, Request, json_reply
from local_assistant.engine.runtime.scheduler import Loaded, Scheduler
from local_assistant.engine.runtime.upstream import UpstreamError, UpstreamGone
from local_assistant.engine.store.catalog import Catalog
from local_assistant.engine.store.store import StoredModel
from local_assistant.engine.text import generation
from local_assistant.engine.text.answers import RETRY_WITHIN_S, RunnerStopped, stopped
from local_assistant.engine.wire import options as ollama_options
from local_assistant.engine.wire import requests as reading
from local_assistant.engine.wire.requests import EmbeddingRequest, EmbedRequest, ModelRequest
from local_assistant.engine.wire.shapes import ApiError

_AT_ONCE = 32
"""Inputs in one request to llama.cpp."""
_SPARE_TOKENS = 2  # BOS and EOS, which the model may add
_TOO_LONG_TEXT = "the input length exceeds the context length"
_LIMITS = ("too large", "context size", "context length", "physical batch size")

T = TypeVar("T")


@dataclass
class _Vectors:
    """What came of some inputs."""

    vectors: list[list[float]]
    tokens: int
    load_ns: int


class EmbedApi:
    """The embedding endpoints."""

    def __init__(self, catalog: Catalog, scheduler: Scheduler) -> None:
        self._catalog = catalog
        self._scheduler = scheduler

    async def embed(self, http: Request) -> Reply:
        return await self.answer(reading.read_embed(http.body))

    async def answer(self, request: EmbedRequest) -> Reply:
        if not request.model.strip():
            raise ApiError(404, f"model '{request.model}' not found")
        inputs = _inputs(request.input)
        model, options = await self._prepared(request)

        async def run() -> _Vectors:
            async with self._use(model, request, options) as loaded:
                ready = time.perf_counter_ns()
                found = await _embed(loaded, inputs, request.truncate)
                found.load_ns = ready - request.arrived
                return found

        found = await _once_more(run)
        if not inputs:
            return json_reply({"model": request.model, "embeddings": []})
        vectors = [_unit(vector, request.dimensions) for vector in found.vectors]
        numbers = {
            "total_duration": time.perf_counter_ns() - request.arrived,
            "load_duration": found.load_ns,
            "prompt_eval_count": found.tokens,
        }
        counted = {key: value for key, value in numbers.items() if value}
        return json_reply({"model": request.model, "embeddings": vectors, **counted})

    async def embeddings(self, http: Request) -> Reply:
        request = reading.read_embedding(http.body)
        if not request.model.strip():
            raise ApiError(400, "model is required")
        model, options = await self._prepared(request)
        vectors = await _once_more(lambda: self._embedding(model, request, options))
        return json_reply({"embedding": vectors})

    async def _embedding(
        self, model: StoredModel, request: EmbeddingRequest, options: dict[str, Any]
    ) -> list[float]:
        async with self._use(model, request, options) as loaded:
            if not request.prompt:
                return []
            more = {"embd_normalize": -1} if were_raw(loaded.header) else {}
            try:
                found = await _call(loaded, [request.prompt], **more)
            except UpstreamError as error:
                raise ApiError(500, _TOO_LONG_TEXT if _limited(error) else error.message) from error
            return found.vectors[0]

    async def _prepared(self, request: ModelRequest) -> tuple[StoredModel, dict[str, Any]]:
        model = await asyncio.to_thread(self._catalog.find, request.model)
        if model is None:
            raise ApiError(404, f'model "{request.model}" not found, try pulling it first')
        return model, ollama_options.check({**model.params, **request.options})

    @contextlib.asynccontextmanager
    async def _use(
        self, model: StoredModel, request: ModelRequest, options: dict[str, Any]
    ) -> AsyncIterator[Loaded]:
        wanted = ollama_options.load_options(options)
        keep_alive = request.keep_alive
        async with self._scheduler.use(model, wanted, keep_alive, embedding=True) as loaded:
            try:
                yield loaded
            except UpstreamGone as error:
                raise await stopped(loaded) from error


async def _once_more(run: Callable[[], Awaitable[T]]) -> T:
    """Run once more where the process turns out to have been killed before."""
    begin = time.monotonic()
    try:
        return await run()
    except RunnerStopped:
        if time.monotonic() - begin > RETRY_WITHIN_S:
            raise
    return await run()


async def _embed(loaded: Loaded, inputs: list[str], truncate: bool) -> _Vectors:
    whole = _Vectors([], 0, 0)
    for start in range(0, len(inputs), _AT_ONCE):
        # An empty text has no tokens to pool; a space has one, and is as empty.
        texts: list[Any] = [text or " " for text in inputs[start : start + _AT_ONCE]]
        try:
            found = await _call(loaded, texts)
        except UpstreamError as error:
            if not _limited(error):
                raise
            if not truncate:
                raise ApiError(400, _TOO_LONG_TEXT) from error
            found = await _call(loaded, [await _cut(loaded, text) for text in texts])
        whole.vectors += found.vectors
        whole.tokens += found.tokens
    return whole


async def _call(loaded: Loaded, texts: list[Any], **more: Any) -> _Vectors:
    body = {"input": texts, **more}
    answer = await loaded.process.upstream.call("POST", "/v1/embeddings", body)
    try:
        vectors = [item["embedding"] for item in answer["data"]]
        tokens = int(answer["usage"]["prompt_tokens"])
    except (KeyError, TypeError) as error:
        raise ApiError(500, "the model process answered in an unknown form") from error
    return _Vectors(vectors, tokens, 0)


async def _cut(loaded: Loaded, text: str) -> str | list[int]:
    """Return a text, or its first tokens where it is longer than the context."""
    limit = max(1, loaded.context - _SPARE_TOKENS)
    tokens = await generation.tokenize(loaded, text, special=True)
    return tokens[:limit] if len(tokens) > limit else text


def _limited(error: UpstreamError) -> bool:
    return any(words in error.message.lower() for words in _LIMITS)


def _inputs(value: Any) -> list[str]:
    if value is None or value == "":
        return []
    if isinstance(value, str):
        return [value]
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return value
    raise ApiError(400, "invalid input type")


def _unit(vector: list[Any], dimensions: int) -> list[float]:
    """Return the first ``dimensions`` numbers at length 1.

    Raises:
        ApiError: they are no numbers: the model's own are beyond what a number can be.
    """
    if any(value is None or not math.isfinite(value) for value in vector):
        raise ApiError(400, "embedding contains NaN or Inf values")
    head = vector[:dimensions] if 0 < dimensions < len(vector) else vector
    norm = math.sqrt(sum(value * value for value in head))
    return [value / norm for value in head] if norm else list(head)


def were_raw(header: Header) -> bool:
    """Whether the older endpoint gives this model's vectors as they are, not at length 1."""
    if not header.embeds_only:
        return False
    normalized = header.metadata.get("normalize_embeddings")
    if header.architecture == "bert":
        kind = header.metadata.get("tokenizer.ggml.model", "bert")
        return kind != "bert" or normalized is False
    return header.architecture in ("nomic-bert", "nomic-bert-moe") and not normalized
