"""A machine's size in one object. The package's contract stands in ``__init__``."""

from __future__ import annotations

import contextlib
import math
import os
import re
from dataclasses import dataclass

from local_assistant.machine import gpus, groups, memory
from local_assistant.machine.gpus import Gpu
from local_assistant.machine.sources import GB, Readings, sysctl_number

_BYTES_PER_THREAD = 128 * 1024**2


@dataclass(frozen=True)
class Machine:
    """A machine's size.

    Attributes:
        memory_bytes: what programs may use in all; 0 where the system does not say.
        cores: how many processor cores they may use.
        limited: whether a container's limit is smaller than the memory that is there.
        gpus: its graphics cards, whether a model server can use them or not.
        platform: as ``sys.platform``; empty where it does not matter.
    """

    memory_bytes: int
    cores: int
    limited: bool = False
    gpus: tuple[Gpu, ...] = ()
    platform: str = ""

    @property
    def memory_gb(self) -> float:
        return self.memory_bytes / GB


def read_machine(readings: Readings | None = None) -> Machine:
    """Return this machine's size; ``readings`` are another machine's, in tests."""
    source = readings or Readings()
    total = memory.total_memory(source)
    limit = groups.memory_limit(source)
    limited = limit is not None and (total == 0 or limit < total)
    size = limit if limited and limit is not None else total
    return Machine(size, cores(source), limited, gpus.read_gpus(source, total), source.platform)


def cores(readings: Readings) -> int:
    """Return how many cores may be used: a container's share of the time counts."""
    quota = groups.cpu_limit(readings)
    count = _present(readings)
    return min(count, max(1, math.ceil(quota))) if quota else count


def _present(readings: Readings) -> int:
    if readings.real:
        with contextlib.suppress(AttributeError, OSError):  # macOS and Windows have it not
            return len(os.sched_getaffinity(0))
        return os.cpu_count() or 1
    if readings.platform == "darwin":
        return sysctl_number(readings, "hw.ncpu") or 1
    found = re.findall(r"(\d+)(?:-(\d+))?", readings.text("sys/devices/system/cpu/online"))
    return sum(int(last or first) - int(first) + 1 for first, last in found) or 1


def default_threads(model_bytes: int) -> int:
    """Return how many threads to compute with: about the number of real cores.

    Beyond four, every second logical processor is taken for a twin (or a slow core). A small
    model gets fewer: its threads would mostly wait for each other, and on a busy machine that
    wait is long (the demo model, two cores with other work: 0.4 ms a token with one thread,
    10 to 100 ms with two).
    """
    count = cores(Readings())
    real = count if count <= 4 else max(4, count // 2)
    return min(real, 1 + model_bytes // _BYTES_PER_THREAD)
