"""What processes use, from /proc: memory, open files, threads; and which ones live."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from tests.background import Background


@dataclass(frozen=True)
class Sample:
    """What some processes use together; memory of each."""

    at_s: float
    memory: tuple[int, ...]
    files: int
    threads: int


def sample(pids: list[int], since: float) -> Sample:
    memory = []
    files = threads = 0
    for pid in pids:
        fields = dict(
            line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines()
        )
        memory.append(int(fields["VmRSS"].split()[0]) * 1024)
        threads += int(fields["Threads"])
        files += len(list(Path(f"/proc/{pid}/fd").iterdir()))
    return Sample(time.monotonic() - since, tuple(memory), files, threads)


@dataclass
class Watch(Background):
    """A context manager that takes a sample of processes every so often."""

    pids: Callable[[], list[int]]
    every_s: float
    samples: list[Sample] = field(default_factory=list)

    def __enter__(self) -> Watch:
        self._since = time.monotonic()
        return super().__enter__()

    def _run(self) -> None:
        while not self._end.wait(self.every_s):
            self.samples.append(sample(self.pids(), self._since))

    def memory(self, from_s: float, to_s: float) -> float:
        """Return the median memory of a time."""
        return statistics.median(
            sum(each.memory) for each in self.samples if from_s <= each.at_s <= to_s
        )
