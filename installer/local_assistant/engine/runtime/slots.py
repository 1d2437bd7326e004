"""The slots of one text process: which generation runs in which.

Contract: a slot has one generation at a time, and every generation names its slot. That is
not only for the cache. llama.cpp changes the cached prompt of a slot that a task names
*before* it looks whether the slot is busy (``get_available_slot``), so two tasks in one slot
mix their words. A slot whose generation was left is free only when llama.cpp has let go of
it: its HTTP thread queues the cancellation, in front of all else, before it closes the
connection (see :meth:`.upstream.Upstream.leaving`).

Chat and completion have homes of their own, so that neither evicts the other's cached
prompt. Within its home a request takes the slot that it can go on from, else the one used
longest ago; a slot away from home only where no slot of its home will be free at once.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from typing import Any

from local_assistant.engine.runtime.counters import Counters, Kind, Meter
from local_assistant.engine.runtime.upstream import Upstream
from local_assistant.engine.wire.shapes import ApiError

MAX_QUEUE_TEXT = "server busy, please try again.  maximum pending requests exceeded"
"""Ollama's words, with its two spaces."""
_GOES_ON = 0.5
"""A slot is gone on from where at least this share of what it holds stays of use."""


class Waiting:
    """How many requests of the whole engine wait, and how many may."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.count = 0

    @contextlib.contextmanager
    def one(self) -> Iterator[None]:
        """Count one that waits.

        Raises:
            ApiError: as many wait as may.
        """
        if self.count >= self.limit:
            raise ApiError(503, MAX_QUEUE_TEXT)
        self.count += 1
        try:
            yield
        finally:
            self.count -= 1


@dataclass(eq=False)
class Slot:
    number: int
    homes: tuple[Kind, ...]
    held: str = ""
    """The last prompt; its beginning is what llama.cpp has cached."""
    used: float = 0.0
    busy: bool = False
    leaving: bool = False
    """Its generation was left; llama.cpp is about to let go."""


@dataclass(eq=False)
class _Waiter:
    kind: Kind
    prompt: str
    granted: asyncio.Future[Slot] = field(default_factory=asyncio.Future)


class SlotPool:
    """The slots of one process, given out first come first served."""

    def __init__(
        self, count: int, upstream: Upstream, counters: Counters, waiting: Waiting
    ) -> None:
        self._slots = [Slot(number, _homes(number, count)) for number in range(count)]
        self._upstream = upstream
        self._counters = counters
        self._waiting = waiting
        self._queue: list[_Waiter] = []

    @property
    def free(self) -> int:
        return sum(not slot.busy for slot in self._slots)

    @contextlib.asynccontextmanager
    async def use(self, kind: Kind, prompt: str) -> AsyncIterator[dict[str, Any]]:
        """Own a slot for one generation; gives the fields that name it to llama.cpp.

        Args:
            kind: decides which slots are preferred.
            prompt: any text that begins alike where the prompts' tokens do.

        Raises:
            ApiError: too many wait already (503).
        """
        slot = self._pick(kind, prompt) if not self._queue else None
        if slot is None:
            slot = await self._wait(kind, prompt)
        slot.busy, slot.held = True, prompt
        meter = Meter()
        self._upstream.watch(slot.number, meter.see)
        self._counters.begin(kind)
        cancelled = False
        try:
            # With the progress of a prompt reported, leaving is noticed batch by batch.
            yield {"id_slot": slot.number, "cache_prompt": True, "return_progress": True}
        except (asyncio.CancelledError, GeneratorExit):
            cancelled = not meter.ended
            raise
        finally:
            self._upstream.watch(slot.number, None)
            self._counters.end(kind, meter, cancelled=cancelled)
            self._let_go(slot)

    async def _wait(self, kind: Kind, prompt: str) -> Slot:
        waiter = _Waiter(kind, prompt)
        try:
            with self._waiting.one():
                self._queue.append(waiter)
                self._hand_out()
                return await waiter.granted
        except ApiError:
            self._counters.refuse(kind)
            raise
        except asyncio.CancelledError:
            if waiter in self._queue:
                self._queue.remove(waiter)
            elif waiter.granted.done() and not waiter.granted.cancelled():
                self._free(waiter.granted.result())  # given in the very moment of leaving
            raise

    def _let_go(self, slot: Slot) -> None:
        slot.used = time.monotonic()
        gone = self._upstream.leaving(slot.number)
        if gone is None:
            self._free(slot)
            return
        slot.leaving = True
        gone.add_done_callback(lambda _: self._free(slot))
        self._hand_out()

    def _free(self, slot: Slot) -> None:
        slot.busy = slot.leaving = False
        self._hand_out()

    def _hand_out(self) -> None:
        """Give free slots to those who wait, in order; some wait for a certain slot."""
        for waiter in list(self._queue):
            if waiter.granted.done():
                continue  # its client has left in this moment
            slot = self._pick(waiter.kind, waiter.prompt)
            if slot is not None:
                slot.busy = True
                self._queue.remove(waiter)
                waiter.granted.set_result(slot)

    def _pick(self, kind: Kind, prompt: str) -> Slot | None:
        home = [slot for slot in self._slots if kind in slot.homes]
        free = [slot for slot in home if not slot.busy]
        if not free and any(slot.leaving for slot in home):
            return None  # soon: worth more than another kind's cached prompt
        free = free or [slot for slot in self._slots if not slot.busy]
        if not free:
            return None
        shares = [(_shared(slot.held, prompt), slot) for slot in free]
        goes_on = [each for each in shares if each[0] and each[0] >= _GOES_ON * len(each[1].held)]
        if goes_on:
            return max(goes_on, key=lambda each: each[0])[1]
        return min(free, key=lambda slot: slot.used)


def _homes(number: int, count: int) -> tuple[Kind, ...]:
    if count == 1:
        return ("chat", "completion")
    return ("completion",) if number % 2 else ("chat",)


def _shared(one: str, other: str) -> int:
    """Return how many characters two texts begin with in common."""
    low, high = 0, min(len(one), len(other))
    if one[:high] == other[:high]:
        return high
    while high - low > 1:
        middle = (low + high) // 2
        if one[low:middle] == other[low:middle]:
            low = middle
        else:
            high = middle
    return low
