"""From a request to llama.cpp's events: find the model, load it, take a slot, read.

Contract: the one place where the text endpoints reach the scheduler and a model process.
Leaving :func:`events` ends the generation. What a model process answers is not yet in
Ollama's form here.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Any

from local_assistant.engine.runtime.counters import Kind as Kind
from local_assistant.engine.runtime.scheduler import Loaded, Scheduler
from local_assistant.engine.runtime.upstream import UpstreamError, UpstreamGone
from local_assistant.engine.store.capabilities import capabilities
from local_assistant.engine.store.catalog import Catalog
from local_assistant.engine.store.store import StoredModel
from local_assistant.engine.text.answers import stopped
from local_assistant.engine.wire import options as ollama_options
from local_assistant.engine.wire.requests import TextRequest
from local_assistant.engine.wire.shapes import ApiError

_TOO_LONG = "exceed_context_size_error"


class Models:
    """The models that requests are about."""

    def __init__(self, catalog: Catalog, scheduler: Scheduler) -> None:
        self.catalog = catalog
        self.scheduler = scheduler

    async def find(self, name: str) -> tuple[StoredModel, list[str]]:
        """Return a model and what it can do.

        Raises:
            ApiError: there is none of that name (404).
        """
        return await asyncio.to_thread(self._find, name)

    def _find(self, name: str) -> tuple[StoredModel, list[str]]:
        model = self.catalog.find(name)
        if model is None:
            raise ApiError(404, f"model '{name}' not found")
        return model, capabilities(model, model.header())

    @contextlib.asynccontextmanager
    async def use(
        self, model: StoredModel, request: TextRequest, options: dict[str, Any]
    ) -> AsyncIterator[Loaded]:
        """Give the loaded model for one request.

        Raises:
            RunnerStopped: its process went away meanwhile.
        """
        wanted = ollama_options.load_options(options)
        async with self.scheduler.use(model, wanted, request.keep_alive) as loaded:
            try:
                yield loaded
            except UpstreamGone as error:
                raise await stopped(loaded) from error


async def events(
    loaded: Loaded, kind: Kind, path: str, body: dict[str, Any], begins: str
) -> AsyncGenerator[dict[str, Any], None]:
    """Yield the events of one generation.

    Args:
        begins: text that begins alike where the prompts' tokens do.
    """
    async with loaded.slot(kind, begins) as fields:
        stream = loaded.process.upstream.events(path, {**body, **fields})
        async with contextlib.aclosing(stream):
            async for event in stream:
                yield event


def too_long(error: UpstreamError) -> bool:
    """Whether the model process refused a prompt for its length."""
    return error.kind == _TOO_LONG


async def apply_template(loaded: Loaded, body: dict[str, Any]) -> str:
    """Return the prompt that the GGUF's own chat template makes."""
    answer = await loaded.process.upstream.call("POST", "/apply-template", body)
    return str(answer["prompt"])


async def tokenize(loaded: Loaded, content: Any, *, special: bool = False) -> list[int]:
    """Return the tokens of a text, or of a list of texts and tokens.

    Args:
        special: whether the model's own first and last tokens are added.
    """
    answer = await loaded.process.upstream.call(
        "POST", "/tokenize", {"content": content, "add_special": special}
    )
    tokens: list[int] = answer["tokens"]
    return tokens


async def detokenize(loaded: Loaded, tokens: list[int]) -> str:
    """Return the text of tokens.

    Raises:
        ApiError: one of them is none of this model's.
    """
    try:
        answer = await loaded.process.upstream.call("POST", "/detokenize", {"tokens": tokens})
    except UpstreamError as error:
        raise ApiError(400, "detokenize error: a token that this model does not have") from error
    return str(answer["content"])
