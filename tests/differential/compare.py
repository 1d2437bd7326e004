"""Differences between two masked answers, and which of them are known.

Contract: pure but for reading ``known.toml``. A difference has a place (``$.body.error``) and
both values. A known one needs a reason; one without a match is a difference.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import tomlkit

ABSENT = "<absent>"
_CLOSE = 0.02
"""How far numbers with a fraction may lie apart: builds of llama.cpp round differently."""


@dataclass(frozen=True)
class Difference:
    case: str
    place: str
    a: Any
    b: Any

    def json(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True)
class Known:
    """A difference that is meant: in which cases, where in the answer, and why."""

    case: str
    at: str
    reason: str

    def fits(self, difference: Difference) -> bool:
        # "[" begins a set in these patterns and an index in places.
        place = difference.place.replace("[", "(").replace("]", ")")
        at = self.at.replace("[", "(").replace("]", ")")
        return fnmatchcase(difference.case, self.case) and fnmatchcase(place, at)


def read_known(path: Path) -> list[Known]:
    found = tomlkit.parse(path.read_text("utf-8")).unwrap()
    return [
        Known(case, entry.get("at", "*"), entry["reason"])
        for entry in found["known"]
        for case in entry["cases"]
    ]


def differences(case: str, a: Any, b: Any, place: str = "$") -> list[Difference]:
    """Return every place where two values differ, deepest first named."""
    if isinstance(a, dict) and isinstance(b, dict):
        found = []
        for key in [*a, *(key for key in b if key not in a)]:
            at = f"{place}.{key}"
            found += differences(case, a.get(key, ABSENT), b.get(key, ABSENT), at)
        return found
    if isinstance(a, list) and isinstance(b, list) and len(a) == len(b):
        pairs = enumerate(zip(a, b, strict=True))
        return [
            each
            for index, (left, right) in pairs
            for each in differences(case, left, right, f"{place}[{index}]")
        ]
    if _equal(a, b):
        return []
    return [Difference(case, place, a, b)]


def _equal(a: Any, b: Any) -> bool:
    numbers = all(isinstance(x, int | float) and not isinstance(x, bool) for x in (a, b))
    if numbers and (isinstance(a, float) or isinstance(b, float)):
        return bool(abs(a - b) <= _CLOSE)
    return type(a) is type(b) and bool(a == b)
