"""What the engine has generated since it started, by kind of request.

Contract: plain numbers that only grow, except ``active`` and ``peak``; readers take
differences. A generation that was left early counts what it had evaluated and written.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, Literal

Kind = Literal["chat", "completion"]
"""``completion`` is text that goes on (raw, or with a suffix); all else is ``chat``."""

KINDS: tuple[Kind, ...] = ("chat", "completion")


@dataclass
class Tally:
    """The numbers of one kind."""

    active: int = 0
    peak: int = 0
    started: int = 0
    cancelled: int = 0
    refused: int = 0
    prompt_tokens: int = 0
    """Evaluated, without those that came from a cache."""
    cached_tokens: int = 0
    generated_tokens: int = 0

    def begin(self) -> None:
        self.started += 1
        self.active += 1
        self.peak = max(self.peak, self.active)


@dataclass
class Meter:
    """One generation's tokens, read from llama.cpp's events as they pass."""

    evaluated: int = 0
    cached: int = 0
    generated: int = 0
    ended: bool = False
    """Whether its last event has come: leaving after it is no cancelling."""

    def see(self, event: dict[str, Any]) -> None:
        """Take the numbers of one event; the last ones hold."""
        timings = event.get("timings")
        if timings:
            self.ended = True
            self.evaluated = int(timings.get("prompt_n", 0))
            self.cached = int(timings.get("cache_n", 0))
            self.generated = int(timings.get("predicted_n", 0))
            return
        progress = event.get("prompt_progress")
        if progress:
            self.cached = int(progress.get("cache", 0))
            self.evaluated = max(0, int(progress.get("processed", 0)) - self.cached)
        elif not event.get("stop"):
            self.generated += 1


@dataclass
class Counters:
    """All generations, and each kind's."""

    total: Tally = field(default_factory=Tally)
    by_kind: dict[Kind, Tally] = field(default_factory=lambda: {kind: Tally() for kind in KINDS})

    def begin(self, kind: Kind) -> None:
        for tally in (self.total, self.by_kind[kind]):
            tally.begin()

    def end(self, kind: Kind, meter: Meter, *, cancelled: bool) -> None:
        for tally in (self.total, self.by_kind[kind]):
            tally.active -= 1
            tally.cancelled += cancelled
            tally.prompt_tokens += meter.evaluated
            tally.cached_tokens += meter.cached
            tally.generated_tokens += meter.generated

    def refuse(self, kind: Kind) -> None:
        for tally in (self.total, self.by_kind[kind]):
            tally.refused += 1

    def take_peak(self) -> int:
        """Return the peak, and begin a new one from what runs now."""
        peak = self.total.peak
        for tally in (self.total, *self.by_kind.values()):
            tally.peak = tally.active
        return peak

    def fields(self) -> dict[str, Any]:
        kinds = {kind: asdict(tally) for kind, tally in self.by_kind.items()}
        return {**asdict(self.total), "by_kind": kinds}
