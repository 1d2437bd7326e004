"""Requests of ``/v1`` read, and turned into those of ``/api``.

Contract: pure; the only module that knows the field names of OpenAI's requests. Bodies are
checked as Ollama checks them and refused with its sentences; what this part does not look
into (tools, a JSON schema, an embedding's input) is checked by the ``/api`` endpoint.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import Any

from local_assistant.engine.openai import messages as openai_messages
from local_assistant.engine.wire import gojson
from local_assistant.engine.wire.gojson import Flag, Integer, Kind, Sequence, Struct, Text
from local_assistant.engine.wire.requests import TOOL
from local_assistant.engine.wire.shapes import ApiError

_EFFORTS = {"none": False, "minimal": "low", "low": "low", "medium": "medium", "high": "high",
            "max": "max", "xhigh": "max", "ultra": "max"}  # fmt: skip
_MOST_FLOAT32 = 3.4028235e38


class _Real(Kind):
    """A number with or without a fraction."""

    def __init__(self, name: str, most: float = math.inf) -> None:
        self.name = name
        self._most = most

    def zero(self) -> Any:
        return 0.0

    def read(self, value: Any, place: Any) -> Any:
        what = gojson.kind_of(value)
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            if abs(value) <= self._most and abs(value) != math.inf:
                return value
            what = f"number {value.text if isinstance(value, gojson.Number) else value}"
        place.note(gojson.WrongType(what, self.name))
        return 0.0


class _Tools(Sequence):
    """Tools are checked, and handed on as they came: ``/api/chat`` reads them."""

    def __init__(self) -> None:
        super().__init__(TOOL)

    def read(self, value: Any, place: Any) -> Any:
        super().read(value, place)
        return value


_FUNCTION = Struct("", {"name": Text(), "arguments": Text()})
_CALL = Struct(
    "openai.ToolCall", {"id": Text(), "index": Integer(), "type": Text(), "function": _FUNCTION}
)
_MESSAGE = Struct(
    "openai.Message",
    {
        "role": Text(),
        "content": Kind(),
        "reasoning": Text(),
        "tool_calls": Sequence(_CALL),
        "name": Text(),
        "tool_call_id": Text(),
    },
)
_STREAMING: dict[str, Kind] = {
    "stream": Flag(),
    "stream_options": Struct("openai.StreamOptions", {"include_usage": Flag()}),
}
_CHAT = Struct(
    "openai.ChatCompletionRequest",
    {
        **_STREAMING,
        "model": Text(),
        "messages": Sequence(_MESSAGE),
        "max_tokens": Integer(),
        "seed": Integer(),
        "stop": Kind(),
        "temperature": _Real("float64"),
        "frequency_penalty": _Real("float64"),
        "presence_penalty": _Real("float64"),
        "top_p": _Real("float64"),
        "response_format": Struct(
            "openai.ResponseFormat",
            {"type": Text(), "json_schema": Struct("openai.JsonSchema", {"schema": Kind()})},
        ),
        "tools": _Tools(),
        "reasoning": Struct("openai.Reasoning", {"effort": Text()}),
        "reasoning_effort": Text(),
        "logprobs": Flag(),
        "top_logprobs": Integer(),
        "_debug_render_only": Flag(),
    },
)
_COMPLETION = Struct(
    "openai.CompletionRequest",
    {
        **_STREAMING,
        "model": Text(),
        "prompt": Text(),
        "suffix": Text(),
        "max_tokens": Integer(),
        "seed": Integer(),
        "stop": Kind(),
        "temperature": _Real("float32", _MOST_FLOAT32),
        "frequency_penalty": _Real("float32", _MOST_FLOAT32),
        "presence_penalty": _Real("float32", _MOST_FLOAT32),
        "top_p": _Real("float32", _MOST_FLOAT32),
        "logprobs": Integer(),
        "_debug_render_only": Flag(),
    },
)
_EMBEDDING = Struct(
    "openai.EmbedRequest",
    {"model": Text(), "input": Kind(), "dimensions": Integer(), "encoding_format": Text()},
)


@dataclass(frozen=True)
class Translated:
    """A request for ``/api``, and what its answer has to look like."""

    body: bytes
    model: str
    stream: bool = False
    include_usage: bool = False
    base64: bool = False


def chat(body: bytes) -> Translated:
    """Return the ``/api/chat`` request for a ``/v1/chat/completions`` one."""
    fields = _decode(_CHAT, body)
    if not fields.get("messages"):
        raise ApiError(400, "[] is too short - 'messages'")
    request: dict[str, Any] = {
        "messages": openai_messages.translated(fields["messages"]),
        "options": _chat_options(fields),
        **_format(fields.get("response_format")),
        **_think(fields),
    }
    for name in ("tools", "logprobs", "top_logprobs", "_debug_render_only"):
        if name in fields:
            request[name] = fields[name]
    return _translated(fields, request)


def completion(body: bytes) -> Translated:
    """Return the ``/api/generate`` request for a ``/v1/completions`` one."""
    fields = _decode(_COMPLETION, body)
    wanted = fields.get("logprobs", 0)
    request: dict[str, Any] = {
        "prompt": fields.get("prompt", ""),
        "suffix": fields.get("suffix", ""),
        "options": {
            **_stop(fields.get("stop"), strict=True),
            **_options(fields),
            "frequency_penalty": fields.get("frequency_penalty", 0.0),
            "presence_penalty": fields.get("presence_penalty", 0.0),
            "top_p": fields.get("top_p") or 1.0,
        },
    }
    if wanted > 0:
        request |= {"logprobs": True, "top_logprobs": wanted}
    if "_debug_render_only" in fields:
        request["_debug_render_only"] = fields["_debug_render_only"]
    return _translated(fields, request)


def embedding(body: bytes) -> Translated:
    """Return the ``/api/embed`` request for a ``/v1/embeddings`` one."""
    fields = _decode(_EMBEDDING, body)
    form, texts = fields.get("encoding_format", ""), fields.get("input")
    if form and form.lower() not in ("float", "base64"):
        raise ApiError(
            400,
            f"Invalid value for 'encoding_format' = {form}. Supported values: ['float', 'base64'].",
        )
    if texts is None or texts == []:
        raise ApiError(400, "invalid input")
    request: dict[str, Any] = {"input": [""] if texts == "" else texts}
    if fields.get("dimensions"):
        request["dimensions"] = fields["dimensions"]
    model = fields.get("model", "")
    return Translated(_json({"model": model, **request}), model, base64=form.lower() == "base64")


def _decode(kind: Struct, body: bytes) -> dict[str, Any]:
    try:
        return gojson.decode(kind, body)
    except gojson.Missing as error:
        raise ApiError(400, "EOF") from error
    except gojson.Unfit as error:
        raise ApiError(400, str(error)) from error


def _translated(fields: dict[str, Any], request: dict[str, Any]) -> Translated:
    model, stream = fields.get("model", ""), fields.get("stream", False)
    usage = fields.get("stream_options", {}).get("include_usage", False)
    whole = {"model": model, "stream": stream, **request}
    return Translated(_json(whole), model, stream=stream, include_usage=usage)


def _json(value: dict[str, Any]) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode("utf-8")


# Options


def _options(fields: dict[str, Any]) -> dict[str, Any]:
    found = {"temperature": fields.get("temperature", 1.0)}
    for name, ours in (("max_tokens", "num_predict"), ("seed", "seed")):
        if name in fields:
            found[ours] = fields[name]
    return found


def _chat_options(fields: dict[str, Any]) -> dict[str, Any]:
    found = {**_stop(fields.get("stop"), strict=False), **_options(fields)}
    for name in ("frequency_penalty", "presence_penalty"):
        if name in fields:
            found[name] = fields[name]
    return {**found, "top_p": fields.get("top_p", 1.0)}


def _stop(value: Any, *, strict: bool) -> dict[str, Any]:
    """Return the stop texts; one that is none is skipped, or refused where ``strict``."""
    if isinstance(value, str):
        return {"stop": [value]}
    if not isinstance(value, list):
        return {}
    for item in value:
        if strict and not isinstance(item, str):
            raise ApiError(400, f"invalid type for 'stop' field: {openai_messages.go_type(item)}")
    return {"stop": [item for item in value if isinstance(item, str)]}


def _format(wanted: dict[str, Any] | None) -> dict[str, Any]:
    kind = (wanted or {}).get("type", "").strip().lower()
    if kind == "json_object":
        return {"format": "json"}
    schema = (wanted or {}).get("json_schema", {}).get("schema")
    return {"format": schema} if kind == "json_schema" and schema is not None else {}


def _think(fields: dict[str, Any]) -> dict[str, Any]:
    if "reasoning" in fields:
        effort = fields["reasoning"].get("effort", "")
    else:
        effort = fields.get("reasoning_effort", "")
    if not effort:
        return {}
    if effort not in _EFFORTS:
        raise ApiError(
            400,
            f'invalid reasoning value: "{effort}" (must be "minimal", "low", "medium", "high", '
            '"xhigh", "ultra", "max", or "none")',
        )
    return {"think": _EFFORTS[effort]}
