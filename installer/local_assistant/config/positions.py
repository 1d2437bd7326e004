"""Where things stand in a TOML text: the lines of its tables and keys.

Contract: :func:`scan` takes a text that tomlkit accepted (or rejected: it never raises)
and returns its table headers and key/value statements in order, with line numbers and
character offsets. tomlkit keeps no positions, and an error message without a line makes
the user search. Values are skipped, not read.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_BARE = re.compile(r"[A-Za-z0-9_-]+")
_BASIC = re.compile(r'"((?:[^"\\\n]|\\.)*)"')
_LITERAL = re.compile(r"'([^'\n]*)'")
_BLANK = re.compile(r"[ \t]*")


@dataclass(frozen=True)
class Statement:
    """A header (``[models]``) or one ``key = value``.

    Attributes:
        path: the full dotted path, the table's included.
        line: the line it starts on, from 1.
        end: the offset just behind it, in front of its line's end.
        header: whether it is a table header.
    """

    path: tuple[str, ...]
    line: int
    end: int
    header: bool


def scan(text: str) -> list[Statement]:
    """Return the statements of ``text`` in order."""
    statements: list[Statement] = []
    table: tuple[str, ...] = ()
    at = 0
    while at < len(text):
        character = text[at]
        if character in " \t\r\n\ufeff":
            at += 1
        elif character == "#":
            at = _line_end(text, at)
        else:
            line = text.count("\n", 0, at) + 1
            header = character == "["
            path, behind = _key(text, at + (2 if text.startswith("[[", at) else 1 if header else 0))
            if header:
                table = path
                end = _line_end(text, behind)
            else:
                path, end = table + path, _value_end(text, behind)
            statements.append(Statement(path, line, end, header))
            at = max(end, at + 1)
    return statements


def line_of(statements: list[Statement], path: tuple[str, ...]) -> int | None:
    """Return the line of ``path``, or of the nearest thing that holds it."""
    for length in range(len(path), 0, -1):
        for statement in statements:
            if statement.path == path[:length]:
                return statement.line
    # `models.chat = 1` at the top defines [models] without a line of its own.
    inside = [found.line for found in statements if path and found.path[: len(path)] == path]
    return inside[0] if inside else None


def _line_end(text: str, at: int) -> int:
    """Return the offset of the end of the line at ``at``, in front of its line break."""
    end = text.find("\n", at)
    end = len(text) if end < 0 else end
    return end - 1 if end > at and text[end - 1] == "\r" else end


def _key(text: str, at: int) -> tuple[tuple[str, ...], int]:
    """Read a dotted key; return its parts and the offset behind it."""
    parts: list[str] = []
    while True:
        at = _skip_blank(text, at)
        match = _BARE.match(text, at) or _BASIC.match(text, at) or _LITERAL.match(text, at)
        if match is None:
            return tuple(parts), at
        parts.append(match[1] if match.lastindex else match[0])
        at = _skip_blank(text, match.end())
        if not text.startswith(".", at):
            return tuple(parts), at
        at += 1


def _skip_blank(text: str, at: int) -> int:
    match = _BLANK.match(text, at)
    return match.end() if match else at


def _value_end(text: str, at: int) -> int:
    """Return the offset where the statement's last line ends."""
    depth = 0
    while at < len(text):
        character = text[at]
        if character in "\"'":
            at = _string_end(text, at)
            continue
        if character == "#":
            at = _line_end(text, at)
            continue
        if character == "\n" and depth <= 0:
            return _line_end(text, at)
        depth += (character in "[{") - (character in "]}")
        at += 1
    return len(text)


def _string_end(text: str, at: int) -> int:
    """Return the offset behind the string that starts at ``at``."""
    quote = text[at]
    if text.startswith(quote * 3, at):
        end = at + 3
        while end < len(text):
            if quote == '"' and text[end] == "\\":
                end += 2
            elif text.startswith(quote * 3, end):
                end += 3
                while end < len(text) and text[end] == quote:  # """a"""" ends in a quote
                    end += 1
                return end
            else:
                end += 1
        return len(text)
    match = (_BASIC if quote == '"' else _LITERAL).match(text, at)
    return match.end() if match else at + 1
