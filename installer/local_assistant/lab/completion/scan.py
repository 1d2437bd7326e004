"""Brackets and strings in a piece of code, as far as they matter to a suggestion.

Contract: pure, and fast on long texts (one regular expression pass). It is no parser: a
text that starts in the middle of a string is read wrongly, which costs a suggestion, no more.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

OPEN = {"(": ")", "[": "]", "{": "}"}
CLOSE = {closer: opener for opener, closer in OPEN.items()}
_HASH_COMMENTS = ("python", "bash", "r", "julia", "ruby", "perl", "yaml", "toml", "cython")
_NO_STRINGS = ("markdown", "text", "latex", "html")
_MARKS = re.compile(r"\\.|\"\"\"|'''|[\"'#\n()\[\]{}]", re.S)


@dataclass
class State:
    """Where a piece of code leaves off.

    Attributes:
        stack: the brackets that are open, the innermost last.
        string: the quote of the string that is open, or an empty text.
        comment: whether a comment runs to the end of the line.
        unmatched: closing brackets that close what was opened before the piece.
    """

    stack: list[str] = field(default_factory=list)
    string: str = ""
    comment: bool = False
    unmatched: list[str] = field(default_factory=list)

    def copy(self) -> State:
        return State(list(self.stack), self.string, self.comment, list(self.unmatched))


def scan(text: str, language: str = "python", state: State | None = None) -> State:
    """Return the state after ``text``, which begins in ``state``."""
    now = state.copy() if state else State()
    if language in _NO_STRINGS:
        return now
    for match in _MARKS.finditer(text):
        step(now, match[0], language)
    return now


def step(now: State, mark: str, language: str = "python") -> None:
    """Take one mark (a bracket, quote, comment sign or line end) into ``now``."""
    if mark == "\n":
        now.comment = False
        if len(now.string) == 1:  # a plain string does not go over the line's end
            now.string = ""
    elif now.comment or mark.startswith("\\"):
        return
    elif mark[0] in "\"'":
        _quote(now, mark)
    elif now.string:
        return
    elif mark == "#":
        now.comment = language in _HASH_COMMENTS
    elif mark in OPEN:
        now.stack.append(mark)
    elif mark in CLOSE:
        if now.stack and now.stack[-1] == CLOSE[mark]:
            now.stack.pop()
        else:
            now.unmatched.append(mark)


def _quote(now: State, mark: str) -> None:
    if not now.string:
        now.string = mark
    elif now.string == mark:
        now.string = ""
    elif len(now.string) == 1 and mark[0] == now.string:
        now.string = ""  # three quotes in a plain string: it ends, an empty one follows
    # else: another quote inside a string


def indent_of(line: str) -> int:
    """Return how far a line is indented, a tab counting as up to the next multiple of 4."""
    width = 0
    for character in line:
        if character == " ":
            width += 1
        elif character == "\t":
            width += 4 - width % 4
        else:
            break
    return width
