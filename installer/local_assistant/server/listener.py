"""Which program listens on a port of this machine, and what started it.

Contract: for messages only, so nothing raises and what the system does not tell is left
out. Linux tells in ``/proc`` (the process of another user: its owner only), macOS by
``lsof``, Windows by ``netstat``. No program is run on Linux.
"""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from local_assistant.server import owners

How = Literal["service", "app", "container", "us", "hand"]
_PROC = Path("/proc")
_PATIENCE_S = 3.0


@dataclass(frozen=True)
class Program:
    """A program that listens.

    Attributes:
        name: what the system calls it; empty where it does not tell.
        pid: its process, or None where the system does not tell.
        user: whose it is; empty where the system does not tell.
        how: what started it, as far as can be seen; ``hand`` where nothing else fits.
        unit: the service or app that runs it, by name.
    """

    name: str = ""
    pid: int | None = None
    user: str = ""
    how: How = "hand"
    unit: str = ""

    def __str__(self) -> str:
        known = [f"process {self.pid}"] if self.pid is not None else []
        known += [f"of the user {self.user}"] if self.user else []
        name = self.name or "a program"
        return f"{name} ({', '.join(known)})" if known else name


def listening(port: int) -> Program | None:
    """Return the program that listens on ``port``, or None where nobody is seen to."""
    with contextlib.suppress(OSError, ValueError, subprocess.SubprocessError):
        if sys.platform == "darwin":
            return _on_macos(port)
        if sys.platform == "win32":
            return _on_windows(port)
        return on_linux(port)
    return None


def on_linux(port: int, proc: Path = _PROC) -> Program | None:
    """Return the program by the tables of ``proc``."""
    tables = (proc / "net/tcp", proc / "net/tcp6")
    for socket in owners.sockets(port, tables):
        user = owners.name_of(socket.uid)
        pid = _holder(socket, proc)
        if pid is None:
            return Program(user=user)
        how, unit = _by_control_group(proc / str(pid))
        name = _text(proc / str(pid) / "comm").strip()
        # Docker listens on the machine's port in the place of what runs inside.
        return Program(name, pid, user, "container" if name == "docker-proxy" else how, unit)
    return None


def _holder(socket: owners.Socket, proc: Path) -> int | None:
    """Return the process that has the socket open.

    Another user's open files are closed to us: there the only ``ollama`` of that user counts.
    """
    wanted = f"socket:[{socket.inode}]"
    namesakes = []
    for folder in _processes(socket.uid, proc):
        try:
            files = list((folder / "fd").iterdir())
        except OSError:
            if _text(folder / "comm").strip() == "ollama":
                namesakes.append(int(folder.name))
            continue
        for file in files:
            with contextlib.suppress(OSError):  # closed since
                if os.readlink(file) == wanted:  # noqa: PTH115 - thousands of them
                    return int(folder.name)
    return namesakes[0] if len(namesakes) == 1 else None


def _processes(uid: int, proc: Path) -> Iterator[Path]:
    for entry in os.scandir(proc):
        with contextlib.suppress(OSError):  # it ended just now
            if entry.name.isdigit() and entry.stat().st_uid == uid:
                yield Path(entry.path)


def _by_control_group(process: Path) -> tuple[How, str]:
    """Return what systemd or a container's runtime says of a process."""
    for line in _text(process / "cgroup").splitlines():
        path = line.rpartition(":")[2]
        unit = re.search(r"/([^/]*ollama[^/]*\.service)(?:/|$)", path)
        if unit:
            return "service", unit[1]
        if re.search(r"docker|libpod|kubepods|containerd", path):
            return "container", ""
    return "hand", ""


def _text(path: Path) -> str:
    with contextlib.suppress(OSError):
        return path.read_text(encoding="utf-8", errors="replace")
    return ""


def _on_macos(port: int) -> Program | None:
    listed = _output(["/usr/sbin/lsof", "-nP", f"-iTCP:{port}", "-sTCP:LISTEN", "-FpcL"])
    program = from_lsof(listed)
    if program is None or program.pid is None or "ollama" not in program.name.lower():
        return program
    command = _output(["/bin/ps", "-o", "command=", "-p", str(program.pid)])
    return as_macos_starts(program, command)


def from_lsof(listed: str) -> Program | None:
    """Return the first program of ``lsof -FpcL``: a letter, then the value, line by line."""
    fields: dict[str, str] = {}
    for line in listed.splitlines():
        fields.setdefault(line[:1], line[1:])
    if not fields.get("p", "").isdigit():
        return None
    return Program(fields.get("c", ""), int(fields["p"]), fields.get("L", ""))


def as_macos_starts(program: Program, command: str) -> Program:
    """Return the program with what started it, told by the command's path."""
    how: How = "hand"
    unit = ""
    if "Ollama.app/" in command:
        how, unit = "app", "Ollama.app"
    elif re.match(r"\S*/(homebrew|Cellar|opt/ollama)/", command):
        how, unit = "service", "homebrew.mxcl.ollama"
    return Program(program.name, program.pid, program.user, how, unit)


def _on_windows(port: int) -> Program | None:
    pid = from_netstat(_output(["netstat", "-ano", "-p", "TCP"]), port)
    if pid is None:
        return None
    listed = _output(["tasklist", "/FI", f"PID eq {pid}", "/FO", "CSV", "/NH"])
    name = listed.partition('","')[0].strip().strip('"')
    how: How = "hand"
    if name.lower() == "ollama.exe":
        app = _output(["tasklist", "/FI", "IMAGENAME eq ollama app.exe", "/FO", "CSV", "/NH"])
        how = "app" if "ollama app.exe" in app.lower() else "hand"
    return Program(name, pid, "", how, "Ollama" if how == "app" else "")


def from_netstat(listed: str, port: int) -> int | None:
    """Return the process that listens, from ``netstat -ano``.

    The word for "listening" is in the system's language; an address without a partner is not.
    """
    for line in listed.splitlines():
        fields = line.split()
        if len(fields) < 5 or not fields[-1].isdigit():
            continue
        if fields[1].endswith(f":{port}") and fields[2] in ("0.0.0.0:0", "[::]:0"):
            return int(fields[-1])
    return None


def _output(command: list[str]) -> str:
    done = subprocess.run(
        command, capture_output=True, timeout=_PATIENCE_S, text=True, errors="replace", check=False
    )
    return done.stdout
