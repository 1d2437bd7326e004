"""Nested JSON settings by dotted key: read, look up, put, drop.

Contract: no key has a dot in its name (Jupyter's classes, traits and extensions have none
that we set); nothing is written here.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from local_assistant.errors import AssistantError

MISSING = object()


def flatten(data: Mapping[str, Any], parents: tuple[str, ...] = ()) -> Iterator[tuple[str, Any]]:
    """Yield ``("Class.trait", value)`` for the leaves of nested settings."""
    for key, value in data.items():
        here = (*parents, key)
        if isinstance(value, Mapping):
            yield from flatten(value, here)
        else:
            yield ".".join(here), value


def get(data: Any, dotted: str) -> Any:
    """Return the value of a key, or ``MISSING``."""
    for part in dotted.split("."):
        if not isinstance(data, dict) or part not in data:
            return MISSING
        data = data[part]
    return data


def put(data: dict[str, Any], dotted: str, value: Any) -> None:
    """Set a key, making its parents."""
    *parents, last = dotted.split(".")
    for part in parents:
        child = data.setdefault(part, {})
        if not isinstance(child, dict):
            child = data[part] = {}
        data = child
    data[last] = value


def drop(data: dict[str, Any], dotted: str) -> None:
    """Remove a key that is there, and the parents that it leaves empty."""
    *parents, last = dotted.split(".")
    chain = [data]
    for part in parents:
        chain.append(chain[-1][part])
    del chain[-1][last]
    for parent, part in zip(reversed(chain[:-1]), reversed(parents), strict=True):
        if parent[part]:
            break
        del parent[part]


def parse(path: Path, content: bytes | None) -> dict[str, Any]:
    """Return the settings in a file's content; none where it is empty or not there.

    Raises:
        AssistantError: it is no JSON object.
    """
    if content is None or not content.strip():
        return {}
    try:
        data = json.loads(content)
        if not isinstance(data, dict):
            raise ValueError("it must hold a JSON object")
    except ValueError as error:
        raise AssistantError(
            f"{path} cannot be used: {error}. It is left as it is.",
            "Repair or remove that file, then run the same command again.",
        ) from error
    return data


def parse_or_empty(content: bytes) -> dict[str, Any]:
    """Return the settings in a file that only Jupyter uses; it skips what it cannot read."""
    try:
        data = json.loads(content)
    except ValueError:
        return {}
    return data if isinstance(data, dict) else {}


def dump(data: dict[str, Any]) -> bytes:
    return (json.dumps(data, indent=2) + "\n").encode()
