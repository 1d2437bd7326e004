"""Which models are loaded, and for how long.

Contract: one process per GGUF and purpose (text, embeddings: embeddings want another batch
size and would push chat and completion out of their slots). One load at a time; a load is
never cancelled, however impatient the client. A model is kept until ``keep_alive`` after its
last request, or until room is needed and it is the one used longest ago. A process that dies
is forgotten at once: the next request starts it again.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import time
from collections.abc import AsyncIterator, Coroutine
from dataclasses import dataclass, field
from typing import Any

from local_assistant.engine import memory
from local_assistant.engine.gguf import Header
from local_assistant.engine.log import log
from local_assistant.engine.process import LoadParameters, ModelProcess
from local_assistant.engine.settings import DEFAULT_CONTEXT, DEFAULT_KEEP_ALIVE_S, EngineOptions
from local_assistant.engine.store import StoredModel

CHAT_SLOT = 0
COMPLETION_SLOT = 1
_TEXT_SLOTS = 2
_SETTLED_S = 1.0
"""A generation that was left has ended by then: it takes 10 to 60 ms, on a busy machine more."""
_TEXT_BATCH = 256
_EMBED_CONTEXT = 2048
_MAX_LOADED = 3
_MEMORY_SHARE = 0.8
_PROCESS_BYTES = 120 * 1024 * 1024


@dataclass(frozen=True)
class LoadOptions:
    """What a request asks of loading; ``None`` takes the model as it is loaded."""

    context: int | None = None
    batch: int | None = None
    threads: int | None = None
    gpu_layers: int | None = None


@dataclass(eq=False)
class Loaded:
    """A model in memory."""

    model: StoredModel
    process: ModelProcess
    need: int
    header: Header
    """Of the file that was loaded; it may have been replaced or deleted since."""
    keep_alive: float = DEFAULT_KEEP_ALIVE_S
    active: int = 0
    draining: bool = False
    last_used: float = field(default_factory=time.monotonic)
    timer: asyncio.TimerHandle | None = None
    left_at: float = -math.inf
    """When a generation was last left before its end; its slot is busy a little longer."""

    def pinned(self, slot: int) -> dict[str, int]:
        """Return the field that asks for ``slot``, where this request has the process alone.

        llama.cpp mixes the words of two generations that are told to take one slot, so a
        request beside another one takes whichever slot is free.
        """
        alone = self.active == 1 and time.monotonic() - self.left_at > _SETTLED_S
        return {"id_slot": slot} if alone else {}

    @property
    def key(self) -> tuple[str, bool]:
        return (self.process.parameters.gguf, self.process.parameters.embedding)

    @property
    def context(self) -> int:
        return self.process.parameters.context

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
                (_capped(wanted.context, header), has.context),
                (None if has.embedding else wanted.batch, has.batch),
                (wanted.threads, has.threads),
                (wanted.gpu_layers, has.gpu_layers),
            )
        )


class Scheduler:
    """Loads, keeps and unloads models."""

    def __init__(self, options: EngineOptions) -> None:
        self._options = options
        self._loaded: dict[tuple[str, bool], Loaded] = {}
        self._loading: dict[tuple[str, bool], asyncio.Task[None]] = {}
        self._one_load = asyncio.Lock()
        self._released = asyncio.Condition()
        self._tasks: set[asyncio.Task[None]] = set()

    def loaded(self) -> list[Loaded]:
        return [entry for entry in self._loaded.values() if entry.process.alive]

    @contextlib.asynccontextmanager
    async def use(
        self,
        model: StoredModel,
        wanted: LoadOptions,
        keep_alive: float | None,
        *,
        embedding: bool = False,
    ) -> AsyncIterator[Loaded]:
        """Give the loaded model for the time of one request; load it first if need be.

        Raises:
            LoadFailed: it cannot be loaded.
            BadGGUF: the file is not what it should be.
        """
        entry = await self._acquire(model, wanted, embedding)
        entry.active += 1
        if keep_alive is not None:
            entry.keep_alive = keep_alive
        self._stop_timer(entry)
        try:
            yield entry
        finally:
            entry.active -= 1
            entry.last_used = time.monotonic()
            if entry.active == 0:
                self._start_timer(entry)
                self._spawn(self._notify())

    async def unload(self, model: StoredModel) -> None:
        """Unload a model now, or as soon as its running requests have ended."""
        path = str(model.gguf.resolve())
        for key in ((path, False), (path, True)):
            entry = self._loaded.get(key)
            if entry is None:
                continue
            entry.keep_alive = 0.0
            if entry.active == 0:
                await self._drop(entry)

    async def close(self) -> None:
        for task in list(self._loading.values()):
            task.cancel()
        await asyncio.gather(*self._loading.values(), return_exceptions=True)
        entries = list(self._loaded.values())
        await asyncio.gather(*(self._drop(entry) for entry in entries), return_exceptions=True)

    async def _acquire(self, model: StoredModel, wanted: LoadOptions, embedding: bool) -> Loaded:
        header = await asyncio.to_thread(model.header)
        key = (str(model.gguf.resolve()), embedding)
        while True:
            entry = self._loaded.get(key)
            if entry is not None and entry.serves(wanted, header):
                return entry
            task = self._loading.get(key)
            if task is None:
                task = asyncio.ensure_future(self._load(model, header, wanted, key))
                self._loading[key] = task
                task.add_done_callback(lambda done: self._load_ended(key, done))
            await asyncio.shield(task)

    def _load_ended(self, key: tuple[str, bool], task: asyncio.Task[None]) -> None:
        self._loading.pop(key, None)
        if not task.cancelled():
            task.exception()  # whoever still waits has it; nobody else needs a warning

    async def _load(
        self, model: StoredModel, header: Header, wanted: LoadOptions, key: tuple[str, bool]
    ) -> None:
        async with self._one_load:
            previous = self._loaded.get(key)
            if previous is not None:
                previous.draining = True
                async with self._released:
                    await self._released.wait_for(lambda: previous.active == 0)
                await self._drop(previous)
            parameters = self._parameters(key, header, wanted)
            tokens = parameters.context * parameters.slots
            need = header.size + header.kv_bytes(tokens) + _PROCESS_BYTES
            await self._make_room(need)
            begin = time.monotonic()
            process = await ModelProcess.start(parameters)
            entry = Loaded(model, process, need, header)
            if previous is not None and previous.keep_alive > 0:
                entry.keep_alive = previous.keep_alive
            self._loaded[key] = entry
            self._start_timer(entry)
            self._spawn(self._watch(entry))
            log(
                f"loaded {model.display} in {time.monotonic() - begin:.2f} s "
                f"(pid {process.pid}, context {entry.context})"
            )

    def _parameters(
        self, key: tuple[str, bool], header: Header, wanted: LoadOptions
    ) -> LoadParameters:
        path, embedding = key
        default = _EMBED_CONTEXT if embedding else DEFAULT_CONTEXT
        context = _capped(wanted.context or default, header) or default
        threads = wanted.threads or self._options.threads
        gpu = wanted.gpu_layers if wanted.gpu_layers is not None else self._options.gpu_layers
        return LoadParameters(
            gguf=path,
            context=context,
            slots=1 if embedding else _TEXT_SLOTS,
            # An input to embed must fit into one batch as a whole.
            batch=context if embedding else wanted.batch or _TEXT_BATCH,
            threads=threads or memory.default_threads(header.size),
            gpu_layers=-1 if gpu is None else gpu,
            embedding=embedding,
            mean_pooling=not header.embeds_only,
        )

    async def _make_room(self, need: int) -> None:
        """Unload idle models, the one used longest ago first, until the new one fits."""
        while self._loaded:
            short = need > memory.available() * _MEMORY_SHARE
            if not short and len(self._loaded) < _MAX_LOADED:
                return
            idle = [entry for entry in self._loaded.values() if entry.active == 0]
            if not idle:
                return
            await self._drop(min(idle, key=lambda entry: entry.last_used))

    async def _drop(self, entry: Loaded) -> None:
        entry.draining = True
        self._stop_timer(entry)
        if self._loaded.get(entry.key) is entry:
            del self._loaded[entry.key]
        await entry.process.stop()

    async def _watch(self, entry: Loaded) -> None:
        await entry.process.wait()
        if self._loaded.get(entry.key) is entry:
            del self._loaded[entry.key]
            self._stop_timer(entry)
            log(f"{entry.model.display} {entry.process.how_it_ended()}")

    async def _notify(self) -> None:
        async with self._released:
            self._released.notify_all()

    def _start_timer(self, entry: Loaded) -> None:
        self._stop_timer(entry)
        if self._loaded.get(entry.key) is not entry or math.isinf(entry.keep_alive):
            return
        loop = asyncio.get_running_loop()
        entry.timer = loop.call_later(entry.keep_alive, self._expire, entry)

    def _stop_timer(self, entry: Loaded) -> None:
        if entry.timer is not None:
            entry.timer.cancel()
            entry.timer = None

    def _expire(self, entry: Loaded) -> None:
        if entry.active == 0 and self._loaded.get(entry.key) is entry:
            # Out of the table at once, so that no request picks a model that is ending.
            del self._loaded[entry.key]
            self._spawn(self._drop(entry))

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _capped(context: int | None, header: Header) -> int | None:
    """Return a wanted context size within what the model was trained for."""
    if context is None:
        return None
    size = max(4, context)
    return min(size, header.context_length) if header.context_length else size
