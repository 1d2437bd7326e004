"""Answers of ``/api`` turned into those of ``/v1``.

Contract: pure but for the clock. Fields come in the order and are left out as Ollama does
it; text is JSON as Go writes it.
"""

from __future__ import annotations

import base64
import json
import random
import re
import struct
import time
from datetime import datetime, timezone
from typing import Any

from local_assistant.engine.gotemplate.values import escaped
from local_assistant.engine.store import names

_FINGERPRINT = "fp_ollama"
DONE = b"data: [DONE]\n\n"


def dump(value: Any) -> str:
    """Return JSON with the escapes that Go makes."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return escaped(text)


def event(value: Any) -> bytes:
    """Return one server-sent event."""
    return f"data: {dump(value)}\n\n".encode("utf-8", errors="replace")


def new_id(prefix: str) -> str:
    """Return an answer's id; as in Ollama it is a small number, and no secret."""
    return f"{prefix}-{random.randrange(999)}"  # noqa: S311


def unix(timestamp: Any) -> int:
    """Return seconds since 1970 for an RFC 3339 timestamp of any precision."""
    text = str(timestamp)
    match = re.fullmatch(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.\d+)?(Z|[+-]\d\d:\d\d)", text)
    if match is None:
        return int(time.time())
    zone = "+00:00" if match[2] == "Z" else match[2]
    return int(datetime.fromisoformat(match[1] + zone).astimezone(timezone.utc).timestamp())


def models(tags: dict[str, Any]) -> dict[str, Any]:
    """Return the list of models; ``data`` is ``null`` where there are none, as in Ollama."""
    data = [model(each["model"], each["modified_at"]) for each in tags["models"]]
    return {"object": "list", "data": data or None}


def model(name: str, modified_at: Any) -> dict[str, Any]:
    return {
        "id": name,
        "object": "model",
        "created": unix(modified_at),
        "owned_by": names.parse(name).namespace,
    }


def embeddings(name: str, answer: dict[str, Any], *, as_base64: bool) -> dict[str, Any]:
    count = answer.get("prompt_eval_count", 0)
    vectors = answer.get("embeddings", [])
    data = [
        {
            "object": "embedding",
            "embedding": _packed(vector) if as_base64 else vector,
            "index": index,
        }
        for index, vector in enumerate(vectors)
    ]
    return {
        "object": "list",
        "data": data or None,
        "model": name,
        "usage": {"prompt_tokens": count, "total_tokens": count},
    }


def _packed(vector: list[float]) -> str:
    return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode("ascii")


def usage(answer: dict[str, Any]) -> dict[str, int]:
    asked, made = answer.get("prompt_eval_count", 0), answer.get("eval_count", 0)
    return {"prompt_tokens": asked, "completion_tokens": made, "total_tokens": asked + made}


def tool_calls(message: dict[str, Any]) -> list[dict[str, Any]]:
    """Return a message's calls, their arguments as JSON text."""
    found = []
    for call in message.get("tool_calls") or []:
        function = call.get("function", {})
        text = {"name": function.get("name", ""), "arguments": dump(function.get("arguments", {}))}
        found.append(
            {
                "id": call.get("id", ""),
                "index": function.get("index", 0),
                "type": "function",
                "function": text,
            }
        )
    return found


def _reason(answer: dict[str, Any], *, called: bool) -> str | None:
    reason = answer.get("done_reason") or None
    return "tool_calls" if reason == "stop" and called else reason


def _probabilities(answer: dict[str, Any]) -> dict[str, Any]:
    return {"logprobs": {"content": answer["logprobs"]}} if answer.get("logprobs") else {}


def chat(answer: dict[str, Any]) -> dict[str, Any]:
    """Return a ``chat.completion``."""
    source = answer.get("message", {})
    calls = tool_calls(source)
    message = {"role": source.get("role", ""), "content": source.get("content", "")}
    if source.get("thinking"):
        message["reasoning"] = source["thinking"]
    if calls:
        message["tool_calls"] = calls
    whole = {
        "id": new_id("chatcmpl"),
        "object": "chat.completion",
        "created": unix(answer.get("created_at")),
        "model": answer.get("model", ""),
        "system_fingerprint": _FINGERPRINT,
        "choices": [
            {
                "index": 0,
                "message": message,
                "finish_reason": _reason(answer, called=bool(calls)),
                **_probabilities(answer),
            }
        ],
        "usage": usage(answer),
    }
    return _with_debug(whole, answer)


def _with_debug(whole: dict[str, Any], answer: dict[str, Any]) -> dict[str, Any]:
    shown = answer.get("_debug_info")
    return {**whole, "_debug_info": shown} if shown else whole


class ChatEvents:
    """The events of one streamed chat: one id and one timestamp for all."""

    def __init__(self, *, include_usage: bool) -> None:
        self._id = new_id("chatcmpl")
        self._usage = include_usage
        self._created = 0
        self._begun = False
        self._called = False

    def of(self, chunk: dict[str, Any]) -> list[bytes]:
        """Return the events for one chunk of ``/api/chat``."""
        self._created = self._created or unix(chunk.get("created_at"))
        message = chunk.get("message", {})
        said = message.get("content") or message.get("thinking") or message.get("tool_calls")
        only_numbers = chunk.get("done") and not said and not chunk.get("logprobs")
        found = []
        if not (only_numbers and self._begun):
            found += [self._event(chunk, choice) for choice in self._choices(chunk, message)]
            self._begun = True
        if chunk.get("done"):
            found += self._end(chunk)
        return found

    def _choices(self, chunk: dict[str, Any], message: dict[str, Any]) -> list[dict[str, Any]]:
        """Return the deltas: what is thought goes before what is said, on its own."""
        role = {} if self._begun else {"role": "assistant"}
        calls, content = tool_calls(message), message.get("content", "")
        self._called = self._called or bool(calls)
        said = {"content": content, **({"tool_calls": calls} if calls else {})}
        thought = message.get("thinking")
        more = _probabilities(chunk)
        if not thought:
            return [_delta({**role, **said}, more)]
        if content or calls:
            return [_delta({**role, "reasoning": thought}, more), _delta(said, {})]
        return [_delta({**role, "content": "", "reasoning": thought}, more)]

    def _end(self, chunk: dict[str, Any]) -> list[bytes]:
        reason = _reason({"done_reason": "stop", **chunk}, called=self._called)
        last = {"index": 0, "delta": {}, "finish_reason": reason}
        found = [self._event(chunk, last)]
        if self._usage:
            found.append(self._event(chunk, None, {"usage": usage(chunk)}))
        return [*found, DONE]

    def _event(
        self,
        chunk: dict[str, Any],
        choice: dict[str, Any] | None,
        more: dict[str, Any] | None = None,
    ) -> bytes:
        return event(
            {
                "id": self._id,
                "object": "chat.completion.chunk",
                "created": self._created,
                "model": chunk.get("model", ""),
                "system_fingerprint": _FINGERPRINT,
                "choices": [choice] if choice else [],
                **(more or {}),
            }
        )


def _delta(delta: dict[str, Any], more: dict[str, Any]) -> dict[str, Any]:
    return {"index": 0, "delta": delta, "finish_reason": None, **more}


def completion(answer: dict[str, Any]) -> dict[str, Any]:
    """Return a ``text_completion``."""
    return {
        "id": new_id("cmpl"),
        "object": "text_completion",
        "created": unix(answer.get("created_at")),
        "model": answer.get("model", ""),
        "system_fingerprint": _FINGERPRINT,
        "choices": [_text(answer)],
        "usage": usage(answer),
    }


def _text(answer: dict[str, Any]) -> dict[str, Any]:
    reason = _reason(answer, called=False)
    return {"text": answer.get("response", ""), "index": 0, "finish_reason": reason}


class CompletionEvents:
    """The events of one streamed completion."""

    def __init__(self, *, include_usage: bool) -> None:
        self._id = new_id("cmpl")
        self._usage = include_usage

    def of(self, chunk: dict[str, Any]) -> list[bytes]:
        """Return the events for one chunk of ``/api/generate``."""
        head = {"id": self._id, "object": "text_completion", "created": int(time.time())}
        tail = {"model": chunk.get("model", ""), "system_fingerprint": _FINGERPRINT}
        none = {"usage": usage({})} if self._usage else {}
        found = [event({**head, "choices": [_text(chunk)], **tail, **none})]
        if not chunk.get("done"):
            return found
        if self._usage:
            found.append(event({**head, "choices": [], **tail, "usage": usage(chunk)}))
        return [*found, DONE]
