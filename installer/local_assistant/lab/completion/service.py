"""At most one generation per Jupyter server; who asks last is answered.

Contract: :meth:`Service.lines` yields the lines of one answer and always ends with an "end"
line. A newer request ends the older one's answer; the older generation is cancelled at the
model server, and the newer one starts when it is gone, or takes it over where its text is
what is being typed. Requests "ahead" displace nobody. A load is never cancelled.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import time
from collections.abc import AsyncIterator, Coroutine, Hashable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local_assistant.config import AssistantConfig
from local_assistant.errors import AssistantError
from local_assistant.lab.completion.anchors import Anchors
from local_assistant.lab.completion.budget import Budget
from local_assistant.lab.completion.cache import Cache, Entry, typed_since
from local_assistant.lab.completion.folders import Folders
from local_assistant.lab.completion.generation import Generation, Memo
from local_assistant.lab.completion.judge import Shape, Verdict, judge
from local_assistant.lab.completion.place import Place, locate
from local_assistant.lab.completion.postprocess import Surroundings
from local_assistant.lab.completion.prompt import Prompt, build
from local_assistant.lab.completion.report import Outcome, Report, mode_of, reason_of, sentence
from local_assistant.lab.completion.request import Cell, CompletionRequest
from local_assistant.lab.completion.runs import Running, run
from local_assistant.lab.completion.target import Target, Targets
from local_assistant.server import ServerGone, find_server, is_alias
from local_assistant.server.endpoint import NotRunning

_NOT_KEPT = ("time", "error", "superseded", "no_model")


class Asked:
    """One request while it is answered."""

    def __init__(self, request: CompletionRequest) -> None:
        self.request = request
        self.outcome = Outcome(request)
        self.left = asyncio.Event()
        """Set when the browser has closed the connection, or a newer request has come."""

    def close(self) -> None:
        """Nobody waits any more."""
        self.left.set()


@dataclass(frozen=True)
class _Wanted:
    """What a request comes to, before the model is asked."""

    config: AssistantConfig
    place: Place
    shape: Shape
    target: Target
    key: Hashable
    """Everything that decides a suggestion but the text before the cursor."""


class Service:
    """Answers all pages of one Jupyter server."""

    def __init__(self, root: Path | None = None) -> None:
        self._folders = Folders(root)
        self._report = Report()
        self._targets = Targets()
        self._budget = Budget()
        self._anchors = Anchors()
        self._memo = Memo()
        self._cache = Cache()
        self._newest: Asked | None = None
        self._running: Running | None = None
        self._turn = asyncio.Lock()
        self._warming = 0
        self._tasks: set[asyncio.Task[None]] = set()

    def config(self, path: str = "") -> AssistantConfig:
        """Return the settings in force for a document."""
        return self._folders.config(path)

    # -- answers ---------------------------------------------------------------------------

    async def lines(self, asked: Asked) -> AsyncIterator[dict[str, Any]]:
        """Yield the lines of one answer."""
        config = self.config(asked.request.path)
        newest = self._newest
        if asked.request.ahead and newest is not None and not newest.request.ahead:
            message = "Another suggestion is being made."
            yield self._with_status(self._report.end(asked.outcome, "superseded", message), config)
            return
        if newest is not None:
            newest.close()
        self._newest = asked
        try:
            async for line in self._answer(asked, config):
                yield self._with_status(line, config) if line["type"] == "end" else line
        finally:
            if self._newest is asked:
                self._newest = None
                self._spawn(self._stop_running())

    def _with_status(self, line: dict[str, Any], config: AssistantConfig) -> dict[str, Any]:
        return {**line, "status": self.status(config)}

    async def _answer(self, asked: Asked, config: AssistantConfig) -> AsyncIterator[dict[str, Any]]:
        outcome, report = asked.outcome, self._report
        place = locate(asked.request)
        verdict = _verdict(asked.request, place, config)
        if verdict.shape is None:
            self._spawn(self._stop_running())
            yield report.end(outcome, verdict.reason, verdict.message)
            return
        if report.error is not None and report.holds_back(asked.request, config):
            yield report.end(outcome, reason_of(report.error), sentence(report.error))
            return
        try:
            target = await self._find(asked, config)
        except AssistantError as error:
            report.failed(error, config)
            yield report.end(outcome, reason_of(error), sentence(error))
            return
        if target is None:
            yield self._given_up(asked, config)
            return
        outcome.target, outcome.mode = target, mode_of(target, config)
        wanted = _Wanted(config, place, verdict.shape, target, _key(asked.request, config, target))
        async for line in self._suggest(asked, wanted):
            yield line

    async def _find(self, asked: Asked, config: AssistantConfig) -> Target | None:
        """Return the target; None where time is over or nobody waits any more."""
        known = self._targets.find(config)
        task = asyncio.ensure_future(known)
        left = asyncio.ensure_future(asked.left.wait())
        try:
            seconds = config.completion.max_latency_ms / 1000
            await asyncio.wait({task, left}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        finally:
            left.cancel()
        if task.done():
            return task.result()
        task.add_done_callback(lambda done: done.cancelled() or done.exception())
        return None

    async def _suggest(self, asked: Asked, wanted: _Wanted) -> AsyncIterator[dict[str, Any]]:
        prefix, outcome = asked.request.prefix, asked.outcome
        hit = self._cache.find(wanted.key, prefix)
        if hit is not None:
            self._spawn(self._stop_running(unless=(wanted.key, prefix)))
            entry, text = hit
            if text:
                yield outcome.said(text)
            yield self._report.end(outcome, entry.reason, entry.message, free=True)
            return
        running = self._joinable(wanted.key, prefix)
        if running is not None:
            async for line in self._follow(asked, running):
                yield line
                if line["type"] == "end":
                    return
            if asked.left.is_set() or outcome.text:
                yield self._given_up(asked, wanted.config)
                return
        async with self._turn:
            await self._stop_running()
            if asked.left.is_set():
                yield self._given_up(asked, wanted.config)
                return
            outcome.queue_ms = outcome.since(time.perf_counter()) or 0.0
            running = self._running = self._start(asked.request, wanted)
        async for line in self._follow(asked, running):
            yield line

    def _joinable(self, key: Hashable, prefix: str) -> Running | None:
        """Return the generation in progress if it is writing what this state needs."""
        running = self._running
        if running is None or running.key != key or running.generation.end is not None:
            return None
        typed = typed_since(running.prefix, prefix)
        if typed is None:
            return None
        shown = running.generation.shown
        agrees = shown.startswith(typed) or (shown and typed.startswith(shown))
        return running if agrees else None

    def _start(self, request: CompletionRequest, wanted: _Wanted) -> Running:
        config, place, target = wanted.config, wanted.place, wanted.target
        anchor = self._anchors.place(wanted.key, place, target.family)

        def prompt() -> Prompt:
            return build(
                place,
                request.before,
                request.after,
                family=target.family,
                mode=mode_of(target, config),
                limits=self._budget.limits(target, config, request.prefix),
                anchor=anchor,
            )

        deadline = time.monotonic() + config.completion.max_latency_ms / 1000
        around = Surroundings.of(place, wanted.shape)
        generation = Generation(target, config, prompt(), around, self._memo, deadline)
        work = run(generation, self._targets, self._budget, self._report, prompt)
        return Running(wanted.key, request.prefix, generation, asyncio.ensure_future(work))

    async def _follow(self, asked: Asked, running: Running) -> AsyncIterator[dict[str, Any]]:
        """Yield what a generation writes, for a state that may be further than its own.

        No "end" comes where it turns out to write something else than what was typed since,
        or no more than that.
        """
        generation, outcome = running.generation, asked.outcome
        typed = typed_since(running.prefix, asked.request.prefix) or ""
        while not asked.left.is_set():
            change, text, end = generation.change, generation.shown, generation.end
            if typed and not text.startswith(typed) and (end or not typed.startswith(text)):
                return
            left = text[len(typed) :]
            if len(left) > len(outcome.text):
                yield outcome.said(left[len(outcome.text) :])
            if end is None:
                await _either(change.wait(), asked.left.wait())
                continue
            self._keep(running)
            if not typed or outcome.text:
                yield self._report.end(outcome, end.reason, end.message, generation)
            return
        yield self._report.end(outcome, "superseded", None, generation)

    def _keep(self, running: Running) -> None:
        end = running.generation.end
        if end is not None and end.reason not in _NOT_KEPT:
            text = running.generation.shown
            self._cache.put(running.key, Entry(running.prefix, text, end.reason, end.message))

    async def _stop_running(self, unless: tuple[Hashable, str] | None = None) -> None:
        """Cancel the generation in progress, and wait until the model server is free of it."""
        running = self._running
        if running is None or (unless is not None and self._joinable(*unless) is running):
            return
        await running.stop()
        if self._running is running:
            self._running = None

    def _given_up(self, asked: Asked, config: AssistantConfig) -> dict[str, Any]:
        if asked.left.is_set():
            return self._report.end(asked.outcome, "superseded", None)
        limit = config.completion.max_latency_ms
        message = f"No model server answered within {limit} ms."
        return self._report.end(asked.outcome, "time", message)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # -- state -----------------------------------------------------------------------------

    def status(self, config: AssistantConfig) -> dict[str, Any]:
        """Return the protocol's STATUS, from what is known now."""
        running = self._running
        return self._report.status(
            config,
            self._targets.known(config),
            loading=self._targets.loading or self._warming > 0,
            busy=running is not None and running.generation.end is None,
        )

    async def look(self, path: str = "") -> None:
        """Find out what can be known without starting anything."""
        config = self.config(path)
        if not config.completion.enabled:
            return
        problem = self._folders.problem(path)
        try:
            await self._targets.find(config, start=False)
            self._report.found(config)
        except NotRunning:
            self._report.works()  # the next request starts it
        except AssistantError as error:
            self._report.failed(error, config)
        if problem is not None:
            self._report.failed(problem, config)

    def forget(self) -> None:
        """Another model may answer from now on: look before the next suggestion."""
        self._targets.forget()

    def warm(self, config: AssistantConfig) -> None:
        """Start the server and load the model, in the background."""
        if config.completion.enabled:
            self._warming += 1  # at once: the answer to the page says "loading"
            self._spawn(self._warm(config))

    async def _warm(self, config: AssistantConfig) -> None:
        try:
            await self._load(config)
            self._report.works()
        except AssistantError as error:
            self._report.failed(error, config)
        finally:
            self._warming -= 1

    async def _load(self, config: AssistantConfig) -> None:
        target = await self._targets.find(config)
        target.seen_loaded = float("-inf")
        try:
            await self._targets.ensure_loaded(target, config)
        except ServerGone:  # it was there the last time
            self._targets.forget()
            await self._targets.ensure_loaded(await self._targets.find(config), config)

    async def models(self, config: AssistantConfig) -> list[dict[str, Any]]:
        """Return the models that are installed where completion would ask."""
        try:
            endpoint = await asyncio.to_thread(find_server, config, start=False)
            listed = (await self._targets.server(endpoint).get("/api/tags")).get("models") or []
        except AssistantError:
            return []  # the status says what is wrong
        return [
            {
                "name": str(item.get("name", "")),
                "size": int(item.get("size") or 0),
                "insert": "insert" in (item.get("capabilities") or []),
            }
            for item in listed
            if "embedding" not in (item.get("capabilities") or [])
            and not is_alias(str(item.get("name", "")))
        ]

    async def close(self) -> None:
        """End what runs."""
        if self._newest is not None:
            self._newest.close()
        await self._stop_running()
        await self._targets.close()


def _verdict(request: CompletionRequest, place: Place, config: AssistantConfig) -> Verdict:
    if not config.completion.enabled:
        return Verdict(None, "disabled", "Suggestions are paused ([completion] enabled).")
    return judge(request, place)


def _key(request: CompletionRequest, config: AssistantConfig, target: Target) -> Hashable:
    # By their digest: kept for each suggestion, the texts would be many megabytes, and each
    # key would be compared with all of them.
    around = hashlib.blake2b(digest_size=16)
    for text in (request.suffix, *_texts(request.before), "\0", *_texts(request.after)):
        raw = text.encode()
        around.update(b"%d:" % len(raw))
        around.update(raw)
    return (
        target.endpoint.url, target.model, config.completion, config.chat, request.kind,
        request.path, request.mime, request.cell_type, around.digest(),
    )  # fmt: skip


def _texts(cells: Sequence[Cell]) -> Iterator[str]:
    for cell in cells:
        yield cell.type
        yield cell.source


async def _either(*works: Coroutine[Any, Any, Any]) -> None:
    """Return when one of the works is done; the others are cancelled."""
    tasks = [asyncio.ensure_future(work) for work in works]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                if task.done():
                    task.result()
