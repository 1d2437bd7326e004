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

NAMES = ("install", "startup", "magic", "chat")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(NAMES)}")
    parser.add_argument("--runs", type=int, default=7, help="counted runs of each (default 7)")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args()
    for name in options.names:
        if name not in NAMES:
            parser.error(f"no benchmark {name!r}; there are {', '.join(NAMES)}")
    figures: list[Figure] = []
    with tempfile.TemporaryDirectory(prefix="assistant-bench-") as home:
        live_in(home)
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
    os.environ.setdefault("UV_CACHE_DIR", str(Path.home() / ".cache" / "uv"))
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
            f"{figure.bound:g} {figure.unit}",
            "reached" if figure.reached else "NOT reached",
            figure.how,
        )
    Console(width=150).print(table)


if __name__ == "__main__":
    main()
