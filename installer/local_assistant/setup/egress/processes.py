"""Looking at processes: what one runs, what its sockets are, which belong to a session.

Contract: nothing here raises where a process has just ended. ``psutil`` comes with Jupyter's
kernels, and is imported on use.
"""

from __future__ import annotations

import contextlib
import os
import socket
import sys
from pathlib import Path

MARK = "LOCAL_ASSISTANT_EGRESS"
"""A variable that every process of a session inherits; its value is the session's."""

ROLE = "LOCAL_ASSISTANT_EGRESS_ROLE"
BLANK = "blank"
_WORDS = 60
_PATIENCE_S = 5.0


def process_of(thread: int) -> int:
    """Return the process that a thread belongs to."""
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{thread}/status").read_text(encoding="utf-8").splitlines():
            if line.startswith("Tgid:"):
                return int(line.split()[1])
    return thread


def inode(pid: int, descriptor: int) -> str:
    """Return what tells a socket from all others, whoever holds it."""
    try:
        return str(Path(f"/proc/{pid}/fd/{descriptor}").readlink())
    except OSError:
        return ""


def protocol(pid: int, descriptor: int) -> str:
    """Return ``TCP``, ``UDPv6``, …; nothing where the kernel does not say."""
    if sys.platform != "linux":
        return ""
    try:
        name = os.getxattr(f"/proc/{pid}/fd/{descriptor}", "system.sockprotoname")
    except OSError:
        return ""
    return name.rstrip(b"\0").decode("ascii", "replace")


def own_addresses() -> set[str]:
    """Return this machine's own addresses: what is sent there does not leave it."""
    import psutil

    families = (socket.AF_INET, socket.AF_INET6)
    return {
        entry.address.partition("%")[0]
        for entries in psutil.net_if_addrs().values()
        for entry in entries
        if entry.family in families
    }


def describe(pid: int) -> str:
    """Return in a few words what a process runs."""
    try:
        raw = Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return "a process that has ended"
    words = raw.decode("utf-8", "replace").replace("\0", " ").split()
    return in_words(words) if words else "a process without a command line"


def in_words(words: list[str]) -> str:
    """Return a command line without folders and what only a machine reads."""
    name = Path(words[0]).name
    kind = next((word.partition("=")[2] for word in words if word.startswith("--type=")), "")
    service = next((word.rpartition(".")[2] for word in words if "--utility-sub-type=" in word), "")
    if kind:
        return f"{name} {service or kind}"
    rest = [Path(word).name for word in words[1:]]
    if name.startswith("python") and "-m" in rest:
        rest = rest[rest.index("-m") + 1 :][:1]
        return f"python -m {rest[0] if rest else ''}"
    return " ".join([name, *rest[:2]])[:_WORDS]


def role(pid: int) -> str:
    """Return the role that a process, or the nearest of its ancestors with one, was given."""
    for _ in range(16):
        with contextlib.suppress(OSError):
            for entry in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0"):
                if entry.startswith(ROLE.encode() + b"="):
                    return entry.partition(b"=")[2].decode("ascii", "replace")
        try:
            stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
        except OSError:
            return ""
        pid = int(stat.rpartition(")")[2].split()[1])
        if pid <= 1:
            return ""
    return ""


def marked(value: str) -> list[int]:
    """Return the processes of the session with this mark, but for this one."""
    import psutil

    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if process.pid != os.getpid() and process.environ().get(MARK) == value:
                found.append(process.pid)
    return found


def end_marked(value: str) -> list[int]:
    """End what is left of a session; return which processes that were."""
    import psutil

    ended: list[int] = []
    while found := [pid for pid in marked(value) if pid not in ended]:
        left = []
        for pid in found:
            with contextlib.suppress(psutil.Error):
                left.append(psutil.Process(pid))
                left[-1].terminate()
        _, alive = psutil.wait_procs(left, timeout=_PATIENCE_S)
        for process in alive:
            with contextlib.suppress(psutil.Error):
                process.kill()
        psutil.wait_procs(alive, timeout=_PATIENCE_S)
        ended += found
    return ended
