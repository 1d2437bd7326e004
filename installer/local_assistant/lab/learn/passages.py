"""Cut a text into passages that a small embedding model reads whole.

Contract: pure. Every line of the text is in exactly one passage, in order; blank ones at the
edges are dropped. A passage ends where a section or definition begins, else at a blank line,
else at a line's end; a single line that is too long is cut. Line numbers count from 1.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

LIMIT = 1_200
"""Characters of a passage: about 300 tokens, so that a handful fit into a window of 4,096."""

_ENOUGH = LIMIT // 4
"""A heading ends a passage of at least this length: shorter sections stay together."""

_MARKDOWN_HEAD = re.compile(r"#{1,6}\s+(\S.*?)\s*#*$")
_FENCE = re.compile(r"\s{0,3}(```|~~~)")
_CODE_HEAD = re.compile(
    r"(?:export\s+|public\s+|pub\s+|static\s+|async\s+)*"
    r"(?:def|class|function|func|fn|interface|struct|enum|trait|impl|module|type)\s+([\w$.]+(?:::[\w$]+)*)"
)


@dataclass(frozen=True)
class Passage:
    """A part of a file.

    Attributes:
        text: what it says.
        place: where it is in its file, as people say it: ``lines 3-20``, ``cell 4``.
        heading: the section or definition that it belongs to; may be empty.
    """

    text: str
    place: str
    heading: str = ""


@dataclass(frozen=True)
class Part:
    """Lines ``first`` to ``last`` of a text, counted from 1."""

    first: int
    last: int
    text: str
    heading: str

    def passage(self, before: str = "") -> Passage:
        """Return it as a passage; ``before`` is what its place begins with."""
        lines = f"line {self.first}" if self.first == self.last else f"lines {self}"
        return Passage(self.text, f"{before}{lines}", self.heading)

    def __str__(self) -> str:
        return f"{self.first}-{self.last}"


HeadOf = Callable[[str], str | None]


def markdown_heads() -> HeadOf:
    """Return what finds Markdown's headings, and not the comments in its code blocks."""
    fenced = False

    def head_of(line: str) -> str | None:
        nonlocal fenced
        if _FENCE.match(line):
            fenced = not fenced
        found = None if fenced else _MARKDOWN_HEAD.match(line)
        return found[1] if found else None

    return head_of


def code_head(line: str) -> str | None:
    """Return the name that a line of code defines at its outermost level."""
    found = _CODE_HEAD.match(line)
    return found[1] if found else None


def no_head(_line: str) -> None:
    """Find no headings: plain text."""


def whole(text: str) -> str:
    """Return a text that can be kept and sent: halves of surrogate pairs become ``?``."""
    return text.encode("utf-8", "replace").decode("utf-8")


def split(text: str, head_of: HeadOf, limit: int = LIMIT) -> Iterator[Part]:
    """Yield the parts of ``text``, each of at most ``limit`` characters."""
    cutter = _Cutter(limit)
    for number, line in enumerate(text.splitlines(), 1):
        yield from cutter.add(number, line, head_of(line))
    yield from cutter.end()


class _Cutter:
    """Gathers lines until a part is full."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._lines: list[tuple[int, str]] = []
        self._size = 0  # characters, from the first line that is not blank
        self._heading = ""  # of the part that is being gathered
        self._own = False  # whether that heading stands in the part itself
        self._seen = ""  # the last one of all

    def add(self, number: int, line: str, head: str | None) -> Iterator[Part]:
        if head is not None:
            if self._size >= _ENOUGH:
                yield from self.end()
            if not self._own:
                self._heading, self._own = head, True
            self._seen = head
        elif self._size + len(line) >= self._limit:
            yield from self._cut()
        for piece in _pieces(line, self._limit):
            if self._size + len(piece) >= self._limit:
                yield from self.end()
            self._keep([(number, piece)])

    def end(self) -> Iterator[Part]:
        """Give what was gathered; what follows belongs to the last heading that was seen."""
        part = _part(self._lines, self._heading)
        self._lines, self._size = [], 0
        self._heading, self._own = self._seen, False
        if part is not None:
            yield part

    def _cut(self) -> Iterator[Part]:
        """Give what stands before the last blank line of the second half, or everything."""
        for index in range(len(self._lines) - 1, len(self._lines) // 2, -1):
            if not self._lines[index][1].strip():
                rest = self._lines[index + 1 :]
                del self._lines[index:]
                yield from self.end()
                self._keep(rest)
                return
        yield from self.end()

    def _keep(self, lines: Sequence[tuple[int, str]]) -> None:
        for number, line in lines:
            if self._size or line.strip():
                self._lines.append((number, line))
                self._size += len(line) + 1


def _part(lines: Sequence[tuple[int, str]], heading: str) -> Part | None:
    filled = [index for index, (_, line) in enumerate(lines) if line.strip()]
    if not filled:
        return None
    kept = lines[: filled[-1] + 1]
    return Part(kept[0][0], kept[-1][0], "\n".join(line for _, line in kept), heading)


def _pieces(line: str, limit: int) -> list[str]:
    if len(line) < limit:
        return [line]
    return [line[start : start + limit - 1] for start in range(0, len(line), limit - 1)]
