"""What a benchmark reports, and how timings are taken."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Figure:
    """One measured figure beside its bound.

    ``value`` and ``bound`` are in ``unit``; the bound is an upper one, and ``None`` for a
    figure that stands beside the others only. ``how`` says what was compared with what.
    """

    name: str
    value: float
    bound: float | None
    unit: str
    how: str

    @property
    def reached(self) -> bool:
        return self.bound is None or self.value <= self.bound


def seconds(action: Callable[[], object]) -> float:
    """Return the wall time of one call, in seconds."""
    start = time.perf_counter()
    action()
    return time.perf_counter() - start


def paired(a: Callable[[], float], b: Callable[[], float], runs: int) -> tuple[float, float]:
    """Return the medians of ``a`` and ``b``, measured in turn after one uncounted pair."""
    a(), b()
    pairs = [(a(), b()) for _ in range(runs)]
    return statistics.median(x for x, _ in pairs), statistics.median(y for _, y in pairs)
