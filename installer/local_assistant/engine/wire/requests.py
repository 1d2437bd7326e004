"""The requests of ``/api/generate``, ``/api/chat``, ``/api/embed`` and ``/api/embeddings``.

Contract: pure; the only module that knows these requests' field names. A body is checked as
Ollama checks it (shapes of its Go structures) and refused with its sentences. What depends
on the model (its capabilities, the format, the options' types) is checked later, because
Ollama answers for an unknown model first.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

from local_assistant.engine.settings import parse_duration
from local_assistant.engine.wire import gojson
from local_assistant.engine.wire.base64_check import check_base64
from local_assistant.engine.wire.gojson import (
    Flag,
    Integer,
    Kind,
    Mapping,
    Own,
    Sequence,
    Struct,
    Text,
    Unfit,
    WrongType,
    inner,
)
from local_assistant.engine.wire.shapes import ApiError

_LEVELS = ("high", "medium", "low", "max")
_LEVELS_TEXT = '"high", "medium", "low", "max", true, or false'
_NO_OBJECT = "Value looks like object, but can't find closing '}' symbol"
_LONGEST_S = 2**63 / 1e9


class _Image(Kind):
    """Bytes: base64, or an array of numbers."""

    name = "api.ImageData"

    def read(self, value: Any, place: Any) -> Any:
        if isinstance(value, str):
            wrong = check_base64(value)
            if wrong is not None:
                place.note(Unfit(f"illegal base64 data at input byte {wrong}"))
        elif isinstance(value, list):
            Sequence(Integer("uint8", 0, 255)).read(value, place)
        else:
            place.note(WrongType(gojson.kind_of(value), self.name))
        return value


class _OneOrMore(Kind):
    """A string or a list of strings."""

    def read(self, value: Any, place: Any) -> Any:
        if not isinstance(value, str):
            Own("api.PropertyType", inner(Sequence(Text()))).read(value, place)
        return value


def _keep_alive(value: Any) -> float:
    """Return seconds; ``math.inf`` is for ever."""
    if isinstance(value, gojson.Number) and abs(value) == float("inf"):
        raise WrongType(f"number {value.text}", "float64")
    try:
        seconds = parse_duration(value)
    except ValueError as error:
        raise Unfit(str(error)) from error
    if isinstance(value, str) and _LONGEST_S < seconds < float("inf"):
        raise Unfit(f'time: invalid duration "{value}"')
    return seconds


def _think(value: Any) -> bool | str:
    if isinstance(value, bool):
        return value
    if not isinstance(value, str):
        raise Unfit(f"think must be a boolean or string ({_LEVELS_TEXT})")
    if value not in _LEVELS:
        raise Unfit(f'invalid think value: "{value}" (must be {_LEVELS_TEXT})')
    return value


def _arguments(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise Unfit(_NO_OBJECT)
    return value


_CALL = Struct(
    "api.ToolCall",
    {
        "id": Text(),
        "function": Struct(
            "api.ToolCallFunction",
            {
                "index": Integer(),
                "name": Text(),
                "arguments": Own("api.ToolCallFunctionArguments", _arguments, dict),
            },
        ),
    },
)
MESSAGE = Own(
    "api.Message",
    inner(
        Struct(
            "api.Alias",
            {
                "role": Text(),
                "content": Text(),
                "thinking": Text(),
                "images": Sequence(_Image()),
                "tool_calls": Sequence(_CALL),
                "tool_name": Text(),
                "tool_call_id": Text(),
            },
        )
    ),
    dict,
)
_PROPERTY = Struct("api.ToolProperty")


def _properties(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise Unfit(_NO_OBJECT)
    for item in value.values():
        if item is not None:
            inner(_PROPERTY)(item)
    return value


_PROPERTIES = Own("api.ToolPropertiesMap", _properties)
_PROPERTY.fields = {
    "anyOf": Sequence(_PROPERTY),
    "type": _OneOrMore(),
    "items": Kind(),
    "description": Text(),
    "enum": Sequence(Kind()),
    "properties": _PROPERTIES,
    "required": Sequence(Text()),
}
TOOL = Struct(
    "api.Tool",
    {
        "type": Text(),
        "items": Kind(),
        "function": Struct(
            "api.ToolFunction",
            {
                "name": Text(),
                "description": Text(),
                "parameters": Struct(
                    "api.ToolFunctionParameters",
                    {
                        "type": Text(),
                        "$defs": Kind(),
                        "items": Kind(),
                        "required": Sequence(Text()),
                        "properties": _PROPERTIES,
                    },
                ),
            },
        ),
    },
)


class _Tools(Sequence):
    """Tools are checked, and handed on as they came: templates may use more of them."""

    def __init__(self) -> None:
        super().__init__(TOOL, "api.Tools")

    def read(self, value: Any, place: Any) -> Any:
        super().read(value, place)
        return value


_LOADING: dict[str, Kind] = {
    "model": Text(),
    "options": Mapping(),
    "keep_alive": Own("api.Duration", _keep_alive),
}
_COMMON: dict[str, Kind] = {
    **_LOADING,
    "stream": Flag(),
    "format": Kind(),
    "think": Own("api.ThinkValue", _think),
    "truncate": Flag(),
    "shift": Flag(),
    "_debug_render_only": Flag(),
    "logprobs": Flag(),
    "top_logprobs": Integer(),
}
_GENERATE = Struct(
    "api.GenerateRequest",
    {
        **_COMMON,
        "prompt": Text(),
        "suffix": Text(),
        "system": Text(),
        "template": Text(),
        "context": Sequence(Integer()),
        "raw": Flag(),
        "images": Sequence(_Image()),
    },
)
_CHAT = Struct(
    "api.ChatRequest",
    {**_COMMON, "messages": Sequence(MESSAGE, "[]api.Message"), "tools": _Tools()},
)
_EMBED = Struct(
    "api.EmbedRequest",
    {**_LOADING, "input": Kind(), "truncate": Flag(), "dimensions": Integer()},
)
_EMBEDDING = Struct("api.EmbeddingRequest", {**_LOADING, "prompt": Text()})


@dataclass
class ModelRequest:
    """What every request has that needs a loaded model."""

    model: str = ""
    options: dict[str, Any] = field(default_factory=dict)
    keep_alive: float | None = None
    arrived: int = field(default_factory=time.perf_counter_ns)


@dataclass
class TextRequest(ModelRequest):
    """What ``/api/generate`` and ``/api/chat`` have in common."""

    stream: bool = True
    format: Any = None
    think: bool | str | None = None
    truncate: bool = True
    shift: bool = True
    debug_render_only: bool = False
    logprobs: bool = False
    top_logprobs: int = 0


@dataclass
class GenerateRequest(TextRequest):
    prompt: str = ""
    suffix: str = ""
    system: str = ""
    template: str = ""
    context: list[int] | None = None
    raw: bool = False
    images: list[Any] = field(default_factory=list)


@dataclass
class ChatRequest(TextRequest):
    messages: list[dict[str, Any]] = field(default_factory=list)
    tools: list[Any] = field(default_factory=list)


@dataclass
class EmbedRequest(ModelRequest):
    input: Any = None
    truncate: bool = True
    dimensions: int = 0


@dataclass
class EmbeddingRequest(ModelRequest):
    prompt: str = ""


def read_generate(body: bytes) -> GenerateRequest:
    request = GenerateRequest(**_fields(_GENERATE, body))
    _check_top(request)
    return request


def read_chat(body: bytes) -> ChatRequest:
    request = ChatRequest(**_fields(_CHAT, body))
    for message in request.messages:
        message["role"] = message.get("role", "").lower()
    _check_top(request)
    return request


def read_embed(body: bytes) -> EmbedRequest:
    return EmbedRequest(**_fields(_EMBED, body))


def read_embedding(body: bytes) -> EmbeddingRequest:
    return EmbeddingRequest(**_fields(_EMBEDDING, body))


def _fields(kind: Struct, body: bytes) -> dict[str, Any]:
    try:
        found = gojson.decode(kind, body)
    except Unfit as error:
        raise ApiError(400, str(error)) from error
    return {name.removeprefix("_"): value for name, value in found.items()}


def _check_top(request: TextRequest) -> None:
    if not 0 <= request.top_logprobs <= 20:
        raise ApiError(400, "top_logprobs must be between 0 and 20")
