"""How long ``make install`` takes: all new with a warm package cache, and with nothing to do."""

from __future__ import annotations

import statistics
import subprocess
import tempfile
from pathlib import Path

from benchmarks.figures import Figure, seconds

ROOT = Path(__file__).parents[1]


def measure(runs: int) -> list[Figure]:
    """Clone the checkout as committed, install once cold, then ``runs`` times again."""
    with tempfile.TemporaryDirectory(prefix="assistant-clone-") as directory:
        clone = Path(directory) / "clone"
        subprocess.run(["git", "clone", "--quiet", ROOT, clone], check=True)
        make_install(clone)  # fills the package cache, uncounted
        subprocess.run(["rm", "-rf", clone / ".venv"], check=True)
        cold = seconds(lambda: make_install(clone))
        again = statistics.median(seconds(lambda: make_install(clone)) for _ in range(runs))
        subprocess.run([clone / ".venv/bin/jupyter-assistant", "stop"], capture_output=True)
    return [
        Figure("make install, cold", cold, 60, "s", "new clone, warm package cache, one run"),
        Figure("make install, again", again, 1.5, "s", f"nothing to do, median of {runs}"),
    ]


def make_install(clone: Path) -> None:
    subprocess.run(["make", "install"], cwd=clone, check=True, capture_output=True)
