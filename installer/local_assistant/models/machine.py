"""What this machine has for a model: memory and processor cores.

Contract: :func:`read_machine` never raises and costs milliseconds. A container's limit
counts, not the host's memory. The engine from the registry runs on the processor only, so
the memory of a graphics card is not counted. Standard library only.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

GB = 1024**3
"""Memory is counted in units of 2 to the 30, as its makers do."""
_ROOT = Path("/")


@dataclass(frozen=True)
class Machine:
    """A machine's size.

    Attributes:
        memory_bytes: what programs may use in all; 0 where the system does not say.
        cores: how many processor cores they may use.
        limited: whether a container's limit is smaller than the memory that is there.
    """

    memory_bytes: int
    cores: int
    limited: bool = False

    @property
    def memory_gb(self) -> float:
        return self.memory_bytes / GB


def read_machine(root: Path = _ROOT) -> Machine:
    """Return this machine's size; ``root`` stands in for ``/`` in tests."""
    total = _total_memory()
    limit = _container_limit(root)
    limited = limit is not None and (total == 0 or limit < total)
    memory = limit if limited and limit is not None else total
    return Machine(memory, _cores(), limited)


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _total_memory() -> int:
    if sys.platform == "win32":
        return _windows_memory()
    with contextlib.suppress(ValueError, OSError):  # the system lacks one of the names
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    with contextlib.suppress(ValueError, OSError, subprocess.SubprocessError):  # no such program
        done = subprocess.run(
            ["/usr/sbin/sysctl", "-n", "hw.memsize"], capture_output=True, timeout=5, check=True
        )
        return int(done.stdout)
    return 0


def _windows_memory() -> int:
    import ctypes

    class Status(ctypes.Structure):
        _fields_ = (
            ("length", ctypes.c_ulong),
            ("load", ctypes.c_ulong),
            ("total", ctypes.c_ulonglong),
            ("rest", ctypes.c_ulonglong * 6),
        )

    status = Status(length=ctypes.sizeof(Status))
    kernel32 = getattr(ctypes, "windll").kernel32  # noqa: B009 - exists on Windows only
    return int(status.total) if kernel32.GlobalMemoryStatusEx(ctypes.byref(status)) else 0


def _container_limit(root: Path) -> int | None:
    """Return the smallest memory limit of the control groups that this process is in."""
    limits = []
    for group in _control_groups(root):
        for name in ("memory.max", "memory.limit_in_bytes"):
            with contextlib.suppress(OSError, ValueError):  # absent, or "max"
                limits.append(int((group / name).read_text(encoding="ascii")))
    # Version 1 says "no limit" by a number close to 2**63.
    return min((limit for limit in limits if 0 < limit < 2**60), default=None)


def _control_groups(root: Path) -> list[Path]:
    mount = root / "sys/fs/cgroup"
    found = [mount, mount / "memory"]
    try:
        lines = (root / "proc/self/cgroup").read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return found
    for line in lines:
        _, controllers, path = [*line.split(":", 2), "", ""][:3]
        if controllers in ("", "memory"):
            base = mount / controllers
            parts = Path(path.lstrip("/")).parts
            found += [base.joinpath(*parts[:length]) for length in range(1, len(parts) + 1)]
    return found
