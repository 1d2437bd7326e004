"""``make install`` from a copy of this checkout: interrupted, finished, and run again."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """What git would clone, with what is not committed yet."""
    copy = tmp_path / "checkout"
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT, check=True, capture_output=True, text=True,
    )  # fmt: skip
    for name in filter(None, listed.stdout.split("\0")):
        if (ROOT / name).is_file():
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, copy / name)
    return copy


def make_install(checkout: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        ["make", "install"], cwd=checkout, env=os.environ, text=True, start_new_session=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
    )  # fmt: skip


def test_interrupted_then_finished_then_nothing_to_do(checkout: Path, home: Path) -> None:
    """Ctrl-C at the first file of a package, and among many; then all is there, and stays so."""
    packages = checkout / ".venv"
    for moment in ("*", "rich"):
        interrupted = make_install(checkout)
        deadline = time.monotonic() + 120
        while not list(packages.glob(f"lib*/python*/site-packages/{moment}/__init__.py")):
            assert interrupted.poll() is None, interrupted.communicate()[0]
            assert time.monotonic() < deadline
            time.sleep(0.01)
        os.killpg(interrupted.pid, signal.SIGINT)  # what a terminal does on Ctrl-C
        said = interrupted.communicate(timeout=30)[0]
        assert interrupted.returncode != 0
        assert "Traceback" not in said
        assert "Run the same command again" in said
    try:
        finished = make_install(checkout)
        said = finished.communicate(timeout=200)[0]
        assert finished.returncode == 0, said
        assert "make lab" in said
        again = make_install(checkout)
        said = again.communicate(timeout=60)[0]
        assert again.returncode == 0, said
        assert "Nothing to do" in said
        assert "changed" not in said
    finally:
        stop = f"{packages}/bin/jupyter-assistant stop"
        subprocess.run(["sh", "-c", stop], capture_output=True, check=False)
