"""Whether to ask here, and how much of an answer is wanted.

Contract: pure. :func:`judge` says no with a reason of the protocol and a sentence for people,
or yes with the :class:`Shape` of what may be shown: one line, or the block that the code
before the cursor has opened.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from local_assistant.lab.completion.place import Place
from local_assistant.lab.completion.request import CompletionRequest
from local_assistant.lab.completion.scan import OPEN, indent_of, scan

LOOK_BACK = 8_192
"""How many characters before the cursor are looked at for open brackets and strings."""

_INDENTED = ("python", "cython")
_BRACED = ("javascript", "typescript", "c", "c++", "java", "rust", "go", "r", "css", "perl")
_DOCSTRING = re.compile(
    r"(:)\s*\n[ \t]*[rRuU]?(?:\"\"\"(?:(?!\"\"\").)*\"\"\"|'''(?:(?!''').)*''')\Z", re.S
)
_CLOSERS_ONLY = re.compile(r"[\s)\]}\"'`;:,]*$")


@dataclass(frozen=True)
class Shape:
    """How much may be shown.

    Attributes:
        kind: one line; an indented block; what stands between brackets.
        base: the indentation of the line that opened the block.
    """

    kind: Literal["line", "indent", "bracket"]
    base: int = 0


@dataclass(frozen=True)
class Verdict:
    """The decision. ``shape`` is None where nothing is asked."""

    shape: Shape | None
    reason: str = ""
    message: str | None = None


def judge(request: CompletionRequest, place: Place) -> Verdict:
    """Decide for one request."""
    if place.message is not None:
        return Verdict(None, "not_here", place.message)
    if not place.before.strip() and not place.after.strip() and not _anything(request):
        return Verdict(None, "not_here", "There is no code yet to go by.")
    right, left = place.after[:1], place.before[-1:]
    if _is_word(right) and (_is_word(left) or request.trigger in ("auto", "ahead")):
        return Verdict(None, "not_here", "The cursor is inside or in front of a word.")
    return Verdict(_shape(place))


def _anything(request: CompletionRequest) -> bool:
    return any(cell.source.strip() for cell in (*request.before, *request.after))


def _is_word(character: str) -> bool:
    return character.isalnum() or character == "_"


def _shape(place: Place) -> Shape:
    if not _CLOSERS_ONLY.match(place.rest):
        return Shape("line")
    line = place.line
    state = scan(place.before[-LOOK_BACK:], place.language)
    if state.string or state.comment:
        return Shape("line")
    stripped = line.rstrip()
    if stripped:
        if stripped[-1] in OPEN and not place.rest.strip():
            return Shape("bracket", indent_of(line))
        if place.language in _INDENTED and opens_block(stripped) and not place.rest.strip():
            return Shape("indent", indent_of(line))
        return Shape("line")
    opener = _line_above(place.before, line)
    if opener is None:
        return Shape("line")
    if place.language in _INDENTED and opens_block(opener.rstrip()):
        return Shape("indent", indent_of(opener))
    if opener.rstrip()[-1:] in OPEN and (place.language in _BRACED or state.stack):
        return Shape("bracket", indent_of(opener))
    return Shape("line")


def opens_block(line: str) -> bool:
    """Return whether a line without trailing blanks begins an indented block."""
    if not line.endswith(":"):
        return False
    word = re.match(r"\s*(\w+)", line)
    heads = (
        "if", "elif", "else", "for", "while", "def", "class", "with", "try", "except",
        "finally", "async", "match", "case",
    )  # fmt: skip
    return word is not None and word[1] in heads


def _line_above(before: str, line: str) -> str | None:
    """Return the last line with text above the current one, passing over a docstring."""
    above = _DOCSTRING.sub(r"\1", before[: len(before) - len(line)][-LOOK_BACK:].rstrip())
    return above[above.rfind("\n") + 1 :] if above else None
