"""A model in memory, and what a request may ask of loading it."""

from __future__ import annotations

import asyncio
import contextlib
import math
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

from local_assistant.engine.gguf.header import Header
from local_assistant.engine.runtime.counters import Kind
from local_assistant.engine.runtime.process import ModelProcess
from local_assistant.engine.runtime.slots import SlotPool
from local_assistant.engine.store.store import StoredModel


@dataclass(frozen=True)
class LoadOptions:
    """What a request asks of loading; ``None`` takes the model as it is loaded."""

    context: int | None = None
    batch: int | None = None
    threads: int | None = None
    gpu_layers: int | None = None


@dataclass(eq=False)
class Load:
    """A load that is under way, or waits for its turn."""

    task: asyncio.Task[None] | None = None
    begun: bool = False
    waiters: int = 0


@dataclass(eq=False)
class Loaded:
    """A model in memory."""

    model: StoredModel
    process: ModelProcess
    need: int
    header: Header
    """Of the file that was loaded; it may have been replaced or deleted since."""
    slots: SlotPool
    keep_alive: float
    load: Load
    """What brought it here."""
    active: int = 0
    draining: bool = False
    last_used: float = field(default_factory=time.monotonic)
    timer: asyncio.TimerHandle | None = None

    @contextlib.asynccontextmanager
    async def slot(self, kind: Kind, prompt: str) -> AsyncIterator[dict[str, Any]]:
        """Own a slot for one generation; gives the fields to add to llama.cpp's request.

        See :meth:`.slots.SlotPool.use`.
        """
        async with self.slots.use(kind, prompt) as fields:
            yield fields

    @property
    def key(self) -> tuple[str, bool]:
        return (self.model.load_key, self.process.parameters.embedding)

    @property
    def idle(self) -> bool:
        """Whether nobody uses it, nor is about to.

        Those who waited for its load take it up in a moment. Who unloads it before makes them
        load it again, and two models that do not fit together would do that for ever.
        """
        return self.active == 0 and self.load.waiters == 0

    @property
    def context(self) -> int:
        return self.process.parameters.context

    @property
    def vram(self) -> int:
        """How much of it lies on graphics cards."""
        return min(self.need, self.process.vram)

    @property
    def seconds_left(self) -> float:
        """Until it is unloaded if nothing more is asked."""
        if self.active or self.timer is None:
            return self.keep_alive
        return max(0.0, self.timer.when() - asyncio.get_running_loop().time())

    def serves(self, wanted: LoadOptions, header: Header) -> bool:
        """Whether a request with these options can be answered without loading again."""
        has = self.process.parameters
        loaded = (self.header.size, self.header.changed)
        if self.draining or not self.process.alive or loaded != (header.size, header.changed):
            return False
        return all(
            want is None or want == got
            for want, got in (
                (capped(wanted.context, header), has.context),
                (None if has.embedding else wanted.batch, has.batch),
                (wanted.threads, has.threads),
                (wanted.gpu_layers, has.gpu_layers),
            )
        )

    def stop_timer(self) -> None:
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None

    @property
    def kept_for_ever(self) -> bool:
        return math.isinf(self.keep_alive)


def capped(context: int | None, header: Header) -> int | None:
    """Return a wanted context size within what the model was trained for."""
    if context is None:
        return None
    size = max(4, context)
    return min(size, header.context_length) if header.context_length else size
