"""``/api/generate`` and ``/api/chat``: text from a loaded model.

Contract: one generation is one event stream of the model process, turned into Ollama's
chunks; leaving the stream ends the generation. Chat and completion run in slots of their
own, so neither evicts the other's cached prompt; requests at the same time take any free
slot. A prompt that does not fit is an error with
the numbers; only a chat's oldest messages are left out (as Ollama does), and the last chunk
says how many.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

from local_assistant.engine import fim, ollama_options, wire
from local_assistant.engine.catalog import Catalog
from local_assistant.engine.gguf import Header
from local_assistant.engine.http import Reply, Request, Stream, json_reply
from local_assistant.engine.scheduler import CHAT_SLOT, COMPLETION_SLOT, Loaded, Scheduler
from local_assistant.engine.store import StoredModel
from local_assistant.engine.upstream import UpstreamError, UpstreamGone
from local_assistant.engine.wire import ApiError, ChatRequest, GenerateRequest, TextRequest

_TOO_LONG = "exceed_context_size_error"
RETRY_WITHIN_S = 1.0


class TextApi:
    """The two text endpoints."""

    def __init__(self, catalog: Catalog, scheduler: Scheduler) -> None:
        self._catalog = catalog
        self._scheduler = scheduler

    async def generate(self, http: Request) -> Reply | Stream:
        request = wire.read_generate(http.body)
        if not request.model:
            raise ApiError(404, "model '' not found")
        model, header = await asyncio.to_thread(self._model, request, "generate")
        if not request.prompt and request.keep_alive == 0:
            await self._scheduler.unload(model)
            return json_reply(_bare(request, {"response": ""}, "unload"))
        if request.suffix and not header.inserts:
            raise ApiError(400, f"{model.name.full} does not support insert")
        options = ollama_options.check({**model.params, **request.options})
        if not request.prompt and not request.suffix:
            async with self._use(model, request, options):
                return json_reply(_bare(request, {"response": ""}, "load"))
        stream = _once_more(lambda: self._generate(request, model, header, options))
        return stream if request.stream else await _collected(stream, "response")

    async def chat(self, http: Request) -> Reply | Stream:
        request = wire.read_chat(http.body)
        if not request.model:
            raise ApiError(400, "model is required")
        model, header = await asyncio.to_thread(self._model, request, "chat")
        if not request.messages:
            empty = {"message": {"role": "assistant", "content": ""}}
            if request.keep_alive == 0:
                await self._scheduler.unload(model)
                return json_reply(_bare(request, empty, "unload"))
            options = ollama_options.check({**model.params, **request.options})
            async with self._use(model, request, options):
                return json_reply(_bare(request, empty, "load"))
        if request.tools and "tools" not in header.chat_template:
            raise ApiError(400, f"{model.name.full} does not support tools")
        options = ollama_options.check({**model.params, **request.options})
        stream = _once_more(lambda: self._chat(request, model, options))
        return stream if request.stream else await _collected(stream, "message")

    def _model(self, request: TextRequest, what: str) -> tuple[StoredModel, Header]:
        model = self._catalog.find(request.model)
        if model is None:
            raise ApiError(404, f"model '{request.model}' not found")
        header = model.header()
        if header.embeds_only:
            raise ApiError(400, f'"{request.model}" does not support {what}')
        if request.think and "think" not in header.chat_template:
            raise ApiError(400, f'"{request.model}" does not support thinking')
        return model, header

    @contextlib.asynccontextmanager
    async def _use(
        self, model: StoredModel, request: TextRequest, options: dict[str, Any]
    ) -> AsyncIterator[Loaded]:
        wanted = ollama_options.load_options(options)
        async with self._scheduler.use(model, wanted, request.keep_alive) as loaded:
            try:
                yield loaded
            except UpstreamGone as error:
                raise await stopped(loaded) from error
            except BaseException:
                loaded.left_at = time.monotonic()
                raise

    async def _generate(
        self, request: GenerateRequest, model: StoredModel, header: Header, options: dict[str, Any]
    ) -> Stream:
        async with self._use(model, request, options) as loaded:
            ready = time.perf_counter_ns()
            body = ollama_options.sampling_fields(options, loaded.context)
            if request.format is not None:
                body["json_schema"] = request.format
            slot = COMPLETION_SLOT
            if request.raw:
                body["prompt"] = request.prompt
            elif request.suffix:
                body["prompt"] = fim.prompt(header, request.prompt, request.suffix)
            else:
                slot = CHAT_SLOT
                body["prompt"] = await self._rendered(request, model, loaded)
            body |= loaded.pinned(slot)
            events = loaded.process.upstream.events("/completion", body)
            async with contextlib.aclosing(events):
                async for event in events:
                    if event.get("content"):
                        yield _chunk(request, {"response": event["content"]})
                    if event.get("stop"):
                        reason = "length" if event.get("stop_type") == "limit" else "stop"
                        timings = event.get("timings", {})
                        yield _last(request, {"response": ""}, reason, timings, ready)
                        return
            raise await stopped(loaded)

    async def _rendered(self, request: GenerateRequest, model: StoredModel, loaded: Loaded) -> str:
        messages = _with_system(
            model, [{"role": "user", "content": request.prompt}], request.system
        )
        answer = await loaded.process.upstream.call(
            "POST", "/apply-template", {"messages": messages, **_thinking(request)}
        )
        return str(answer["prompt"])

    async def _chat(
        self, request: ChatRequest, model: StoredModel, options: dict[str, Any]
    ) -> Stream:
        async with self._use(model, request, options) as loaded:
            ready = time.perf_counter_ns()
            body = ollama_options.sampling_fields(options, loaded.context)
            body |= {**loaded.pinned(CHAT_SLOT), **_thinking(request)}
            if request.format is not None:
                schema = {"schema": request.format}
                body["response_format"] = {"type": "json_schema", "json_schema": schema}
            if request.tools:
                body["tools"] = request.tools
            messages = _with_system(model, [wire.openai_message(m) for m in request.messages])
            dropped = 0
            while True:
                begun = False
                try:
                    answer = _chat_chunks(loaded, {**body, "messages": messages}, request, ready)
                    async with contextlib.aclosing(answer):
                        async for chunk in answer:
                            begun = True
                            if chunk["done"] and dropped:
                                chunk["dropped_messages"] = dropped
                            yield chunk
                    return
                except UpstreamError as error:
                    if begun or error.kind != _TOO_LONG or not request.truncate:
                        raise
                    kept = _without_oldest(messages, error.details)
                    if kept is None:
                        raise
                    dropped += len(messages) - len(kept)
                    messages = kept


async def _chat_chunks(
    loaded: Loaded, body: dict[str, Any], request: ChatRequest, ready: int
) -> Stream:
    """Yield the chunks of one chat answer."""
    reason, timings, calls = None, None, ToolCalls()
    events = loaded.process.upstream.events("/v1/chat/completions", body)
    async with contextlib.aclosing(events):
        async for event in events:
            timings = event.get("timings") or timings
            for choice in event.get("choices", []):
                delta = choice.get("delta", {})
                reason = choice.get("finish_reason") or reason
                calls.take(delta.get("tool_calls") or [])
                if delta.get("reasoning_content"):
                    thought = {"thinking": delta["reasoning_content"]}
                    yield _chunk(request, _message("", thought))
                if delta.get("content"):
                    yield _chunk(request, _message(delta["content"]))
            if reason and timings:
                break
    if reason is None:
        raise await stopped(loaded)
    done = "length" if reason == "length" else "stop"
    yield _last(request, _message("", calls.fields()), done, timings or {}, ready)


async def _once_more(begin: Callable[[], Stream]) -> Stream:
    """Yield the chunks of a stream, begun again if its process turns out to be dead.

    Only before the first chunk and within a second: a process that was killed while nobody
    asked is no reason to fail, a prompt that kills it is.
    """
    started, begun = time.monotonic(), False
    try:
        async with contextlib.aclosing(begin()) as first:
            async for chunk in first:
                begun = True
                yield chunk
        return
    except RunnerStopped:
        if begun or time.monotonic() - started > RETRY_WITHIN_S:
            raise
    async with contextlib.aclosing(begin()) as second:
        async for chunk in second:
            yield chunk


class ToolCalls:
    """Tool calls collected from the pieces of a stream."""

    def __init__(self) -> None:
        self._calls: dict[int, dict[str, str]] = {}

    def take(self, deltas: list[dict[str, Any]]) -> None:
        for delta in deltas:
            call = self._calls.setdefault(
                delta.get("index", 0), {"id": "", "name": "", "arguments": ""}
            )
            function = delta.get("function") or {}
            call["id"] += delta.get("id") or ""
            call["name"] += function.get("name") or ""
            call["arguments"] += function.get("arguments") or ""

    def fields(self) -> dict[str, Any]:
        if not self._calls:
            return {}
        out = []
        for index, call in sorted(self._calls.items()):
            try:
                arguments = json.loads(call["arguments"] or "{}")
            except ValueError as error:
                raise ApiError(500, "the model wrote a tool call that is not JSON") from error
            function = {"index": index, "name": call["name"], "arguments": arguments}
            out.append({"id": call["id"] or f"call_{index}", "function": function})
        return {"tool_calls": out}


class RunnerStopped(ApiError):
    """A model process went away in the middle."""


async def stopped(loaded: Loaded) -> RunnerStopped:
    """Return the error for a model process that went away in the middle."""
    await loaded.process.settle()
    return RunnerStopped(
        500,
        f"model runner has unexpectedly stopped: {loaded.model.display} "
        f"{loaded.process.how_it_ended()}. It is started again by the next request.",
    )


def _with_system(
    model: StoredModel, messages: list[dict[str, Any]], system: str = ""
) -> list[dict[str, Any]]:
    """Return the messages with what the model's own definition puts in front."""
    before = [dict(message) for message in model.messages]
    system = system or model.system
    joined = before + messages
    if system and (not joined or joined[0].get("role") != "system"):
        return [{"role": "system", "content": system}, *joined]
    return joined


def _thinking(request: TextRequest) -> dict[str, Any]:
    if request.think is None:
        return {}
    kwargs: dict[str, Any] = {"enable_thinking": bool(request.think)}
    if isinstance(request.think, str):
        kwargs["reasoning_effort"] = request.think
    return {"chat_template_kwargs": kwargs}


def _without_oldest(
    messages: list[dict[str, Any]], numbers: dict[str, Any]
) -> list[dict[str, Any]] | None:
    """Leave out the oldest messages until about enough is gone; ``None`` if none can go.

    System messages and the last message stay.
    """
    droppable = [
        index for index, message in enumerate(messages[:-1]) if message.get("role") != "system"
    ]
    if not droppable:
        return None
    has, fits = numbers.get("n_prompt_tokens", 0), numbers.get("n_ctx", 0)
    total = sum(_length(message) for message in messages)
    excess = total * (has - fits) / has if has > fits > 0 else 0
    gone: set[int] = set()
    for index in droppable:
        gone.add(index)
        excess -= _length(messages[index])
        if excess <= 0:
            break
    return [message for index, message in enumerate(messages) if index not in gone]


def _length(message: dict[str, Any]) -> int:
    return len(str(message.get("content") or "")) + 16


def _message(content: str, more: dict[str, Any] | None = None) -> dict[str, Any]:
    return {"message": {"role": "assistant", "content": content, **(more or {})}}


def _chunk(request: TextRequest, fields: dict[str, Any]) -> dict[str, Any]:
    return {"model": request.model, "created_at": wire.now(), **fields, "done": False}


def _bare(request: TextRequest, fields: dict[str, Any], reason: str) -> dict[str, Any]:
    return {**_chunk(request, fields), "done": True, "done_reason": reason}


def _last(
    request: TextRequest, fields: dict[str, Any], reason: str, timings: dict[str, Any], ready: int
) -> dict[str, Any]:
    """Return the final chunk: why it ended, counts, and durations in nanoseconds.

    ``cached_count`` is ours: how many of the prompt's tokens came from the slot's cache.
    """
    cached = int(timings.get("cache_n", 0))
    return {
        **_bare(request, fields, reason),
        "total_duration": time.perf_counter_ns() - request.arrived,
        "load_duration": ready - request.arrived,
        "prompt_eval_count": cached + int(timings.get("prompt_n", 0)),
        "prompt_eval_duration": int(timings.get("prompt_ms", 0) * 1e6),
        "eval_count": int(timings.get("predicted_n", 0)),
        "eval_duration": int(timings.get("predicted_ms", 0) * 1e6),
        "cached_count": cached,
    }


async def _collected(stream: Stream, key: str) -> Reply:
    """Return a whole answer: the last chunk with all text put together."""
    texts: list[str] = []
    thoughts: list[str] = []
    last: dict[str, Any] = {}
    async with contextlib.aclosing(stream):
        async for chunk in stream:
            last = chunk
            part = chunk[key] if key == "message" else {"content": chunk[key]}
            texts.append(part.get("content", ""))
            thoughts.append(part.get("thinking", ""))
    if key == "message":
        last["message"]["content"] = "".join(texts)
        if any(thoughts):
            last["message"]["thinking"] = "".join(thoughts)
    else:
        last[key] = "".join(texts)
    return json_reply(last)
