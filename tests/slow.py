"""Slow motion for a model: its process is stopped and continued many times a second.

The demo model answers in a fraction of a second, too fast to press a button in between.
"""

from __future__ import annotations

import os
import signal
from pathlib import Path

from tests.background import Background


class SlowMotion(Background):
    """A context manager; the demo model then takes about six seconds for an answer of 72 tokens."""

    def __init__(self, pid: int, run_s: float = 0.001, rest_s: float = 0.3) -> None:
        self._pid = pid
        self._run_s, self._rest_s = run_s, rest_s
        self._frozen = False

    def freeze(self) -> None:
        """Let it rest from now on, until :meth:`thaw` or the end of the context."""
        self._frozen = True

    def thaw(self) -> None:
        self._frozen = False

    def _run(self) -> None:
        try:
            everywhere = os.sched_getaffinity(self._pid)
            self._stay_on({max(everywhere)})
            while not self._end.is_set():
                os.kill(self._pid, signal.SIGSTOP)
                self._end.wait(self._rest_s)
                while self._frozen and not self._end.wait(0.05):
                    pass
                os.kill(self._pid, signal.SIGCONT)
                self._end.wait(self._run_s)
            self._stay_on(everywhere)
        except (ProcessLookupError, FileNotFoundError):
            pass  # it was killed meanwhile, as some tests do

    def _stay_on(self, processors: set[int]) -> None:
        """Keep the model beside this thread: on one processor, it cannot run while this waits.

        On a busy machine the model would else write its whole answer before it is stopped again.
        """
        os.sched_setaffinity(0, processors)
        for thread in Path(f"/proc/{self._pid}/task").iterdir():
            os.sched_setaffinity(int(thread.name), processors)
