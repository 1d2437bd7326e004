"""Ollama's wire shapes: requests read and checked, answers formed.

Contract: pure; the only module that knows field names of ``/api`` requests and chunks.
Requests are read leniently as Ollama reads them (keys in any case, ``null`` is unset,
unknown keys ignored) and refused with its sentences.
"""

from __future__ import annotations

import json
import re
import time
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import Any

from local_assistant.engine.settings import parse_duration

_GO_KINDS = {str: "string", bool: "bool", list: "array", dict: "object", int: "number",
             float: "number"}  # fmt: skip
_GO_TYPES = {str: "string", bool: "bool", list: "[]interface {}", dict: "map[string]interface {}",
             int: "int"}  # fmt: skip
_FOR_EVER = datetime(2318, 1, 1, tzinfo=timezone.utc).timestamp()
_JSON_SPACE = re.compile(r"[ \t\r\n]*")


class ApiError(Exception):
    """An answer that is an error: status and the text of ``{"error": …}``."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


class Fields:
    """The object of a request body, read field by field."""

    def __init__(self, body: bytes, type_name: str) -> None:
        self._type = type_name
        text = body.decode("utf-8", errors="replace").strip("\ufeff")
        if not text.strip():
            raise ApiError(400, "missing request body")
        try:
            # The first value counts; what follows it is ignored, as Go's decoder does.
            start = _JSON_SPACE.match(text)
            value, _ = json.JSONDecoder().raw_decode(text, start.end() if start else 0)
        except json.JSONDecodeError as error:
            raise ApiError(400, _go_syntax_error(text, error)) from error
        except RecursionError as error:
            raise ApiError(400, "exceeded max depth") from error
        if not isinstance(value, dict):
            kind = _GO_KINDS.get(type(value), "null")
            raise ApiError(
                400, f"json: cannot unmarshal {kind} into Go value of type api.{type_name}"
            )
        self._values = {key.lower(): item for key, item in value.items() if item is not None}

    def get(self, name: str, kind: type, default: Any = None) -> Any:
        """Return a field of a JSON type, or the default when unset."""
        value = self._values.get(name)
        if value is None:
            return default
        exact = isinstance(value, kind) and (kind is bool or not isinstance(value, bool))
        if not exact:
            raise ApiError(
                400,
                f"json: cannot unmarshal {_GO_KINDS[type(value)]} into Go struct field "
                f"{self._type}.{name} of type {_GO_TYPES[kind]}",
            )
        return value

    def any(self, name: str) -> Any:
        return self._values.get(name)

    def model(self) -> str:
        name = self.get("model", str) or self.get("name", str)
        return name or ""

    def keep_alive(self) -> float | None:
        value = self._values.get("keep_alive")
        try:
            return None if value is None else parse_duration(value)
        except ValueError as error:
            raise ApiError(400, str(error)) from error


@dataclass
class TextRequest:
    """What ``/api/generate`` and ``/api/chat`` have in common."""

    model: str
    stream: bool
    options: dict[str, Any]
    keep_alive: float | None
    format: Any
    think: Any
    truncate: bool
    arrived: int = field(default_factory=time.perf_counter_ns)


@dataclass
class GenerateRequest(TextRequest):
    prompt: str = ""
    suffix: str = ""
    system: str = ""
    raw: bool = False


@dataclass
class ChatRequest(TextRequest):
    messages: list[dict[str, Any]] = field(default_factory=list)
    tools: list[Any] = field(default_factory=list)


def _common(fields: Fields) -> dict[str, Any]:
    top = fields.get("top_logprobs", int, 0)
    if not 0 <= top <= 20:
        raise ApiError(400, "top_logprobs must be between 0 and 20")
    think = fields.any("think")
    if not (think is None or isinstance(think, bool) or think in ("low", "medium", "high", "max")):
        raise ApiError(
            400,
            f"invalid think value: {json.dumps(think)} "
            '(must be "high", "medium", "low", "max", true, or false)',
        )
    return {
        "model": fields.model(),
        "stream": fields.get("stream", bool, True),
        "options": fields.get("options", dict, {}),
        "keep_alive": fields.keep_alive(),
        "format": _format(fields.any("format")),
        "think": think,
        "truncate": fields.get("truncate", bool, True),
    }


def _format(value: Any) -> Any:
    """Return ``None``, or the JSON schema that the answer must follow."""
    if value is None or value == "":
        return None
    if value == "json":
        return {"type": "object"}
    if isinstance(value, dict):
        return value
    raise ApiError(
        500,
        f'invalid format: {json.dumps(value)}; expected "json" or a valid JSON Schema object',
    )


def read_generate(body: bytes) -> GenerateRequest:
    fields = Fields(body, "GenerateRequest")
    request = GenerateRequest(
        **_common(fields),
        prompt=fields.get("prompt", str, ""),
        suffix=fields.get("suffix", str, ""),
        system=fields.get("system", str, ""),
        raw=fields.get("raw", bool, False),
    )
    template, context = fields.get("template", str, ""), fields.get("context", list, [])
    if request.raw and (template or request.system or context):
        raise ApiError(400, "raw mode does not support template, system, or context")
    if template or context:
        what = "template" if template else "context"
        raise ApiError(400, f"the embedded engine does not support {what}: use /api/chat")
    if fields.get("images", list, []):
        raise ApiError(400, "the embedded engine does not support images")
    return request


def read_chat(body: bytes) -> ChatRequest:
    fields = Fields(body, "ChatRequest")
    messages = fields.get("messages", list, [])
    for message in messages:
        if not isinstance(message, dict):
            kind = _GO_KINDS.get(type(message), "null")
            raise ApiError(
                400,
                f"json: cannot unmarshal {kind} into Go struct field "
                "ChatRequest.messages of type api.Message",
            )
        if message.get("images"):
            raise ApiError(400, "the embedded engine does not support images")
        for name in ("role", "content"):
            if not isinstance(message.get(name, ""), (str, type(None))):
                kind = _GO_KINDS.get(type(message[name]), "null")
                raise ApiError(
                    400,
                    f"json: cannot unmarshal {kind} into Go struct field "
                    f"ChatRequest.messages.{name} of type string",
                )
    return ChatRequest(**_common(fields), messages=messages, tools=fields.get("tools", list, []))


def openai_message(message: dict[str, Any]) -> dict[str, Any]:
    """Return a chat message in the form that llama.cpp's server reads."""
    role = str(message.get("role") or "").lower()
    out: dict[str, Any] = {"role": role, "content": message.get("content") or ""}
    if message.get("thinking"):
        out["reasoning_content"] = message["thinking"]
    calls = message.get("tool_calls")
    if calls and isinstance(calls, list):
        out["tool_calls"] = [_openai_call(index, call) for index, call in enumerate(calls)]
    if role == "tool":
        out["tool_call_id"] = str(message.get("tool_call_id") or "call_0")
        if message.get("tool_name"):
            out["name"] = message["tool_name"]
    return out


def _openai_call(index: int, call: Any) -> dict[str, Any]:
    function = call.get("function") if isinstance(call, dict) else None
    if not isinstance(function, dict):
        raise ApiError(400, "a tool call without a function")
    arguments = function.get("arguments", {})
    return {
        "id": str(call.get("id") or f"call_{index}"),
        "type": "function",
        "function": {
            "name": str(function.get("name", "")),
            "arguments": arguments if isinstance(arguments, str) else json.dumps(arguments),
        },
    }


def now() -> str:
    return timestamp(time.time())


def timestamp(seconds: float) -> str:
    """Return RFC 3339 in UTC, with the fraction that Go would write."""
    if seconds >= _FOR_EVER:
        return "2318-01-01T00:00:00Z"  # about what Ollama writes for "for ever"
    moment = datetime.fromtimestamp(0, timezone.utc) + timedelta(seconds=seconds)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%f") + "Z"


def _go_syntax_error(text: str, error: json.JSONDecodeError) -> str:
    rest = text[error.pos :].lstrip()
    if not rest or error.msg.startswith("Unterminated string"):
        return "unexpected EOF"
    return f"invalid character {rest[0]!r} looking for beginning of value"
