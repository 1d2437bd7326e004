"""The messages of a ``/v1/chat/completions`` request, turned into those of ``/api/chat``.

Contract: pure. Their fields have been checked (:mod:`.requests`), their contents have
not: these are read here, and refused with Ollama's sentences.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from local_assistant.engine.wire import gojson
from local_assistant.engine.wire.base64_check import check_base64
from local_assistant.engine.wire.shapes import ApiError

_IMAGES = ("", "image/jpeg", "image/jpg", "image/png", "image/webp")


def translated(sources: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return messages for ``/api/chat``: each part of a content becomes one of its own."""
    found: list[dict[str, Any]] = []
    for source in sources:
        content, calls = source.get("content"), source.get("tool_calls")
        role = source.get("role", "")
        if isinstance(content, list):
            found += [{"role": role, **_part(part)} for part in content]
            if found and calls:  # as in Ollama: the last message, even if it is another's
                found[-1] |= _call_fields(source, _tool_name(source, sources))
        elif isinstance(content, str):
            more = _call_fields(source, _tool_name(source, sources))
            found.append({"role": role, "content": content, **more})
        elif calls is None:
            raise ApiError(400, f"invalid message content type: {go_type(content)}")
        else:
            found.append({"role": role, **_call_fields(source, "")})
    return found


def _call_fields(source: dict[str, Any], tool_name: str) -> dict[str, Any]:
    found = {
        "thinking": source.get("reasoning", ""),
        "tool_calls": [_call(call) for call in source.get("tool_calls") or []],
        "tool_name": tool_name,
        "tool_call_id": source.get("tool_call_id", ""),
    }
    return {name: value for name, value in found.items() if value}


def _call(source: dict[str, Any]) -> dict[str, Any]:
    function = source.get("function", {})
    try:
        text = function.get("arguments", "")
        json.loads(text)  # unlike a body it is nothing but one value
        arguments = gojson.parse(text.encode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise ApiError(400, "invalid tool call arguments") from error
    if not isinstance(arguments, (dict, type(None))):
        raise ApiError(400, "invalid tool call arguments")
    return {
        "id": source.get("id", ""),
        "function": {"name": function.get("name", ""), "arguments": arguments or {}},
    }


def _tool_name(message: dict[str, Any], messages: list[dict[str, Any]]) -> str:
    """Return which tool a result is of: as it says, or by the last call with its id."""
    if message.get("role", "").lower() != "tool":
        return ""
    name, wanted = message.get("name", ""), message.get("tool_call_id", "")
    if name or not wanted:
        return str(name)
    for other in reversed(messages):
        for call in other.get("tool_calls") or []:
            if call.get("id", "") == wanted:
                return str(call.get("function", {}).get("name", ""))
    return ""


def _part(part: Any) -> dict[str, Any]:
    kind = part.get("type") if isinstance(part, dict) else None
    read: dict[Any, Callable[[Any], dict[str, Any]]] = {
        "text": _text_part, "image_url": _image_part, "input_audio": _audio_part,
    }  # fmt: skip
    if not isinstance(kind, str) or kind not in read:
        raise ApiError(400, "invalid message format")
    return read[kind](part)


def _text_part(part: Any) -> dict[str, Any]:
    text = part.get("text")
    if not isinstance(text, str):
        raise ApiError(400, "invalid message format")
    return {"content": text}


def _image_part(part: Any) -> dict[str, Any]:
    url = part.get("image_url")
    url = url.get("url") if isinstance(url, dict) else url
    if not isinstance(url, str):
        raise ApiError(400, "invalid message format")
    if url.startswith(("http://", "https://")):
        raise ApiError(
            400,
            "image URLs are not currently supported, please use base64 encoded data instead",
        )
    head, comma, data = url.partition(";base64,")
    kinds = [f"data:{kind}" for kind in _IMAGES]
    if not comma or head not in kinds or check_base64(data) is not None:
        raise ApiError(400, "invalid image input")
    return {"images": [data]}


def _audio_part(part: Any) -> dict[str, Any]:
    audio = part.get("input_audio")
    if not isinstance(audio, dict):
        raise ApiError(400, "invalid input_audio format")
    data = audio.get("data")
    if not isinstance(data, str):
        raise ApiError(400, "invalid input_audio format: missing data")
    wrong = check_base64(data)
    if wrong is not None:
        raise ApiError(
            400, f"invalid input_audio base64 data: illegal base64 data at input byte {wrong}"
        )
    return {"images": [data]}


def go_type(value: Any) -> str:
    """Return what Go's ``%T`` says of a JSON value."""
    if isinstance(value, bool):
        return "bool"
    names: dict[type, str] = {
        str: "string",
        list: "[]interface {}",
        dict: "map[string]interface {}",
    }
    return "<nil>" if value is None else names.get(type(value), "float64")
