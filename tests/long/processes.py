"""Which processes belong to a home: all that were started with it in their environment."""

from __future__ import annotations

import os
import signal
from pathlib import Path

from local_assistant import paths
from local_assistant.engine.runfile import process_start
from tests.waiting import until


def living(home: Path) -> dict[int, str]:
    """Return the live processes of the assistant's home ``home``, with their commands."""
    wanted = f"{paths.HOME_ENV}={home}".encode()
    found = {}
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit() or int(folder.name) == os.getpid():
            continue
        try:
            if wanted not in (folder / "environ").read_bytes().split(b"\0"):
                continue
            command = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()
        except OSError:  # it ended in this moment
            continue
        if process_start(int(folder.name)):
            found[int(folder.name)] = command
    return found


def running(home: Path, part: str) -> list[int]:
    """Return the processes of a home with ``part`` in their command."""
    return [pid for pid, command in living(home).items() if part in command]


def kill(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)
    until(lambda: process_start(pid) is None, 20)
