"""What a command returns: data for ``--json`` and text blocks for people.

Contract: frozen and free of printing. ``data`` is JSON-serialisable and has neither of the
renderer's own keys (``schema``, ``ok``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

Style = Literal["plain", "title", "good", "bad", "note", "dim"]


@dataclass(frozen=True)
class Line:
    """One line of text; ``style`` colours it at a terminal."""

    text: str = ""
    style: Style = "plain"


@dataclass(frozen=True)
class Table:
    """Rows under headers, as wide as their content."""

    headers: Sequence[str]
    rows: Sequence[Sequence[str]]


@dataclass(frozen=True)
class Result:
    """The outcome of one command; ``ok`` false means exit code 1."""

    data: Mapping[str, Any] = field(default_factory=dict)
    text: Sequence[Line | Table] = ()
    ok: bool = True


def raw(text: str) -> tuple[Line, ...]:
    """Return ``text`` as plain lines."""
    return tuple(Line(line) for line in text.splitlines())
