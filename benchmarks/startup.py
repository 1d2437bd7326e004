"""What our server extension adds to JupyterLab's start."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

from benchmarks.figures import Figure, paired
from local_assistant.engine.launch import stop_engine

PORT = 18650
DEADLINE_S = 60


def measure(runs: int) -> list[Figure]:
    """Start JupyterLab with and without our extension in turn, until it answers."""
    try:
        with_ours, without = paired(lambda: start(True), lambda: start(False), runs)
    finally:
        stop_engine()  # which our extension has started
    how = f"until /api answers: {with_ours:.2f} s with, {without:.2f} s without, {runs} pairs"
    return [Figure("JupyterLab start, added", with_ours - without, 0.3, "s", how)]


def start(enabled: bool) -> float:
    """Return the seconds from starting the process to the first answer of its API."""
    command = [
        sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root",
        f"--port={PORT}", "--ServerApp.port_retries=0", "--IdentityProvider.token=bench",
        f"--ServerApp.jpserver_extensions=local_assistant.lab.extension={enabled}",
    ]  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=os.environ,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            wait_until_it_answers(process)
            return time.perf_counter() - began
        finally:
            process.terminate()
            process.wait(timeout=30)


def wait_until_it_answers(process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + DEADLINE_S
    while time.monotonic() < end:
        if process.poll() is not None:
            raise RuntimeError(f"JupyterLab ended with exit code {process.returncode}")
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{PORT}/api", timeout=5):
                return
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            time.sleep(0.01)
    raise TimeoutError(f"JupyterLab did not answer within {DEADLINE_S} s")
