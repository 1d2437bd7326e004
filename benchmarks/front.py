"""What the engine's front costs over llama.cpp's own HTTP server, and what it takes idle.

Both servers have the same random-weight file of a real model's shape, the same slots and
threads, and are asked in turn by the same client.
"""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from benchmarks.figures import Figure
from benchmarks.raw_server import Target, Timed, ask, own_server
from benchmarks.shapes import shape
from local_assistant import paths
from local_assistant.engine.launch import EngineInfo, ensure_engine, stop_engine
from local_assistant.engine.store.store import Store
from local_assistant.machine import default_threads

SLOTS = 8
CONTEXT = 4096
WORDS = "the quick brown fox jumps over the lazy dog while seven wizards brew strong potions "


def measure(runs: int) -> list[Figure]:
    """Start the engine, then compare it with llama.cpp's own server, shape by shape."""
    figures = [start_to_ready(runs)]
    before = os.environ.get("OLLAMA_NUM_PARALLEL")
    os.environ["OLLAMA_NUM_PARALLEL"] = str(SLOTS)
    try:
        info = ensure_engine()
        figures.append(idle_memory(info))
        with both(info, "0.5b") as (front, raw):
            figures.append(first_token(front, raw, runs))
        with both(info, "1.5b") as (front, raw):
            figures += one_stream(front, raw, runs)
            figures.append(eight_streams(front, raw, max(2, runs // 2)))
            figures.append(prefix_reuse(front))
    finally:
        stop_engine()
        os.environ.pop("OLLAMA_NUM_PARALLEL")
        if before is not None:
            os.environ["OLLAMA_NUM_PARALLEL"] = before
    return figures


@contextmanager
def both(info: EngineInfo, name: str) -> Iterator[tuple[Target, Target]]:
    """The engine with a shape loaded, and llama.cpp's own server with the same file."""
    gguf = shape(name)
    model = f"shape-{name}"
    Store(paths.models_dir()).add_gguf(model, gguf)
    front = Target(info.url, info.token or "", model)
    with own_server(gguf, SLOTS, CONTEXT, default_threads(gguf.stat().st_size)) as raw:
        for target in (front, raw):
            ask(target, WORDS, 8)
        yield front, raw


def pairs(
    front: Target, raw: Target, run: Callable[[Target, int], Any], runs: int
) -> list[tuple[Any, Any]]:
    """Run both in turn, the first of each pair alternating; one pair is not counted."""
    found = []
    for number in range(runs + 1):
        if number % 2:
            second = run(raw, number)
            found.append((run(front, number), second))
        else:
            found.append((run(front, number), run(raw, number)))
    return found[1:]


def start_to_ready(runs: int) -> Figure:
    """From nothing to the first answer, without a model."""
    times = []
    for _ in range(runs):
        stop_engine()
        begin = time.perf_counter()
        ensure_engine()
        times.append(time.perf_counter() - begin)
    stop_engine()
    value = statistics.median(times)
    return Figure("engine: start to ready", value, 1.0, "s", f"no model, median of {runs}")


def idle_memory(info: EngineInfo) -> Figure:
    """The front's resident memory before any model."""
    kib = 0
    with suppress(OSError):  # told on Linux only
        for line in Path(f"/proc/{info.pid}/status").read_text(encoding="ascii").splitlines():
            if line.startswith("VmRSS:"):
                kib = int(line.split()[1])
    return Figure("engine: idle memory of the front", kib / 1024, 80, "MB", "resident, no model")


def first_token(front: Target, raw: Target, runs: int) -> Figure:
    """A prompt that is cached in both, so that little but the way is measured."""
    found = pairs(front, raw, lambda target, _: ask(target, WORDS * 3, 2).first, runs * 8)
    a = statistics.median(a for a, _ in found) * 1e3
    b = statistics.median(b for _, b in found) * 1e3
    how = f"0.5b shape, cached prompt: {a:.1f} ms, llama.cpp itself {b:.1f} ms, {len(found)} pairs"
    return Figure("engine: first token, added", a - b, 3.0, "ms", how)


def one_stream(front: Target, raw: Target, runs: int) -> list[Figure]:
    """Reading a prompt and writing, one request at a time."""

    def run(target: Target, number: int) -> Timed:
        return ask(target, f"{number} {WORDS * 14}", 48)

    found = pairs(front, raw, run, runs)
    read = statistics.median(a.first / b.first for a, b in found)
    write = statistics.median(a.per_token / b.per_token for a, b in found)
    tokens = found[0][1].end["timings"]["prompt_n"]
    speed = tokens / statistics.median(b.first for _, b in found)
    pace = 1 / statistics.median(b.per_token for _, b in found)
    return [
        Figure(
            "engine: reading a prompt, time", read, 1.03, "x",
            f"1.5b shape, {tokens} tokens; llama.cpp itself {speed:.0f} tokens/s",
        ),
        Figure(
            "engine: writing, time per token", write, 1 / 0.97, "x",
            f"1.5b shape, one stream; llama.cpp itself {pace:.1f} tokens/s",
        ),
    ]  # fmt: skip


def eight_streams(front: Target, raw: Target, runs: int) -> Figure:
    """All slots at once; the time until the last one has its tokens."""

    def run(target: Target, number: int) -> float:
        begin = time.perf_counter()
        with ThreadPoolExecutor(SLOTS) as pool:
            prompts = [f"{slot} {number} {WORDS}" for slot in range(SLOTS)]
            done = list(pool.map(lambda prompt: ask(target, prompt, 32), prompts))
        return (time.perf_counter() - begin) / sum(each.pieces for each in done)

    found = pairs(front, raw, run, runs)
    value = statistics.median(a / b for a, b in found)
    pace = 1 / statistics.median(b for _, b in found)
    how = f"1.5b shape, {SLOTS} streams; llama.cpp itself {pace:.1f} tokens/s in all"
    return Figure("engine: eight streams, time per token", value, 1 / 0.95, "x", how)


def prefix_reuse(front: Target) -> Figure:
    """A second request that shares nine tenths of its prompt."""
    text = WORDS * 20
    ask(front, text, 1)
    end = ask(front, text[: len(text) * 9 // 10] + "another end of it all " * 8, 1).end
    part = 1 - end["cached_count"] / end["prompt_eval_count"]
    how = f"{end['prompt_eval_count']} tokens, {end['cached_count']} of them from the cache"
    return Figure("engine: evaluated again, prompt 90 % shared", part, 0.15, "x", how)
