"""Whether anybody uses the engine: running requests, the last one's time, and holds.

Contract: pure state with an injected clock; the server asks :meth:`Activity.idle_for`.
"""

from __future__ import annotations

import time
from collections.abc import Callable

MAX_HOLD_S = 24 * 3600


class Activity:
    """Counts what keeps the engine alive."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._running = 0
        self._last = clock()
        self._holds: dict[str, float] = {}

    def request(self, change: int) -> None:
        """Note that a request began (+1) or ended (-1); 0 does not count as use."""
        if change:
            self._running += change
            self._last = self._clock()

    def hold(self, holder: str, ttl_s: float) -> None:
        """Keep the engine for ``ttl_s`` seconds more; 0 or less lets go."""
        if ttl_s <= 0:
            self._holds.pop(holder, None)
        else:
            self._holds[holder] = self._clock() + min(ttl_s, MAX_HOLD_S)
        self._last = self._clock()

    def holds(self) -> dict[str, float]:
        """Return the seconds left of each live hold."""
        now = self._clock()
        self._holds = {name: end for name, end in self._holds.items() if end > now}
        return {name: end - now for name, end in self._holds.items()}

    def idle_for(self) -> float:
        """Return the seconds since the last use; 0 while something runs or holds."""
        now = self._clock()
        if self._running:
            return 0.0
        # The end of a hold counts as use: its holder may come back.
        ended = [end for end in self._holds.values() if end <= now]
        if self.holds():
            self._last = now
            return 0.0
        self._last = max([self._last, *ended])
        return now - self._last
