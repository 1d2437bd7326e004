"""How far a model is on its way, and how fast: what every way of getting one tells.

Contract: standard library only; a :class:`Progress` belongs to one thread.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from local_assistant.errors import AssistantError, quoted

_WINDOW_S = 5.0
_LEAST_S = 0.5


@dataclass(frozen=True)
class PullProgress:
    """How far one model is.

    Attributes:
        name: the model.
        status: what is being done, in a few words.
        completed: bytes that are there of the part being fetched; None outside a download.
        total: its bytes in all; None where they are not known.
        layer: which part that is: the beginning of its digest, or a file's name.
        speed: bytes a second, of the last seconds; None at first.
    """

    name: str
    status: str
    completed: int | None = None
    total: int | None = None
    layer: str | None = None
    speed: float | None = None

    @property
    def eta_s(self) -> float | None:
        """Seconds until this part is there; None where that cannot be told."""
        if not self.speed or self.total is None or self.completed is None:
            return None
        return max(0, self.total - self.completed) / self.speed


OnProgress = Callable[[PullProgress], None]


class PullCancelled(AssistantError):
    """Somebody has stopped it; what is there is kept."""

    def __init__(self, name: str) -> None:
        super().__init__(
            f"The download of {name} was stopped.",
            f"What is there is kept; go on with: jupyter assistant pull {quoted(name)}",
        )


class Progress:
    """Tells the steps of one model, and works out the speed.

    Args:
        name: the model.
        tell: where to.
        cancel: set by another thread, ends the work at its next step.
    """

    def __init__(self, name: str, tell: OnProgress, cancel: threading.Event | None = None) -> None:
        self.name = name
        self.cancel = cancel or threading.Event()
        self._tell = tell
        self._layer: str | None = None
        self._seen: deque[tuple[float, int]] = deque()

    def say(self, status: str) -> None:
        """Tell a step that has no bytes.

        Raises:
            PullCancelled: nobody wants it any more.
        """
        self.check()
        self._tell(PullProgress(self.name, status))

    def bytes(self, status: str, completed: int, total: int | None, layer: str | None) -> None:
        """Tell how many bytes of a part are there.

        Raises:
            PullCancelled: nobody wants it any more.
        """
        self.check()
        speed = self._speed(completed, layer)
        self._tell(PullProgress(self.name, status, completed, total, layer, speed))

    def check(self) -> None:
        if self.cancel.is_set():
            raise PullCancelled(self.name)

    def _speed(self, completed: int, layer: str | None) -> float | None:
        now = time.monotonic()
        if layer != self._layer or (self._seen and completed < self._seen[-1][1]):
            self._layer = layer
            self._seen.clear()
        self._seen.append((now, completed))
        while len(self._seen) > 2 and now - self._seen[0][0] > _WINDOW_S:
            self._seen.popleft()
        began, before = self._seen[0]
        return (completed - before) / (now - began) if now - began >= _LEAST_S else None
