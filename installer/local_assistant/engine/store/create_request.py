"""The request of ``/api/create``, read and checked before anything is made.

Contract: pure. What is wrong with the body itself is refused here, in Ollama's order and
words; what depends on the store is found out by :mod:`.create`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from local_assistant.engine.store import names
from local_assistant.engine.wire import gojson
from local_assistant.engine.wire.gojson import (
    Flag,
    Kind,
    Mapping,
    Sequence,
    Struct,
    Text,
    WrongType,
)
from local_assistant.engine.wire.requests import MESSAGE
from local_assistant.engine.wire.shapes import ApiError

_MESSAGE_KEYS = ("thinking", "images", "tool_calls", "tool_name", "tool_call_id")


class _Texts(Kind):
    """A map of texts."""

    name = "map[string]string"

    def zero(self) -> Any:
        return {}

    def read(self, value: Any, place: Any) -> Any:
        if not isinstance(value, dict):
            place.note(WrongType(gojson.kind_of(value), self.name))
            return {}
        read = {key: Text().read(item, place) for key, item in value.items() if item is not None}
        return {key: read.get(key, "") for key in value}


_CREATE = Struct(
    "api.CreateRequest",
    {
        "model": Text(),
        "name": Text(),
        "stream": Flag(),
        "quantize": Text(),
        "quantization": Text(),
        "draft_quantize": Text(),
        "from": Text(),
        "remote_host": Text(),
        "files": _Texts(),
        "draft_files": _Texts(),
        "adapters": _Texts(),
        "template": Text(),
        "license": Kind(),
        "system": Text(),
        "parameters": Mapping(),
        "messages": Sequence(MESSAGE, "[]api.Message"),
        "renderer": Text(),
        "parser": Text(),
        "requires": Text(),
        "info": Mapping(),
    },
)


@dataclass(frozen=True)
class CreateRequest:
    """What to make a model of."""

    name: names.Name
    stream: bool = True
    base: names.Name | None = None
    """The model to start from."""
    files: dict[str, str] | None = None
    """GGUF files: digests of blobs by their paths."""
    adapters: dict[str, str] | None = None
    quantize: str = ""
    template: str = ""
    system: str = ""
    licenses: tuple[str, ...] = ()
    parameters: dict[str, Any] = field(default_factory=dict)
    messages: tuple[dict[str, Any], ...] = ()
    config: dict[str, str] = field(default_factory=dict)
    """``renderer``, ``parser`` and ``requires``, as far as they are given."""


def read(body: bytes) -> CreateRequest:
    """Return the request of a body.

    Raises:
        ApiError: it makes no sense, or wants what this engine cannot do.
    """
    try:
        found = gojson.decode(_CREATE, body)
    except gojson.Unfit as error:
        raise ApiError(400, str(error)) from error
    files, adapters = found.get("files"), found.get("adapters")
    drafts = found.get("draft_files")
    for path, digest in [*(files or {}).items(), *(drafts or {}).items()]:
        if not _is_clean(path):
            raise ApiError(400, "file path must be relative")
        _wants_digest(digest)
    for digest in (adapters or {}).values():
        _wants_digest(digest)
    name = _name(found.get("model") or found.get("name") or "")
    base = _base(found)
    if base is None and files is None:
        raise ApiError(400, "neither 'from' or 'files' was specified")
    if drafts:
        raise ApiError(400, "the embedded engine does not support draft models")
    return CreateRequest(
        name,
        found.get("stream", True),
        base,
        files,
        adapters,
        (found.get("quantize") or found.get("quantization") or "").upper(),
        found.get("template", ""),
        found.get("system", ""),
        _licenses(found.get("license")),
        found.get("parameters", {}),
        tuple(_message(each) for each in found.get("messages", [])),
        {key: found[key] for key in ("renderer", "parser", "requires") if found.get(key)},
    )


def _is_clean(path: str) -> bool:
    """Return whether a path is relative and has no odd elements."""
    return path == "." or all(part not in ("", ".", "..") for part in path.split("/"))


def _wants_digest(digest: str) -> None:
    if not digest:
        raise ApiError(400, "invalid digest format")


def _name(text: str) -> names.Name:
    try:
        return names.parse(text)
    except names.InvalidName as error:
        raise ApiError(400, "invalid model name") from error


def _base(found: dict[str, Any]) -> names.Name | None:
    text = found.get("from", "")
    if not text:
        return None
    try:
        ref = names.parse_ref(text)
    except names.InvalidName as error:
        raise ApiError(400, "invalid model name") from error
    if ref.source == names.CLOUD or found.get("remote_host"):
        raise ApiError(400, "the embedded engine does not support remote models")
    return ref.name


def _licenses(value: Any) -> tuple[str, ...]:
    if value is None or value == "":
        return ()
    if isinstance(value, str):
        return (value,)
    try:
        texts = gojson.inner(Sequence(Text()))(value)
    except gojson.Unfit as error:
        raise ApiError(500, str(error)) from error
    return tuple(texts)


def _message(found: dict[str, Any]) -> dict[str, Any]:
    """Return a message with its fields in Ollama's order, the unset ones left out."""
    message = {"role": found.get("role", "").lower(), "content": found.get("content", "")}
    more = {key: found[key] for key in _MESSAGE_KEYS if found.get(key)}
    if "tool_calls" in more:
        more["tool_calls"] = [_call(each) for each in more["tool_calls"]]
    return message | more


def _call(found: dict[str, Any]) -> dict[str, Any]:
    function = found.get("function") or {}
    named = {"id": found["id"]} if found.get("id") else {}
    return {
        **named,
        "function": {
            "index": function.get("index", 0),
            "name": function.get("name", ""),
            "arguments": function.get("arguments") or {},
        },
    }
