"""One answer in a form that two servers' answers can be compared in.

Contract: pure, from status, headers and bytes to an :class:`Answer`. Streamed chunks of one
shape in a row become one, with their words joined: how many tokens a chunk holds is the
server's affair.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tests.differential import mask

_HEADERS = (
    "content-type",
    "allow",
    "location",
    "vary",
    "access-control-allow-origin",
    "access-control-allow-methods",
    "access-control-allow-headers",
    "access-control-max-age",
)
_MERGED = ("response", "content", "thinking", "text", "reasoning", "reasoning_content")


@dataclass
class Answer:
    """What is compared; ``failed`` says why there is none."""

    status: int | None
    headers: dict[str, str]
    kind: str
    body: Any
    failed: str | None = None

    def tree(self) -> dict[str, Any]:
        found: dict[str, Any] = {
            "status": self.status,
            "headers": self.headers,
            "kind": self.kind,
            "body": self.body,
        }
        if self.failed is not None:
            found["failed"] = self.failed
        return found


def read(status: int, headers: Mapping[str, str], body: bytes, *, words: bool) -> Answer:
    """Return a whole answer, masked."""
    kept = {name: headers[name] for name in _HEADERS if name in headers}
    for listed in ("allow", "access-control-allow-headers", "access-control-allow-methods"):
        if listed in kept:
            kept[listed] = ",".join(sorted(part.strip() for part in kept[listed].split(",")))
    kind, value = _parsed(headers.get("content-type", ""), body, words)
    return Answer(status, kept, kind, value)


def _parsed(content_type: str, body: bytes, words: bool) -> tuple[str, Any]:
    text = body.decode("utf-8", errors="replace")
    if not body:
        return "empty", None
    if "text/event-stream" in content_type:
        events = [_event(part, words) for part in text.split("\n\n") if part.strip()]
        return "events", _merged(events)
    if "ndjson" in content_type:
        lines = [_json(line, words) for line in text.split("\n") if line]
        return "lines", _merged(lines)
    value = _json(text, words)
    if isinstance(value, Broken):
        return "text", mask.value("", text, words=words)
    return "json with a newline" if text.endswith("\n") else "json", value


class Broken(str):
    """Text that is not JSON though it should be."""

    __slots__ = ()


def _json(text: str, words: bool) -> Any:
    try:
        return mask.value("", json.loads(text), words=words)
    except ValueError:
        return Broken(f"not JSON: {text[:200]}")


def _event(text: str, words: bool) -> Any:
    begin, _, rest = text.partition(": ")
    if begin != "data":
        return Broken(f"not an event: {text[:200]}")
    return rest if rest == "[DONE]" else _json(rest, words)


def _merged(chunks: list[Any]) -> list[Any]:
    """Join neighbours that differ in nothing but their words."""
    out: list[Any] = []
    shapes: list[Any] = []
    for chunk in chunks:
        shape, texts = _shape(chunk)
        if out and shapes[-1] == shape:
            for key, text in texts.items():
                out[-1]["words"][key] += text
            continue
        shapes.append(shape)
        out.append({"chunk": shape, "words": texts} if texts else {"chunk": shape})
    return out


def _shape(chunk: Any, path: str = "") -> tuple[Any, dict[str, Any]]:
    """Return the chunk with its words taken out, and the words by their place."""
    texts: dict[str, Any] = {}
    if isinstance(chunk, dict):
        shape: dict[str, Any] = {}
        for key, item in chunk.items():
            place = f"{path}.{key}" if path else key
            if key in _MERGED and isinstance(item, str):
                shape[key] = "<words>" if item else ""
                if item:
                    texts[place] = item
            elif key == "logprobs" and isinstance(item, list):
                shape[key] = "<list>"
                texts[place] = list(item)
            else:
                shape[key], inner = _shape(item, place)
                texts |= inner
        return shape, texts
    if isinstance(chunk, list):
        pairs = [_shape(item, f"{path}[{index}]") for index, item in enumerate(chunk)]
        for _, inner in pairs:
            texts |= inner
        return [item for item, _ in pairs], texts
    return chunk, texts
