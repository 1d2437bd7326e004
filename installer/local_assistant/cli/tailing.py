"""The end of text files, and what is added to them.

Contract: nothing is held open (on Windows that would keep a file from being rotated), and no
file is read as a whole. A file that is rotated is read to its end under its new name, and
then from the start of the new one. What vanishes between looking and reading counts as empty.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

_TAIL_BYTES = 2_000_000
"""No more is looked through: Ollama's log is its own, and grows."""


@dataclass(frozen=True)
class Mark:
    """A place in a file: which file it was, and the byte."""

    inode: int
    byte: int


def mark(path: Path) -> Mark:
    """Return the end of ``path`` as it is now."""
    try:
        status = path.stat()
    except OSError:
        return Mark(0, 0)  # not there, or between the two halves of a rotation
    return Mark(status.st_ino, status.st_size)


def tail(path: Path, end: Mark, count: int) -> list[str]:
    """Return the last ``count`` lines before ``end``."""
    start = max(0, end.byte - _TAIL_BYTES)
    lines = _read(path, start)[: end.byte - start].decode("utf-8", "replace").splitlines()
    return lines[len(lines) - min(count, len(lines)) :]


class Followed:
    """One file from a mark on."""

    def __init__(self, path: Path, start: Mark) -> None:
        self.path = path
        self._at = start

    def added(self) -> list[str]:
        """Return the whole lines that were added since the last call."""
        now = mark(self.path)
        if not now.inode:
            return []  # it comes with the next call, or with its first line
        lines: list[str] = []
        if self._at.inode not in (0, now.inode):
            # Rotated: first what was still written to the old one.
            for old in self._rotated():
                lines += _lines(_read(old, self._at.byte), whole=False)[0]
            self._at = Mark(now.inode, 0)
        elif now.byte < self._at.byte:
            self._at = Mark(now.inode, 0)  # cut back in place
        more, used = _lines(_read(self.path, self._at.byte), whole=True)
        self._at = Mark(now.inode, self._at.byte + used)
        return lines + more

    def _rotated(self) -> Iterable[Path]:
        for number in (1, 2):
            old = self.path.with_name(f"{self.path.name}.{number}")
            if mark(old).inode == self._at.inode:
                yield old


def _lines(content: bytes, *, whole: bool) -> tuple[list[str], int]:
    """Return lines and the bytes they take; of a file that goes on, only whole ones."""
    if whole:
        content = content[: content.rfind(b"\n") + 1]
    return content.decode("utf-8", "replace").splitlines(), len(content)


def _read(path: Path, start: int) -> bytes:
    try:
        with path.open("rb") as stream:
            stream.seek(start)
            return stream.read()
    except OSError:
        return b""
