"""Something that goes on in a thread, as long as a block of a test lasts."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from types import TracebackType
from typing import TypeVar

T = TypeVar("T", bound="Background")


class Background(ABC):
    """A context manager; who inherits from it says in :meth:`_run` what is done until ``_end``."""

    _thread: threading.Thread
    _end: threading.Event

    def __enter__(self: T) -> T:
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        self._end.set()
        self._thread.join()

    @abstractmethod
    def _run(self) -> None: ...
