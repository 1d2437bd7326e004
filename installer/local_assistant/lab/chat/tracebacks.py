"""A traceback as a small model can use it: the user's own frames and the last words.

Contract: pure functions on what a notebook file keeps of an error. A frame of a library is left
out and counted; what is no frame (the exception's own words) always stays.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

_COLOR = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
_FRAME = re.compile(r"\s*(?:File |Cell In|Input In|In \[|<ipython-input)")
_BODY = re.compile(r"[\s\-(]|$")
"""Lines of code below a frame's head are numbered, marked by an arrow, or indented."""

_LIBRARY = re.compile(
    r"site-packages|dist-packages|[/\\]lib[/\\]python\d|[/\\]Lib[/\\]|"
    r"<frozen |\.p(?:yx|xi):|python\d+\.zip"
)
_RULE = re.compile(r"-{10,}\s*$")
_LINE = re.compile(r"(?:, line |:)(\d{1,9})")
_ARROW = re.compile(r"-+> *(\d{1,9}) ")
_MOST_FRAMES = 6
_LONGEST = 300


def own_frames(error: Mapping[str, Any]) -> str:
    """Return the traceback of a notebook's error output without the frames of libraries."""
    blocks = _blocks(_lines(error))
    frames = [number for number, block in enumerate(blocks) if _FRAME.match(block[0])]
    own = [number for number in frames if not _LIBRARY.search(blocks[number][0])]
    # A recursion has the same frames again and again: the first ones and the last ones tell.
    half = _MOST_FRAMES // 2
    shown = set(own if len(own) <= _MOST_FRAMES else own[:half] + own[-half:])
    kept: list[str] = []
    gone = 0
    for number, block in enumerate(blocks):
        if number in frames and number not in shown:
            gone += 1
            continue
        if gone:
            kept.append(f"… {gone} frame{'s' if gone > 1 else ''} of other code")
            gone = 0
        kept += block
    text = "\n".join(line[:_LONGEST] for line in kept).strip("\n")
    last = f"{error.get('ename', 'Error')}: {error.get('evalue', '')}"[:_LONGEST].rstrip(": ")
    return text if text else last


def failing_line(error: Mapping[str, Any]) -> int | None:
    """Return the line of the failing cell, counted from 1."""
    for block in _blocks(_lines(error)):
        if re.match(r"\s*(?:Cell In|Input In)", block[0]):
            arrows = [found for line in block if (found := _ARROW.match(line.strip()))]
            found = arrows[-1] if arrows else _LINE.search(block[0])
            return int(found[1]) if found else None
    return None


def without_colors(text: str) -> str:
    """Return ``text`` without what colours it in a terminal."""
    return _COLOR.sub("", text)


def _lines(error: Mapping[str, Any]) -> list[str]:
    traceback = error.get("traceback")
    lines = traceback if isinstance(traceback, list) else []
    text = traceback if isinstance(traceback, str) else "\n".join(map(str, lines))
    return [line for line in without_colors(text).splitlines() if not _RULE.match(line)]


def _blocks(lines: list[str]) -> list[list[str]]:
    """Return frames, each a head with its lines of code, and single lines between them."""
    blocks: list[list[str]] = []
    inside = False
    for line in lines:
        if _FRAME.match(line):
            inside = True
            blocks.append([line])
        elif inside and _BODY.match(line):
            blocks[-1].append(line)
        else:
            inside = False
            blocks.append([line])
    return blocks
