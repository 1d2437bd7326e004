"""What ``%%ai`` costs in a fresh kernel, beside the engine's own time."""

from __future__ import annotations

import statistics
import time
from typing import Any

from jupyter_client.manager import start_new_kernel

from benchmarks.engine import PROMPT, first_token_s, running_demo
from benchmarks.figures import Figure

TIMEOUT_S = 60


def measure(runs: int) -> list[Figure]:
    """Time load + first token in ``runs`` fresh kernels; the raw call is made in between."""
    with running_demo() as choice:
        pairs = [(fresh_kernel_s(), first_token_s(choice)) for _ in range(runs)]
    loads = [load for (load, _), _ in pairs]
    totals = [load + first for (load, first), _ in pairs]
    raw = statistics.median(engine for _, engine in pairs)
    whole = statistics.median(totals)
    how = f"load + first token {whole:.3f} s, raw call {raw:.3f} s, {runs} kernels"
    return [
        Figure("%load_ext local_assistant", statistics.median(loads), 0.3, "s", "fresh kernel"),
        Figure("%%ai in a fresh kernel, added", whole - raw, 0.6, "s", how),
    ]


def fresh_kernel_s() -> tuple[float, float]:
    """Return the seconds of ``%load_ext`` and of ``%%ai`` until its first token is shown."""
    manager, client = start_new_kernel(kernel_name="python3")
    try:
        start = time.perf_counter()
        client.execute_interactive("%load_ext local_assistant", timeout=TIMEOUT_S)
        loaded = time.perf_counter()
        shown: list[float] = []

        def watch(message: dict[str, Any]) -> None:
            if "local_assistant" in message["content"].get("metadata", {}):
                shown.append(time.perf_counter())

        client.execute_interactive(f"%%ai\n{PROMPT}", output_hook=watch, timeout=TIMEOUT_S)
        return loaded - start, shown[0] - loaded
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
