"""Model processes that outlive an Ollama which was killed.

Contract: an Ollama that is ended with SIGKILL (or by the system, for want of memory) leaves
its ``llama-server`` processes behind, each with a model in memory, for ever (seen with
0.33.0). We start Ollama in a session of its own, so that what is left of that session can be
found by its number and ended. Only programs of Ollama's count, only of a leader that is
gone, and none that is older than it. Nothing raises.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path

_PROGRAMS = ("llama-server", "ollama", "ollama_llama_server")
_COMM_LENGTH = 15
"""Linux cuts a process's name there."""


def end(leader: int, started: str) -> list[int]:
    """End what is left of the session of ``leader``, which started at ``started`` and is gone.

    Returns:
        The processes that were ended.
    """
    if sys.platform == "win32":
        return []  # there Ollama puts them into a job that ends with it
    ended = []
    for pid in _of_session(leader, started):
        with contextlib.suppress(OSError):  # it ended by itself
            os.kill(pid, signal.SIGKILL)
            ended.append(pid)
    return ended


def _of_session(leader: int, started: str) -> list[int]:
    if sys.platform == "linux":
        return on_linux(leader, started)
    try:
        done = subprocess.run(
            ["/bin/ps", "-axo", "pid=,pgid=,comm="],
            capture_output=True,
            text=True,
            errors="replace",
            timeout=5,
            check=False,
        )
    except (OSError, subprocess.SubprocessError):
        return []
    return from_ps(done.stdout, leader)


def on_linux(leader: int, started: str, proc: Path = Path("/proc")) -> list[int]:
    """Return the processes of a session by the tables of ``proc``."""
    found = []
    for entry in os.scandir(proc):
        if not entry.name.isdigit() or int(entry.name) == leader:
            continue
        with contextlib.suppress(OSError, ValueError, IndexError):  # it ended just now
            text = Path(entry.path, "stat").read_text(encoding="utf-8", errors="replace")
            head, _, tail = text.rpartition(")")
            fields = tail.split()
            name = head.partition("(")[2]
            later = started.isdigit() and int(fields[19]) >= int(started)
            if int(fields[3]) == leader and later and _is_ollamas(name):
                found.append(int(entry.name))
    return found


def from_ps(listed: str, leader: int) -> list[int]:
    """Return the processes of a group from ``ps -axo pid=,pgid=,comm=``."""
    found = []
    for line in listed.splitlines():
        fields = line.split(maxsplit=2)
        of_group = len(fields) == 3 and fields[1] == str(leader) and fields[0] != fields[1]
        if of_group and _is_ollamas(fields[2].rpartition("/")[2]):
            found.append(int(fields[0]))
    return found


def _is_ollamas(name: str) -> bool:
    return name in _PROGRAMS or name in {program[:_COMM_LENGTH] for program in _PROGRAMS}
