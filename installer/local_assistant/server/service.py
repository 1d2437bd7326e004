"""Ollama as a systemd service: installed, and starting or stopped.

Contract: asked only where nothing answers yet, so that no second Ollama is started beside a
service that is coming up. Runs ``systemctl`` once, and only where the unit's file exists.
"""

from __future__ import annotations

import shutil
import subprocess
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

UnitState = Literal["none", "stopped", "coming", "failed"]


def unit_state() -> UnitState:
    """Return what systemd says of Ollama's service where nothing listens."""
    program = shutil.which("systemctl")
    if program is None or not any((folder / UNIT).is_file() for folder in FOLDERS):
        return "none"
    try:
        done = subprocess.run(
            [program, "is-active", UNIT], capture_output=True, text=True, timeout=5, check=False
        )
    except (OSError, subprocess.SubprocessError):
        return "none"
    said = done.stdout.strip()
    if said in ("active", "activating", "reloading"):
        return "coming"
    if said == "failed":
        return "failed"
    # systemd does not run here (a container): then nobody will start it.
    return "stopped" if said in ("inactive", "deactivating") else "none"
