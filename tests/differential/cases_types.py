"""Every field with a wrong type: the sentence of Go's decoder."""

from __future__ import annotations

from typing import Any

from tests.differential.case import Case, post

_VALUES: dict[str, Any] = {
    "text": "x",
    "number": 1,
    "fraction": 1.5,
    "true": True,
    "list": ["x"],
    "object": {"a": 1},
}

_FIELDS: dict[str, tuple[str, tuple[str, ...]]] = {
    "text": (
        "generate",
        (
            "stream",
            "raw",
            "options",
            "truncate",
            "shift",
            "logprobs",
            "top_logprobs",
            "context",
            "images",
        ),
    ),
    "number": ("generate", ("model", "prompt", "suffix", "system", "template", "stream")),
    "fraction": ("generate", ("top_logprobs", "prompt")),
    "true": ("generate", ("prompt", "model", "options")),
    "list": ("generate", ("prompt", "stream", "options", "think")),
    "object": ("generate", ("prompt", "images", "stream", "think")),
}
_CHAT: dict[str, tuple[str, ...]] = {
    "text": ("messages", "stream", "options", "tools"),
    "number": ("model", "messages", "tools"),
    "list": ("model", "options"),
    "object": ("model", "messages"),
}
_OTHERS: tuple[tuple[str, str, str, str], ...] = (
    ("show", "POST", "model", "number"),
    ("show", "POST", "verbose", "text"),
    ("show", "POST", "name", "list"),
    ("copy", "POST", "source", "number"),
    ("copy", "POST", "destination", "object"),
    ("delete", "DELETE", "model", "list"),
    ("create", "POST", "model", "number"),
    ("create", "POST", "from", "list"),
    ("create", "POST", "files", "text"),
    ("create", "POST", "template", "number"),
    ("create", "POST", "stream", "text"),
    ("embed", "POST", "model", "number"),
    ("embed", "POST", "dimensions", "fraction"),
    ("embed", "POST", "options", "text"),
    ("embeddings", "POST", "prompt", "number"),
    ("pull", "POST", "insecure", "text"),
)

TYPES: list[Case] = [
    *(
        post(f"types/{endpoint}-{field}-{kind}", f"/api/{endpoint}", {field: _VALUES[kind]})
        for kind, (endpoint, fields) in _FIELDS.items()
        for field in fields
    ),
    *(
        post(f"types/chat-{field}-{kind}", "/api/chat", {field: _VALUES[kind]})
        for kind, fields in _CHAT.items()
        for field in fields
    ),
    *(
        post(
            f"types/{endpoint}-{field}-{kind}",
            f"/api/{endpoint}",
            {field: _VALUES[kind]},
            method=method,
        )
        for endpoint, method, field, kind in _OTHERS
    ),
]
