"""The limits of the control groups (Linux containers) that this process is in.

Contract: version 1 and 2, also where a group is nested in others: the smallest limit counts.
Nothing raises; where there is no limit, None.
"""

from __future__ import annotations

import contextlib
import re
from pathlib import Path

from local_assistant.machine.sources import Readings

_NO_LIMIT = 2**60
"""Version 1 says "no limit" by a number close to 2**63."""


def memory_limit(readings: Readings) -> int | None:
    """Return the smallest memory limit, in bytes."""
    return min((limit for limit, _ in memory_use(readings)), default=None)


def memory_use(readings: Readings) -> list[tuple[int, int]]:
    """Return (limit, used) of each group with a limit; file caches are not use."""
    found = []
    for group in _groups(readings, "memory"):
        for limit_name, used_name in (
            ("memory.max", "memory.current"),
            ("memory.limit_in_bytes", "memory.usage_in_bytes"),
        ):
            with contextlib.suppress(OSError, ValueError):  # absent, or "max"
                limit = int((group / limit_name).read_text(encoding="ascii"))
                if 0 < limit < _NO_LIMIT:
                    found.append((limit, _used(group, used_name)))
    return found


def cpu_limit(readings: Readings) -> float | None:
    """Return the smallest share of processor time, in cores."""
    found = []
    for group in _groups(readings, "cpu"):
        with contextlib.suppress(OSError, ValueError, ZeroDivisionError):  # "max 100000"
            quota, period = (group / "cpu.max").read_text(encoding="ascii").split()[:2]
            found.append(int(quota) / int(period))
        with contextlib.suppress(OSError, ValueError, ZeroDivisionError):
            quota = (group / "cpu.cfs_quota_us").read_text(encoding="ascii")
            period = (group / "cpu.cfs_period_us").read_text(encoding="ascii")
            found.append(int(quota) / int(period))  # -1: no limit
    return min((share for share in found if share > 0), default=None)


def _used(group: Path, name: str) -> int:
    used = cached = 0
    with contextlib.suppress(OSError, ValueError):  # a group that says its limit only
        used = int((group / name).read_text(encoding="ascii"))
        text = (group / "memory.stat").read_text(encoding="ascii")
        cached = sum(
            int(size) for size in re.findall(r"^(?:in)?active_file (\d+)$", text, re.MULTILINE)
        )
    return max(0, used - cached)


def _groups(readings: Readings, controller: str) -> list[Path]:
    mount = readings.root / "sys/fs/cgroup"
    found = [mount, mount / controller]
    for line in readings.text("proc/self/cgroup").splitlines():
        _, controllers, path = [*line.split(":", 2), "", ""][:3]
        if not controllers or controller in controllers.split(","):
            base = mount / controllers
            parts = Path(path.lstrip("/")).parts
            found += [base, *(base.joinpath(*parts[:end]) for end in range(1, len(parts) + 1))]
    return list(dict.fromkeys(found))
