"""One line typed key by key in the trace's notebook, without a browser.

Contract: what our server sends is recorded in a first pass; in a second one, every other key
goes to our server and the rest, the very same requests, straight to the engine. Each key so
evaluates the same few tokens, whoever asks. Only keys with one request count there: random
weights hardly ever agree with half a word, and our server asks a second time then.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import httpx

from benchmarks.figures import Figure
from benchmarks.ghost import trace
from benchmarks.ghost.clients import MODEL, configure_ours
from benchmarks.ghost.serving import Served, served
from local_assistant.lab.completion import generation
from local_assistant.lab.completion.request import Cell, CompletionRequest
from local_assistant.lab.completion.service import Asked, Service

_LINE = 'frame = pd.read_csv(path, sep=",", usecols=["date", "price"], parse_dates=["date"])'
_MAX_EVALUATED = 3
_MAX_ADDED_MS = 10

Bodies = list[dict[str, Any]]


class Key(NamedTuple):
    """What one key cost: tokens evaluated at the engine, and the requests made of it."""

    length: int
    evaluated: int
    bodies: Bodies


def measure(home: Path) -> list[Figure]:
    """Evaluated tokens per key, and what our server adds to the raw call."""
    with served(home, "--max-tokens", "4") as engine:
        engine.post("/api/generate", {"model": MODEL, "keep_alive": -1})
        configure_ours(engine.url, max_latency_ms=120_000)
        asyncio.run(_typed(engine))  # evaluates the notebook
        recorded = asyncio.run(_typed(engine))
        ours, raw = asyncio.run(_alternating(engine.url, recorded))
    evaluated = statistics.median(key.evaluated for key in recorded)
    added = statistics.median(ours) - statistics.median(raw)
    how = f"{len(recorded)} keys of one line, 40 cells, median"
    both = f"{statistics.median(ours):.0f} ms - {statistics.median(raw):.0f} ms, same tokens"
    return [
        Figure("tokens evaluated per key", evaluated, _MAX_EVALUATED, "", how),
        Figure("first text: our server - raw engine call", added, _MAX_ADDED_MS, "ms", both),
    ]


async def _typed(engine: Served) -> list[Key]:
    """Type the line; return the keys at which the model was asked."""
    service, found = Service(), []
    try:
        for length in range(1, len(_LINE) + 1):
            engine.counts()
            with _recorded() as bodies:
                await _ask(service, length)
            if bodies:
                # Its own counts leave out what was cancelled; the engine's do not.
                found.append(Key(length, engine.counts().evaluated, bodies))
    finally:
        await service.close()
    return found


async def _alternating(url: str, keys: list[Key]) -> tuple[list[float], list[float]]:
    service, ours, raw = Service(), [], []
    try:
        async with httpx.AsyncClient(base_url=url, timeout=600, trust_env=False) as http:
            for index, key in enumerate(keys):
                if index % 2:
                    bodies, times, milliseconds = key.bodies, raw, await _raw(http, key.bodies)
                else:
                    with _recorded() as bodies:
                        times, milliseconds = ours, await _ask(service, key.length)
                if len(bodies) == 1:
                    times.append(milliseconds)
    finally:
        await service.close()
    return ours, raw


async def _ask(service: Service, length: int) -> float:
    """Return the milliseconds to the first line of our server's answer."""
    begin, first = time.perf_counter(), 0.0
    async for line in service.lines(Asked(_request(_LINE[:length]))):
        first = first or (time.perf_counter() - begin) * 1000
        if line.get("reason") in ("error", "no_model"):
            raise RuntimeError(line["message"])
    return first


async def _raw(http: httpx.AsyncClient, bodies: Bodies) -> float:
    """Return the milliseconds to the last request's first text; each is read to its end, so
    that the next request finds the slot free."""
    begin, first = time.perf_counter(), 0.0
    for body in bodies:
        first = 0.0
        async with http.stream("POST", "/api/generate", json=body) as reply:
            async for line in reply.aiter_lines():
                if not first and json.loads(line).get("response"):
                    first = (time.perf_counter() - begin) * 1000
    return first


def _request(typed: str) -> CompletionRequest:
    cells = [Cell(str(c["cell_type"]), str(c["source"])) for c in trace.cells()]
    return CompletionRequest(
        page="page", trigger="auto", path="trace.ipynb", mime="text/x-ipython", kind="notebook",
        cell_type="code", prefix=typed, suffix="",
        before=tuple(cells[: trace.TYPED_CELL]), after=tuple(cells[trace.TYPED_CELL + 1 :]),
    )  # fmt: skip


@contextmanager
def _recorded() -> Iterator[Bodies]:
    """Keep every request that our server makes of the model server."""
    bodies: Bodies = []
    make = generation.Generation._body

    def keep(self: generation.Generation, prompt: str, extra: int) -> dict[str, Any]:
        bodies.append(make(self, prompt, extra))
        return bodies[-1]

    generation.Generation._body = keep  # type: ignore[method-assign]
    try:
        yield bodies
    finally:
        generation.Generation._body = make  # type: ignore[method-assign]
