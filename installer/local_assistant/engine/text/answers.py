"""Chunks of an answer: their fields, the last one's numbers, and whole answers.

Contract: pure but for the clock and :func:`once_more`. Fields that Ollama leaves out when
they are zero or empty are left out here. Ours are ``cached_count``, ``dropped_messages`` and
``dropped_tokens``; clients of Ollama do not look at them.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from typing import Any

from local_assistant.engine.http import Reply, Stream, json_reply
from local_assistant.engine.runtime.scheduler import Loaded
from local_assistant.engine.wire import shapes as wire
from local_assistant.engine.wire.requests import TextRequest
from local_assistant.engine.wire.shapes import ApiError

RETRY_WITHIN_S = 1.0


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


async def once_more(begin: Callable[[], Stream]) -> Stream:
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


def message(content: str, more: dict[str, Any] | None = None) -> dict[str, Any]:
    """Return the fields of a chat's chunk."""
    return {"message": {"role": "assistant", "content": content, **(more or {})}}


def chunk(
    request: TextRequest, fields: dict[str, Any], probabilities: list[Any] | None = None
) -> dict[str, Any]:
    whole = {"model": request.model, "created_at": wire.now(), **fields, "done": False}
    if probabilities:
        whole["logprobs"] = probabilities
    return whole


def bare(request: TextRequest, fields: dict[str, Any], reason: str) -> dict[str, Any]:
    """Return the only chunk of an answer without a generation."""
    return {**chunk(request, fields), "done": True, "done_reason": reason}


def last(
    request: TextRequest,
    fields: dict[str, Any],
    reason: str,
    timings: dict[str, Any],
    ready: int,
    **more: Any,
) -> dict[str, Any]:
    """Return the final chunk: why it ended, counts, and durations in nanoseconds.

    ``cached_count`` is ours: how many of the prompt's tokens came from the slot's cache.
    """
    cached = int(timings.get("cache_n", 0))
    numbers = {
        **more,
        "total_duration": time.perf_counter_ns() - request.arrived,
        "load_duration": ready - request.arrived,
        "prompt_eval_count": cached + int(timings.get("prompt_n", 0)),
        "prompt_eval_duration": _nanoseconds(timings.get("prompt_ms")),
        "eval_count": int(timings.get("predicted_n", 0)),
        "eval_duration": _nanoseconds(timings.get("predicted_ms")),
    }
    counted = {key: value for key, value in numbers.items() if value}
    return {**bare(request, fields, reason), **counted, "cached_count": cached}


def debug(request: TextRequest, fields: dict[str, Any], prompt: str) -> Reply:
    """Return the answer to ``_debug_render_only``: the prompt as the model would get it."""
    whole = chunk(request, fields)
    return json_reply({**whole, "_debug_info": {"rendered_template": prompt}})


def _nanoseconds(milliseconds: Any) -> int:
    return int(float(milliseconds or 0) * 1e6)


def probabilities_of(found: Any, *, top: bool) -> list[dict[str, Any]]:
    """Return llama.cpp's token probabilities in Ollama's form.

    Args:
        top: whether the likeliest tokens are wanted, too.
    """
    result = []
    for item in found if isinstance(found, list) else []:
        entry = _probability(item)
        others = item.get("top_logprobs") or item.get("top_probs")
        if top and others:
            entry["top_logprobs"] = [_probability(other) for other in others]
        result.append(entry)
    return result


def _probability(item: dict[str, Any]) -> dict[str, Any]:
    token = str(item.get("token", ""))
    entry = {"token": token, "logprob": item.get("logprob") or item.get("prob") or 0}
    if token:
        entry["bytes"] = list(token.encode("utf-8", errors="replace"))
    return entry


async def collected(stream: Stream) -> Reply:
    """Return a whole answer: the last chunk with all text put together."""
    texts: list[str] = []
    thoughts: list[str] = []
    probabilities: list[Any] = []
    calls: list[Any] = []
    final: dict[str, Any] = {}
    async with contextlib.aclosing(stream):
        async for final in stream:
            part = final.get("message", final)
            texts.append(part.get("content", part.get("response", "")))
            thoughts.append(part.get("thinking", ""))
            calls += part.get("tool_calls", [])
            probabilities += final.get("logprobs", [])
    said = {"thinking": "".join(thoughts), "tool_calls": calls}
    more = {key: value for key, value in said.items() if value}
    if "message" in final:
        final |= message("".join(texts), more)
        if probabilities:
            final = _after_reason(final, {"logprobs": probabilities})
        return json_reply(final)
    whole = {"model": final["model"], "created_at": final["created_at"]}
    whole |= {"response": "".join(texts), **more}
    whole |= {key: value for key, value in final.items() if key != "response"}
    if probabilities:
        whole["logprobs"] = probabilities
    return json_reply(whole)


def _after_reason(final: dict[str, Any], more: dict[str, Any]) -> dict[str, Any]:
    """Put fields where Ollama has them in a chat's answer: before the numbers."""
    items = list(final.items())
    at = list(final).index("done_reason") + 1
    return dict([*items[:at], *more.items(), *items[at:]])
