"""Memory: what there is in all, what a container may use, and what is free now.

Contract: nothing raises; 0 or a careful guess where the system does not say.
"""

from __future__ import annotations

import contextlib
import os
import re

from local_assistant.machine import groups
from local_assistant.machine.sources import GB, Readings, sysctl_number

_GUESS = 4 * GB


def usable_memory(readings: Readings | None = None) -> int:
    """Return what programs may use in all; 0 where the system does not say."""
    source = readings or Readings()
    total, limit = total_memory(source), groups.memory_limit(source)
    return total if limit is None else min(limit, total or limit)


def total_memory(readings: Readings) -> int:
    """Return the memory of the whole machine; 0 where it does not say."""
    if readings.platform == "win32":
        return _windows_memory()[0]
    if readings.platform == "darwin":
        return sysctl_number(readings, "hw.memsize") or _by_sysconf(readings)
    found = re.search(r"^MemTotal: +(\d+) kB", readings.text("proc/meminfo"), re.MULTILINE)
    if found:
        return int(found[1]) * 1024
    return _by_sysconf(readings)


def _by_sysconf(readings: Readings) -> int:
    with contextlib.suppress(ValueError, OSError):  # a system without one of the names
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") if readings.real else 0
    return 0


def available_memory(readings: Readings | None = None) -> int:
    """Return about how many bytes can be taken now without swapping."""
    source = readings or Readings()
    if source.platform == "win32":
        return _windows_memory()[1] or _GUESS
    rooms = [limit - used for limit, used in groups.memory_use(source)]
    return max(0, min([_free(source), *rooms]))


def _free(readings: Readings) -> int:
    if readings.platform == "darwin":
        text = readings.run("/usr/bin/vm_stat")
        size = re.search(r"page size of (\d+)", text)
        pages = re.findall(r"Pages (?:free|inactive|purgeable): +(\d+)", text)
        free = sum(map(int, pages)) * (int(size[1]) if size else 4096)
    else:
        found = re.search(r"^MemAvailable: +(\d+)", readings.text("proc/meminfo"), re.MULTILINE)
        free = int(found[1]) * 1024 if found else 0
    return free or total_memory(readings) * 6 // 10 or _GUESS


def _windows_memory() -> tuple[int, int]:
    """Return the memory in all and what is free; zeros where the system does not say."""
    import ctypes

    class Status(ctypes.Structure):
        _fields_ = (
            ("length", ctypes.c_ulong),
            ("load", ctypes.c_ulong),
            ("total", ctypes.c_ulonglong),
            ("free", ctypes.c_ulonglong),
            ("rest", ctypes.c_ulonglong * 5),
        )

    windll = getattr(ctypes, "windll", None)  # exists on Windows only
    status = Status(length=ctypes.sizeof(Status))
    if windll is None or not windll.kernel32.GlobalMemoryStatusEx(ctypes.byref(status)):
        return 0, 0
    return int(status.total), int(status.free)
