"""Connections of clients that stop in the middle: they are closed.

Contract: a client that reads nothing for ``READ_S`` while there is something for it, or has not
said what it wants ``ASK_S`` after it began to, is cut off. The generation for it ends with that,
and its slot is free. Waiting between two requests, and a long upload, are no such stop.
"""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

READ_S = 60.0
ASK_S = 60.0


class Impatient(H11Protocol):
    """Uvicorn's HTTP, with an end to waiting."""

    _asking: asyncio.TimerHandle | None = None
    _reading: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._asking = self.loop.call_later(ASK_S, transport.abort)

    def data_received(self, data: bytes) -> None:
        before = self.cycle
        if self._asking is None and (before is None or before.response_complete):
            self._asking = self.loop.call_later(ASK_S, self.transport.abort)
        super().data_received(data)
        if self.cycle is not before:  # the head of a request is here
            self._asked()

    def pause_writing(self) -> None:
        super().pause_writing()
        if self._reading is None:
            self._reading = self.loop.call_later(READ_S, self.transport.abort)

    def resume_writing(self) -> None:
        super().resume_writing()
        self._read()

    def connection_lost(self, exc: Exception | None) -> None:
        self._asked()
        self._read()
        super().connection_lost(exc)

    def _asked(self) -> None:
        if self._asking is not None:
            self._asking.cancel()
            self._asking = None

    def _read(self) -> None:
        if self._reading is not None:
            self._reading.cancel()
            self._reading = None
