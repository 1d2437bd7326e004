"""Which bytes of a file are there: parts handed out to threads, and a journal on the disk.

Contract: the data lies in ``BLOB-partial``, the journal in ``BLOB-parts``. The journal only
grows while a download runs, a line after each mebibyte that was written, so a process that is
killed loses no more than that of each part. A journal that does not fit (another size, torn,
the data gone) counts as none: the file is then begun anew.
"""

from __future__ import annotations

import contextlib
import json
import os
import threading
from dataclasses import dataclass
from pathlib import Path

PART_BYTES = 100_000_000
"""As large as Ollama's smallest."""

_NOTE_BYTES = 1 << 20


@dataclass
class Part:
    """One stretch of the file."""

    number: int
    start: int
    end: int
    at: int
    """Up to here the bytes are on the disk."""
    noted: int = 0

    @property
    def done(self) -> bool:
        return self.at >= self.end


class Parts:
    """The parts of one file; may be used from any thread."""

    def __init__(self, blob: Path, size: int, part_bytes: int = PART_BYTES) -> None:
        self.size = size
        self.data = blob.with_name(f"{blob.name}-partial")
        self._journal_path = blob.with_name(f"{blob.name}-parts")
        self._part_bytes = part_bytes
        self._changed = threading.Condition()
        self._parts: list[Part] = []
        self._waiting: list[Part] = []
        self._first_open = 0
        self._journal: int | None = None
        self.completed = 0
        self.begun = 1
        """Rises whenever bytes that were there already may be written again."""

    def open(self) -> None:
        """Find out what is there, and make both files.

        Raises:
            OSError: they cannot be written.
        """
        part_bytes, reached = self._remembered()
        self._cut(part_bytes, reached)
        lines = [json.dumps({"size": self.size, "part": part_bytes})]
        lines += [f"{part.number} {part.at}" for part in self._parts if part.at > part.start]
        temporary = self._journal_path.with_name(f"{self._journal_path.name}-new")
        temporary.write_text("\n".join(lines) + "\n", encoding="ascii")
        with contextlib.suppress(FileExistsError):
            self.data.touch(exist_ok=False)
        temporary.replace(self._journal_path)
        self._journal = os.open(self._journal_path, os.O_WRONLY | os.O_APPEND)

    def _cut(self, part_bytes: int, reached: dict[int, int]) -> None:
        starts = range(0, self.size, part_bytes)
        self._parts = [
            Part(number, start, min(start + part_bytes, self.size), reached.get(number, start))
            for number, start in enumerate(starts)
        ]
        for part in self._parts:
            part.noted = part.at
        self._waiting = [part for part in self._parts if not part.done]
        self._first_open = 0
        self.completed = sum(part.at - part.start for part in self._parts)

    def _remembered(self) -> tuple[int, dict[int, int]]:
        """Return the size of a part, and how far each had come."""
        reached: dict[int, int] = {}
        try:
            head, *lines = self._journal_path.read_text(encoding="ascii").splitlines()
            said = json.loads(head)
            part_bytes, size = int(said["part"]), int(said["size"])
            there = self.data.stat().st_size
        except (OSError, ValueError, KeyError, TypeError):
            return self._part_bytes, {}  # none there, or damaged
        if size != self.size or part_bytes <= 0:
            return self._part_bytes, {}
        for line in lines:
            number, _, at = line.partition(" ")
            if not (number.isdigit() and at.isdigit()):
                break  # the last line, torn
            start = int(number) * part_bytes
            if start <= int(at) <= min(start + part_bytes, size, there):
                reached[int(number)] = int(at)
        return part_bytes, reached

    def whole(self) -> Part:
        """Begin anew with the file as one part: its server gives no ranges."""
        with self._changed:
            self._cut(max(self.size, 1), {})
            self._waiting = []
            self.begun += 1
            return self._parts[0]

    def take(self) -> Part | None:
        """Return the next part to fetch, in the file's order."""
        with self._changed:
            return self._waiting.pop(0) if self._waiting else None

    def wrote(self, part: Part, count: int) -> None:
        """Note that ``count`` more bytes of a part are in the file.

        Raises:
            OSError: the journal cannot be written.
        """
        with self._changed:
            part.at += count
            self.completed += count
            if (part.done or part.at - part.noted >= _NOTE_BYTES) and self._journal is not None:
                part.noted = part.at
                os.write(self._journal, f"{part.number} {part.at}\n".encode())
            self._changed.notify_all()

    def restart(self, part: Part) -> None:
        """Forget what there is of a part."""
        with self._changed:
            self.completed -= part.at - part.start
            part.at = part.noted = part.start
            self.begun += 1

    @property
    def reached(self) -> int:
        """Where the first gap begins."""
        with self._changed:
            return self._reached()

    def _reached(self) -> int:
        while self._first_open < len(self._parts) and self._parts[self._first_open].done:
            self._first_open += 1
        if self._first_open == len(self._parts):
            return self.size
        return self._parts[self._first_open].at

    def wait_beyond(self, position: int, seconds: float) -> int:
        """Return where the first gap begins, as soon as that is beyond ``position``."""
        with self._changed:
            self._changed.wait_for(lambda: self._reached() > position, seconds)
            return self._reached()

    def wake(self) -> None:
        with self._changed:
            self._changed.notify_all()

    def close(self) -> None:
        with self._changed:
            if self._journal is not None:
                os.close(self._journal)
                self._journal = None

    def finish(self, blob: Path) -> None:
        """Make the file the blob.

        Raises:
            OSError: it cannot be renamed.
        """
        self.close()
        self.data.replace(blob)
        self._journal_path.unlink(missing_ok=True)

    def discard(self) -> None:
        """Remove all that there is.

        Raises:
            OSError: it is in use, on Windows.
        """
        self.close()
        self.data.unlink(missing_ok=True)
        self._journal_path.unlink(missing_ok=True)


def there_already(blob: Path, size: int) -> int:
    """Return how many bytes of a blob need not be fetched any more."""
    parts = Parts(blob, size)
    part_bytes, reached = parts._remembered()
    return sum(at - number * part_bytes for number, at in reached.items())
