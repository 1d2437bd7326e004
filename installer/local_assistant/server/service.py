"""Ollama as a systemd service: installed, and starting, stopped or listening elsewhere.

Contract: asked only where nothing answers yet, so that no second Ollama is started beside a
service that is coming up. Runs ``systemctl`` once, and only where the unit's file exists.
"""

from __future__ import annotations

import shutil
import subprocess
import time
from pathlib import Path
from typing import Literal

UNIT = "ollama.service"
FOLDERS = (
    Path("/etc/systemd/system"),
    Path("/usr/lib/systemd/system"),
    Path("/lib/systemd/system"),
)
START = "sudo systemctl start ollama"
LOG = "journalctl -u ollama -e"
COMES_UP_WITHIN_S = 60.0
"""One that runs for longer and does not listen where it is wanted listens elsewhere."""

UnitState = Literal["none", "stopped", "coming", "elsewhere", "failed"]


def unit_state() -> UnitState:
    """Return what systemd says of Ollama's service where nothing listens."""
    program = shutil.which("systemctl")
    if program is None or not any((folder / UNIT).is_file() for folder in FOLDERS):
        return "none"
    said = _properties(program)
    state = said.get("ActiveState", "")
    if state == "activating":
        return "coming"
    if state in ("active", "reloading"):
        return "coming" if _just_started(said) else "elsewhere"
    if state == "failed":
        return "failed"
    # systemd does not run here (a container): then nobody will start it.
    return "stopped" if state in ("inactive", "deactivating") else "none"


def _properties(program: str) -> dict[str, str]:
    asked = "--property=ActiveState,ActiveEnterTimestampMonotonic"
    try:
        done = subprocess.run(
            [program, "show", asked, UNIT], capture_output=True, text=True, timeout=5, check=False
        )
    except (OSError, subprocess.SubprocessError):
        return {}
    lines = [line.partition("=") for line in done.stdout.splitlines()]
    return {name: value.strip() for name, _, value in lines}


def _just_started(said: dict[str, str]) -> bool:
    """Whether a service that runs may not have opened its port yet."""
    since = said.get("ActiveEnterTimestampMonotonic", "")
    # On Linux this is the clock that systemd means; where it does not say, we rather wait.
    return not since.isdigit() or time.monotonic() - int(since) / 1e6 < COMES_UP_WITHIN_S
