"""One trace through every client, on one engine: latency, and what the engine had to do."""

from __future__ import annotations

import json
import statistics
import sys
from dataclasses import dataclass
from pathlib import Path

from benchmarks.figures import Figure
from benchmarks.ghost import trace
from benchmarks.ghost.clients import (
    JUPYTER_AI_2,
    MODEL,
    NOTEBOOK_INTELLIGENCE,
    OURS,
    Client,
    lab_of,
)
from benchmarks.ghost.serving import Counts, Served, served
from benchmarks.ghost.typist import Typed, type_trace
from local_assistant.engine.store.store import Store

MAX_TOKENS = 64
"""Random weights never end by themselves: the engine caps every client's answers alike."""
_CONTEXT = 8192
"""The notebook fits, as it would with a real vocabulary into 4,096: the shape's vocabulary
is made up and needs more tokens for the same text."""
_SETTLE_S = 10.0
_TIMES_FASTER = 5
_TIMES_FEWER = 10


@dataclass(frozen=True)
class Run:
    """What one client did with the trace."""

    client: Client
    typed: Typed
    counts: Counts

    @property
    def median_ms(self) -> float:
        return statistics.median(self.typed.pauses_ms)

    @property
    def p95_ms(self) -> float:
        return statistics.quantiles(self.typed.pauses_ms, n=20, method="inclusive")[-1]

    @property
    def evaluated_per_key(self) -> float:
        return self.counts.evaluated / trace.KEYS


def race(gguf: Path, folder: Path) -> list[Run]:
    """Type the trace with each client; the engine keeps the model loaded all the while."""
    Store(folder / "models").add_gguf(MODEL, gguf)
    runs = []
    for client in (OURS, NOTEBOOK_INTELLIGENCE, JUPYTER_AI_2):
        # An engine of its own for each: nobody finds the cache that another one filled.
        home = folder / Path(client.pins or "ours").stem
        (home / "models").parent.mkdir(parents=True)
        (home / "models").symlink_to(folder / "models", target_is_directory=True)
        with served(home, "--max-tokens", str(MAX_TOKENS), context=_CONTEXT) as engine:
            engine.post("/api/generate", {"model": MODEL, "keep_alive": -1})
            runs.append(run_client(client, engine, home / "lab"))
        _report(runs[-1])
    return runs


def run_client(client: Client, engine: Served, folder: Path) -> Run:
    lab = lab_of(client, engine.url, folder)
    lab.root.mkdir(parents=True, exist_ok=True)
    (lab.root / "trace.ipynb").write_text(json.dumps(trace.notebook()), encoding="utf-8")
    with lab:
        engine.counts()
        url = f"{lab.url}/lab/tree/trace.ipynb?token={lab.token}"
        typed = type_trace(url, trace.keys(), settle_s=_SETTLE_S)
    return Run(client, typed, engine.counts())


def figures(runs: list[Run]) -> list[Figure]:
    ours, *peers = runs
    how = f"{len(ours.typed.pauses_ms)} pauses in {trace.KEYS} keys, real Chromium"
    found = [
        Figure("ghost text: key to first text, median", ours.median_ms, None, "ms", how),
        Figure("ghost text: key to first text, p95", ours.p95_ms, None, "ms", how),
        Figure("ghost text: generations at once", ours.counts.peak, 1, "", "at the engine"),
    ]
    for peer in peers:
        share = ours.median_ms / peer.median_ms
        how = (
            f"theirs: median {peer.median_ms:.0f} ms, p95 {peer.p95_ms:.0f} ms, "
            f"{peer.typed.missed} pauses without text, {peer.counts.peak} at once"
        )
        name = f"our median / {peer.client.name}"
        found.append(Figure(name, share, 1 / _TIMES_FASTER, "", how))
        fewer = ours.evaluated_per_key / peer.evaluated_per_key
        # Jupyter AI 2 sends the current cell only: its figure stands beside, without a bound.
        bound = 1 / _TIMES_FEWER if peer.client is NOTEBOOK_INTELLIGENCE else None
        how = (
            f"{ours.evaluated_per_key:.1f} / {peer.evaluated_per_key:.1f} tokens evaluated "
            f"per typed character"
        )
        found.append(Figure(f"our evaluated tokens / {peer.client.name}", fewer, bound, "", how))
    return found


def _report(run: Run) -> None:
    print(
        f"{run.client.name}: median {run.median_ms:.0f} ms, p95 {run.p95_ms:.0f} ms, "
        f"{run.typed.missed} missed; {run.counts}",
        file=sys.stderr,
        flush=True,
    )
