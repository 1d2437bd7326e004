"""Slow motion for a model: its process is stopped and continued many times a second.

The demo model answers in a fraction of a second, too fast to press a button in between.
"""

from __future__ import annotations

import os
import signal
import threading
from types import TracebackType


class SlowMotion:
    """A context manager; the demo model then takes about six seconds for an answer of 72 tokens."""

    def __init__(self, pid: int, run_s: float = 0.001, rest_s: float = 0.3) -> None:
        self._pid = pid
        self._run_s, self._rest_s = run_s, rest_s
        self._end = threading.Event()
        self._frozen = False
        self._thread = threading.Thread(target=self._toggle, daemon=True)

    def __enter__(self) -> SlowMotion:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        self._end.set()
        self._thread.join()

    def freeze(self) -> None:
        """Let it rest from now on, until :meth:`thaw` or the end of the context."""
        self._frozen = True

    def thaw(self) -> None:
        self._frozen = False

    def _toggle(self) -> None:
        try:
            while not self._end.is_set():
                os.kill(self._pid, signal.SIGSTOP)
                self._end.wait(self._rest_s)
                while self._frozen and not self._end.wait(0.05):
                    pass
                os.kill(self._pid, signal.SIGCONT)
                self._end.wait(self._run_s)
        except ProcessLookupError:
            pass  # it was killed meanwhile, as some tests do
