"""What this machine can give to models: memory that is free now, and processor cores.

Contract: standard library only, cheap enough to ask before every load, and never an
exception: where the system does not say, a careful guess is returned.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

_GUESS = 4 * 1024**3
_BYTES_PER_THREAD = 128 * 1024**2


def available() -> int:
    """Return about how many bytes can be taken without swapping."""
    if sys.platform == "linux":
        return _linux_available()
    if sys.platform == "win32":
        return _windows_available()
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") * 6 // 10
    except (OSError, ValueError):
        return _GUESS


def _linux_available() -> int:
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
    except OSError:
        return _GUESS
    found = [line.split()[1] for line in lines if line.startswith("MemAvailable:")]
    free = int(found[0]) * 1024 if found else _GUESS
    group = Path("/sys/fs/cgroup")
    try:
        limit = int((group / "memory.max").read_text(encoding="ascii"))
        used = int((group / "memory.current").read_text(encoding="ascii"))
    except (OSError, ValueError):
        return free  # no container, or one without a limit
    return max(0, min(free, limit - used))


def _windows_available() -> int:
    import ctypes

    class Status(ctypes.Structure):
        _fields_ = (
            ("length", ctypes.c_ulong),
            ("load", ctypes.c_ulong),
            ("total", ctypes.c_ulonglong),
            ("free", ctypes.c_ulonglong),
            ("page_total", ctypes.c_ulonglong),
            ("page_free", ctypes.c_ulonglong),
            ("virtual_total", ctypes.c_ulonglong),
            ("virtual_free", ctypes.c_ulonglong),
            ("virtual_extended", ctypes.c_ulonglong),
        )

    status = Status()
    status.length = ctypes.sizeof(Status)
    kernel32 = getattr(ctypes, "windll").kernel32  # noqa: B009 - exists on Windows only
    if not kernel32.GlobalMemoryStatusEx(ctypes.byref(status)):
        return _GUESS
    return int(status.free)


def default_threads(model_bytes: int) -> int:
    """Return how many threads to compute with: about the number of real cores.

    Beyond four, every second logical processor is taken for a twin (or a slow core). A small
    model gets fewer: its threads would mostly wait for each other, and on a busy machine that
    wait is long (the demo model, two cores with other work: 0.4 ms a token with one thread,
    10 to 100 ms with two).
    """
    affinity = getattr(os, "sched_getaffinity", None)  # not on macOS and Windows
    count = len(affinity(0)) if affinity else os.cpu_count() or 4
    cores = count if count <= 4 else max(4, count // 2)
    return min(cores, 1 + model_bytes // _BYTES_PER_THREAD)
