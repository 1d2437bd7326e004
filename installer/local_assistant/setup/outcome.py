"""What a check came to, for ``smoke`` and ``doctor``. Standard library only."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

SafeFix = Callable[[], str]
"""Mends without a download and without a loss; returns one line about what it did."""


@dataclass(frozen=True)
class Check:
    """One check's outcome; the first five fields are those of the design's JSON."""

    name: str
    ok: bool
    detail: str
    fix: str | None
    ms: float
    safe_fix: SafeFix | None = field(default=None, repr=False, compare=False)

    def as_dict(self) -> dict[str, Any]:
        fields = ("name", "ok", "detail", "fix", "ms")
        return {name: getattr(self, name) for name in fields}
