"""Answers without what changes from one call to the next.

Contract: pure. A masked value keeps its kind, so that a time where a number should be is
still a difference. Words of the model stay, unless the case asks for shape alone.
"""

from __future__ import annotations

import re
from typing import Any

_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)")
_DIGEST = re.compile(r"sha256([:-])[0-9a-f]{64}")
_HEX = re.compile(r"\b[0-9a-f]{64}\b")
_WRITTEN = re.compile(r"^(using existing|creating new) layer ")
_LAYER = re.compile(r"^pulling [0-9a-f]{12}$")
_BLOB_PATH = re.compile(r"^FROM (/|[A-Za-z]:\\).*$", re.MULTILINE)
_PORT = re.compile(r"127\.0\.0\.1:\d{4,5}")

_TIMES = ("created_at", "modified_at", "expires_at")
_DURATIONS = ("total_duration", "load_duration", "prompt_eval_duration", "eval_duration")
_BYTES = ("size", "total", "completed")
_WORDS = ("response", "content", "thinking", "text", "reasoning", "arguments")
_COUNTS = ("eval_count", "completion_tokens", "total_tokens", "context", "prompt_eval_count")


def value(name: str, item: Any, *, words: bool) -> Any:
    """Return one value of an answer, masked; ``words`` keeps what the model wrote."""
    if isinstance(item, dict):
        return {key: value(key, inner, words=words) for key, inner in item.items()}
    if name in _COUNTS and not words:
        return "<count>" if item else item
    if name == "tensors" and isinstance(item, list):
        # Ollama writes an imported file anew, in an order of its own.
        return sorted(item, key=str)
    if name in ("models", "data") and isinstance(item, list):
        # Ollama's order counts whole seconds, and is by chance within one.
        item = sorted(filter(_of_ours, item), key=_name_of)
    if isinstance(item, list):
        if len(item) > 8 and all(isinstance(each, float | int) for each in item):
            return item
        return [value(name, each, words=words) for each in item]
    if isinstance(item, str):
        return _text(name, item, words)
    if isinstance(item, int) and not isinstance(item, bool):
        return _number(name, item)
    return item


def _of_ours(entry: Any) -> bool:
    """Whether an entry of a list is no model that the server had before."""
    name = _name_of(entry)
    return not name or "@" in name


def _name_of(entry: Any) -> str:
    name = (entry.get("name") or entry.get("id")) if isinstance(entry, dict) else None
    return name if isinstance(name, str) else ""


def _number(name: str, item: int) -> Any:
    if name in _DURATIONS:
        return "<ns>" if item > 0 else item
    if name in _BYTES:
        return "<bytes>" if item > 0 else item
    return "<unix time>" if name == "created" and item > 1_000_000_000 else item


def _text(name: str, item: str, words: bool) -> str:
    if name in _TIMES and _TIME.fullmatch(item):
        return "<time for ever>" if item[:2] != "20" else "<time>"
    if name == "parameters":
        return "\n".join(sorted(item.split("\n")))
    if name == "id":
        return re.sub(r"^(chatcmpl-|cmpl-|call_)[A-Za-z0-9]+$", r"\1<id>", item)
    if name == "modelfile":
        lines = _BLOB_PATH.sub("FROM <path>", item).split("\n")
        return "\n".join(sorted(line for line in lines if not line.startswith("PARAMETER"))) + (
            "\n".join(sorted(line for line in lines if line.startswith("PARAMETER")))
        )
    if not words and name in ("done_reason", "finish_reason") and item in ("stop", "length"):
        return "<stop or length>"
    if not words and name in _WORDS:
        return "<words>" if item else item
    if _LAYER.match(item):
        return "pulling <hex>"
    item = _WRITTEN.sub("using or creating layer ", item)
    item = _DIGEST.sub(r"sha256\1<hex>", item)
    return _PORT.sub("127.0.0.1:<port>", _HEX.sub("<hex>", item))
