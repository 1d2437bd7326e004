"""Which models are loaded, and for how long.

Contract: one process per GGUF and purpose (text, embeddings: embeddings want another batch
size and would push chat and completion out of their slots). One load at a time, in the order
of asking; a load that has begun is never stopped, however impatient the client, and one that
nobody waits for any more is not begun. A model is kept until ``keep_alive`` after its last
request (a request without one leaves the last value as it is), or until room is needed and
it is the idle one used longest ago; where all are busy, the load waits, and what would not
fit alone either is refused before. A process that dies is forgotten at once: the next request
starts it again.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from dataclasses import replace
from typing import Any

from local_assistant.engine.gguf.header import Header
from local_assistant.engine.log import log
from local_assistant.engine.runtime.counters import Counters
from local_assistant.engine.runtime.loaded import Load, Loaded, LoadOptions, capped
from local_assistant.engine.runtime.process import LoadFailed, LoadParameters, ModelProcess
from local_assistant.engine.runtime.runner import too_large
from local_assistant.engine.runtime.slots import SlotPool, Waiting
from local_assistant.engine.settings import EngineOptions
from local_assistant.engine.store.store import StoredModel
from local_assistant.machine import available_memory, default_threads, usable_memory

__all__ = ["LoadOptions", "Loaded", "Scheduler"]

_TEXT_BATCH = 256
_EMBED_CONTEXT = 2048
_MEMORY_SHARE = 0.8
_TAKEN_UP_S = 5.0
_PROCESS_BYTES = 120 * 1024 * 1024


class Scheduler:
    """Loads, keeps and unloads models."""

    def __init__(self, options: EngineOptions) -> None:
        self._options = options
        self._loaded: dict[tuple[str, bool], Loaded] = {}
        self._loads: dict[tuple[str, bool], Load] = {}
        self._ending: set[Loaded] = set()
        """Unloaded, but their processes may still be there."""
        self.counters = Counters()
        self._waiting = Waiting(options.max_queue)
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
            ApiError: too many requests wait already (503).
        """
        keep = self._options.keep_alive_s if keep_alive is None else keep_alive
        entry = await self._acquire(model, wanted, keep, embedding)
        entry.active += 1
        if keep_alive is not None:
            entry.keep_alive = keep_alive
        entry.stop_timer()
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
        for key in ((model.load_key, False), (model.load_key, True)):
            entry = self._loaded.get(key)
            if entry is None:
                continue
            entry.keep_alive = 0.0
            if entry.idle:
                await self._drop(entry)

    async def close(self) -> None:
        loads = [load.task for load in self._loads.values() if load.task is not None]
        for task in loads:
            task.cancel()
        await asyncio.gather(*loads, return_exceptions=True)
        entries = list(self._loaded.values())
        await asyncio.gather(*(self._drop(entry) for entry in entries), return_exceptions=True)

    async def _acquire(
        self, model: StoredModel, wanted: LoadOptions, keep_alive: float, embedding: bool
    ) -> Loaded:
        header = model.header()  # whoever found the model has read it: this looks for changes
        key = (model.load_key, embedding)
        while True:
            entry = self._loaded.get(key)
            if entry is not None and entry.serves(wanted, header):
                return entry
            load = self._loads.get(key)
            # Whoever starts a load does not stand in the queue.
            place = contextlib.nullcontext() if load is None else self._waiting.one()
            with place:
                if load is None:
                    load = self._begin(key, model, header, wanted, keep_alive)
                await self._wait_for(key, load)

    def _begin(
        self,
        key: tuple[str, bool],
        model: StoredModel,
        header: Header,
        wanted: LoadOptions,
        keep_alive: float,
    ) -> Load:
        load = Load()
        self._loads[key] = load
        load.task = asyncio.ensure_future(self._load(load, model, header, wanted, keep_alive, key))

        def ended(task: asyncio.Task[None]) -> None:
            if self._loads.get(key) is load:
                del self._loads[key]
            if not task.cancelled():
                task.exception()  # whoever still waits has it; nobody else needs a warning

        load.task.add_done_callback(ended)
        return load

    async def _wait_for(self, key: tuple[str, bool], load: Load) -> None:
        assert load.task is not None
        load.waiters += 1
        try:
            await asyncio.shield(load.task)
        finally:
            load.waiters -= 1
            if not load.waiters:
                self._all_left(key, load)

    def _all_left(self, key: tuple[str, bool], load: Load) -> None:
        """End a load that has not begun; tell who wants room of a model that nobody took up."""
        assert load.task is not None
        if not load.begun and self._loads.get(key) is load:
            del self._loads[key]  # at once, so that nobody joins it any more
            load.task.cancel()
            if key in self._loaded:
                # It was to be replaced, and stays; no new request is to replace it in vain.
                self._loaded[key].draining = False
        self._spawn(self._notify())

    async def _load(
        self,
        load: Load,
        model: StoredModel,
        header: Header,
        wanted: LoadOptions,
        keep_alive: float,
        key: tuple[str, bool],
    ) -> None:
        async with self._one_load:
            parameters = self._parameters(model, header, wanted, key[1])
            self._check_hope(parameters.need)
            previous = self._loaded.get(key)
            if previous is not None:
                previous.draining = True
                await self._until(lambda: previous.idle)
                await self._drop(previous)
            await self._make_room(parameters.need, key)
            load.begun = True
            begin = time.monotonic()
            parameters = replace(parameters, room=self._room())
            process = await ModelProcess.start(
                parameters, self._options.load_timeout_s, self._options.max_tokens
            )
            slots = SlotPool(parameters.slots, process.upstream, self.counters, self._waiting)
            entry = Loaded(model, process, parameters.need, header, slots, keep_alive, load)
            self._loaded[key] = entry
            # Those who wait for it take it up in a moment, also where it is kept for none.
            self._start_timer(entry, at_least=_TAKEN_UP_S if load.waiters else 0.0)
            self._spawn(self._watch(entry))
            log(
                f"loaded {model.display} in {time.monotonic() - begin:.2f} s "
                f"(pid {process.pid}, context {entry.context})"
            )

    def _parameters(
        self, model: StoredModel, header: Header, wanted: LoadOptions, embedding: bool
    ) -> LoadParameters:
        default = _EMBED_CONTEXT if embedding else self._options.context
        context = capped(wanted.context or default, header) or default
        slots = 1 if embedding else self._options.parallel
        threads = wanted.threads or self._options.threads
        gpu = wanted.gpu_layers if wanted.gpu_layers is not None else self._options.gpu_layers
        return LoadParameters(
            gguf=str(model.gguf.resolve()),
            context=context,
            slots=slots,
            # An input to embed must fit into one batch as a whole.
            batch=context if embedding else wanted.batch or _TEXT_BATCH,
            threads=threads or default_threads(header.size),
            gpu_layers=-1 if gpu is None else gpu,
            embedding=embedding,
            mean_pooling=not header.embeds_only,
            adapters=tuple(str(path.resolve()) for path in model.adapters),
            need=header.size + header.kv_bytes(context * slots) + _PROCESS_BYTES,
        )

    def _check_hope(self, need: int) -> None:
        """Refuse what would not fit if nothing else were loaded, before anything is unloaded.

        With graphics cards llama.cpp itself finds out what fits where; whether there are any is
        known from what has been loaded. Of a loaded model's memory the system may count a part
        (its file) as free already: it is added as a whole, so that nothing is refused that
        might fit.

        Raises:
            LoadFailed: it never fits.
        """
        held = self._ending.union(self._loaded.values())
        if not held or any(entry.process.cards for entry in held):
            return
        room, total = available_memory() + sum(entry.need for entry in held), usable_memory()
        room = min(room, total or room)
        if need > room:
            raise LoadFailed(too_large(need, room))

    async def _make_room(self, need: int, key: tuple[str, bool]) -> None:
        """Unload idle models, the one used longest ago first, until the new one fits.

        A model that is loaded for text and for embeddings counts once.
        """
        while self._loaded:
            short = need > self._room() * _MEMORY_SHARE
            models = {entry.key[0] for entry in self._loaded.values()} | {key[0]}
            if not short and len(models) <= self._options.max_loaded:
                return
            idle = self._idle()
            if idle:
                await self._drop(min(idle, key=lambda entry: entry.last_used))
            else:
                await self._until(lambda: self._idle() or not self._loaded)

    def _idle(self) -> list[Loaded]:
        return [entry for entry in self._loaded.values() if entry.idle]

    def _room(self) -> int:
        """Return how much memory one more model can have.

        A loaded model's mapped file counts as free memory in the system's eyes, but reading
        it again and again from disk would be the end of all speed.
        """
        free, total = available_memory(), usable_memory()
        taken = sum(entry.need - entry.vram for entry in self._loaded.values())
        return max(0, min(free, total - taken)) if total else free

    async def _until(self, condition: Callable[[], Any]) -> None:
        async with self._released:
            await self._released.wait_for(condition)

    async def _drop(self, entry: Loaded) -> None:
        entry.draining = True
        entry.stop_timer()
        if self._loaded.get(entry.key) is entry:
            del self._loaded[entry.key]
        self._ending.add(entry)
        try:
            await entry.process.stop()
        finally:
            self._ending.discard(entry)

    async def _watch(self, entry: Loaded) -> None:
        await entry.process.wait()
        if self._loaded.get(entry.key) is entry:
            del self._loaded[entry.key]
            entry.stop_timer()
            log(f"{entry.model.display} {entry.process.how_it_ended()}")
        await self._notify()

    async def _notify(self) -> None:
        async with self._released:
            self._released.notify_all()

    def _start_timer(self, entry: Loaded, at_least: float = 0.0) -> None:
        entry.stop_timer()
        if self._loaded.get(entry.key) is not entry or entry.kept_for_ever:
            return
        loop = asyncio.get_running_loop()
        entry.timer = loop.call_later(max(entry.keep_alive, at_least), self._expire, entry)

    def _expire(self, entry: Loaded) -> None:
        if entry.active == 0 and self._loaded.get(entry.key) is entry:
            # Out of the table at once, so that no request picks a model that is ending.
            del self._loaded[entry.key]
            self._ending.add(entry)
            self._spawn(self._drop(entry))

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
