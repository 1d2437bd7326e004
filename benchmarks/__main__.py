"""``python -m benchmarks [NAME …] [--runs N] [--json]``: measure, then print one table."""

from __future__ import annotations

import argparse
import importlib
import json
import os
import tempfile
from dataclasses import asdict
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.figures import Figure

NAMES = ("install", "cli", "startup", "magic", "front", "pull", "imports", "learn")
REPORT = "completion-quality"
"""Figures without a bound: run by its name alone."""
LONG = ("ghost", "chat")
"""Run by name only: they take half an hour, and some minutes."""


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help=f"of {', '.join((*NAMES, *LONG, REPORT))}"
    )
    parser.add_argument("--runs", type=int, default=7, help="counted runs of each (default 7)")
    parser.add_argument(
        "--gigabytes", default="10", help="size of the file that `pull` fetches (default 10)"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args()
    if options.names == [REPORT]:
        from benchmarks import completion_quality

        result = completion_quality.report()
        if options.json:
            print(json.dumps(result))
        else:
            completion_quality.show(result)
        return
    for name in options.names:
        if name not in (*NAMES, *LONG):
            parser.error(f"no benchmark {name!r}; there are {', '.join((*NAMES, *LONG))}")
    figures: list[Figure] = []
    with tempfile.TemporaryDirectory(prefix="assistant-bench-") as home:
        live_in(home)
        os.environ["BENCHMARK_PULL_GB"] = options.gigabytes
        for name in options.names or NAMES:
            module = importlib.import_module(f"benchmarks.{name}")
            figures += module.measure(options.runs)
    if options.json:
        rows = [{**asdict(figure), "reached": figure.reached} for figure in figures]
        print(json.dumps({"schema": 1, "ok": True, "figures": rows}))
    else:
        show(figures)


def live_in(home: str) -> None:
    """Point every file that the assistant, Jupyter and IPython write at ``home``."""
    cache = Path.home() / ".cache"
    os.environ.setdefault("UV_CACHE_DIR", str(cache / "uv"))
    os.environ.setdefault("BENCHMARK_CACHE", str(cache / "jupyter-local-assistant-bench"))
    os.environ.setdefault("LOCAL_ASSISTANT_SHAPES", str(cache / "local-assistant-shapes"))
    for name in ("OLLAMA_HOST", "OLLAMA_API_BASE", "OLLAMA_API_KEY", "LOCAL_ASSISTANT_ENV"):
        os.environ.pop(name, None)
    os.environ.update(
        HOME=home,
        LOCAL_ASSISTANT_HOME=f"{home}/assistant",
        LOCAL_ASSISTANT_CONFIG=f"{home}/jupyter/assistant.toml",
        JUPYTER_CONFIG_DIR=f"{home}/jupyter",
        JUPYTER_DATA_DIR=f"{home}/jupyter-data",
        JUPYTER_RUNTIME_DIR=f"{home}/jupyter-runtime",
        IPYTHONDIR=f"{home}/ipython",
    )


def show(figures: list[Figure]) -> None:
    table = Table(box=None, pad_edge=False)
    for heading in ("figure", "measured", "bound", "", "how"):
        table.add_column(heading, justify="right" if heading in ("measured", "bound") else "left")
    for figure in figures:
        table.add_row(
            figure.name,
            f"{figure.value:.3g} {figure.unit}",
            "" if figure.bound is None else f"{figure.bound:g} {figure.unit}",
            "" if figure.bound is None else "reached" if figure.reached else "NOT reached",
            figure.how,
        )
    Console(width=150).print(table)


if __name__ == "__main__":
    main()
