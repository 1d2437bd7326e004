"""How long the command takes: each of these in a fresh process, imports and all.

The model is the demo model, loaded in the embedded engine; there is nothing to install. The
yardstick beside each is ``python -c pass`` of the same interpreter on the same machine.
"""

from __future__ import annotations

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path

from benchmarks.figures import Figure, seconds
from local_assistant.engine.launch import ensure_engine, stop_engine
from local_assistant.setup.dropins import LABEXTENSION, OWN_FILES

ROOT = Path(__file__).parents[1]
STEP_BOUND_MS = 100.0
BOUNDS_S = {"--help": 0.25, "status": 0.5, "models": 0.5, "doctor": 5.0}

_MAIN = (
    "import sys; sys.prefix = sys.argv.pop(1);"
    "from local_assistant.cli.main import main; sys.exit(main())"
)
"""The console script, in a prefix of its own: this environment's settings stay as they are."""


def measure(runs: int) -> list[Figure]:
    """Time each command in turn with the yardstick, then the steps of ``install``."""
    with tempfile.TemporaryDirectory(prefix="assistant-prefix-") as folder:
        prefix = Path(folder)
        _fill(prefix)
        _write_settings()
        ensure_engine()
        try:
            _run(prefix, "install", "--json")
            _run(prefix, "smoke")  # which loads the model
            figures = [_command(prefix, name, bound, runs) for name, bound in BOUNDS_S.items()]
            return figures + _steps(prefix, runs)
        finally:
            stop_engine()


def _fill(prefix: Path) -> None:
    """Put into ``prefix`` what the wheel installs there."""
    for name in OWN_FILES:
        inside = Path(name).is_relative_to(LABEXTENSION)
        tree = ROOT / ("labextension" if inside else "jupyter_config")
        (prefix / name).parent.mkdir(parents=True, exist_ok=True)
        source = Path(name).relative_to(LABEXTENSION) if inside else name
        shutil.copyfile(tree / source, prefix / name)


def _write_settings() -> None:
    file = Path(os.environ["LOCAL_ASSISTANT_CONFIG"])
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text('[server]\nkind = "embedded"\n[models]\npreset = "demo"\n', encoding="utf-8")


def _run(prefix: Path, *arguments: str) -> str:
    """Run the command; what it says of this machine (exit 1) is no failure of the benchmark."""
    done = subprocess.run(
        [sys.executable, "-c", _MAIN, prefix, *arguments],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode not in (0, 1):
        raise RuntimeError(f"{arguments}: exit code {done.returncode}\n{done.stderr}")
    return done.stdout


def _bare() -> None:
    subprocess.run([sys.executable, "-c", "pass"], check=True)


def _command(prefix: Path, name: str, bound: float, runs: int) -> Figure:
    _run(prefix, name)
    pairs = [(seconds(lambda: _run(prefix, name)), seconds(_bare)) for _ in range(runs)]
    times, bare = zip(*pairs, strict=True)
    how = (
        f"median of {runs}, least {min(times):.2f} s; "
        f"python -c pass {statistics.median(bare):.2f} s, least {min(bare):.2f} s"
    )
    return Figure(f"jupyter assistant {name}", statistics.median(times), bound, "s", how)


def _steps(prefix: Path, runs: int) -> list[Figure]:
    times: dict[str, list[float]] = defaultdict(list)
    whole: list[float] = []
    for _ in range(runs):
        began = time.perf_counter()
        said = _run(prefix, "install", "--json")
        whole.append(time.perf_counter() - began)
        for step in json.loads(said)["steps"]:
            if step["changed"]:
                raise RuntimeError(f"install had something to do: {step}")
            times[step["name"]].append(step["ms"])
    how = f"all steps and the start, nothing to do, median of {runs}, least {min(whole):.2f} s"
    total = Figure("jupyter assistant install", statistics.median(whole), None, "s", how)
    return [total] + [
        Figure(
            f"install, step {name}",
            statistics.median(taken),
            STEP_BOUND_MS,
            "ms",
            f"nothing to do, median of {runs}, least {min(taken):.0f} ms",
        )
        for name, taken in times.items()
    ]
