"""The prompt for one place: raw fill-in-the-middle, ``suffix``, or the text before alone.

Contract: pure. What does not change while a line is typed comes first: with ``line_last``
the current line stands behind the token that asks for the middle, so that a key costs about
one evaluated token. The end of the line is cut back to a boundary that every tokenizer has
(``cut``), and only an answer that begins with ``cut`` is of use. No text of a document can
be taken for one of the model's own tokens.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from local_assistant.lab.completion.context import stable_end, stable_start, surroundings
from local_assistant.lab.completion.families import Family
from local_assistant.lab.completion.place import Place
from local_assistant.lab.completion.request import Cell

Mode = Literal["line_last", "psm", "spm", "suffix", "prefix"]

SUFFIX_SHARE = 0.25
LINE_LIMIT = 512

_WORD = re.compile(r"(?:[^\w\n]|_)?[^\W_]+$")
_CLOSERS = re.compile(r"[)\]}\"'`]*\s*")
_BLANKS = re.compile(r"[ \t]+$")


@dataclass(frozen=True)
class Prompt:
    """What is sent, in two forms.

    Attributes:
        mode: the order of the parts.
        head: the part that is the same while a line is typed.
        typed: the current line, whole.
        cut: its end, which ``healed`` leaves to the model.
        tail: what follows the line in the prompt.
        suffix: sent beside it where the server writes the tokens itself.
        stops: texts at which the answer is over.
    """

    mode: Mode
    head: str
    typed: str
    cut: str
    tail: str = ""
    suffix: str | None = None
    stops: tuple[str, ...] = ()

    @property
    def healed(self) -> str:
        """The prompt that ends before ``cut``."""
        return f"{self.head}{self.typed[: len(self.typed) - len(self.cut)]}{self.tail}"

    @property
    def whole(self) -> str:
        """The prompt with the whole line in it."""
        return f"{self.head}{self.typed}{self.tail}"


@dataclass(frozen=True)
class Limits:
    """How long a prompt may get: in characters, and in other cells."""

    characters: int
    cells: int


def mode_for(family: Family | None, fim_order: str, *, inserts: bool) -> Mode:
    """Return how a model is asked."""
    if family is None:
        return "suffix" if inserts else "prefix"
    if family.suffix_first:
        return "spm"
    if fim_order == "psm" or (fim_order == "auto" and not family.line_last):
        return "psm"
    return "line_last"


def build(
    place: Place,
    before: Sequence[Cell],
    after: Sequence[Cell],
    *,
    family: Family | None,
    mode: Mode,
    limits: Limits,
    anchor: int | None = None,
) -> Prompt:
    """Return the prompt for ``place`` within ``limits``.

    Args:
        place: where the cursor is.
        before: the cells above, in order.
        after: the cells below, in order.
        family: the model's tokens.
        mode: the order of the parts.
        limits: how long it may get.
        anchor: from where on the text before the cursor stands last; default: from the
            current line on.
    """
    step = max(128, limits.characters // 8)
    line = place.line if anchor is None else place.before[anchor:]
    limit = max(64, min(LINE_LIMIT, limits.characters // 4))
    if len(line) > limit:  # a long line's beginning counts as text above it
        line = line[(len(line) // limit - 1) * limit :]
    above = place.before[: len(place.before) - len(line)]
    own_after = _without_closers(place)
    room_suffix = 0 if mode == "prefix" else int(limits.characters * SUFFIX_SHARE)
    own_after = own_after[: stable_end(own_after, room_suffix)]
    room = max(step, limits.characters - room_suffix - max(1, -(-len(line) // limit)) * limit)
    above = above[stable_start(above, len(above) - room, step) :]
    own = -(-len(above) // step) * step
    around = surroundings(
        place,
        before,
        after,
        cells=limits.cells,
        room_before=max(0, room - own),
        room_after=max(0, room_suffix - len(own_after)),
    )
    prefix = place.head + around.before + above
    suffix = own_after + around.after
    return _laid_out(mode, family, prefix, line, suffix)


def _laid_out(mode: Mode, family: Family | None, prefix: str, line: str, suffix: str) -> Prompt:
    if family is None:
        cut = boundary_cut(line)
        if mode == "suffix":
            return Prompt(mode, prefix, line, cut, suffix=suffix or "\n")
        return Prompt(mode, prefix, line, cut)
    prefix, line, suffix = (without_markers(text, family) for text in (prefix, line, suffix))
    cut, stops = boundary_cut(line), family.markers
    if mode == "line_last":
        head = f"{family.pre}{prefix}{family.suf}{suffix}{family.mid}"
        return Prompt(mode, head, line, cut, stops=stops)
    if mode == "spm":
        head = f"{family.suf}{suffix}{family.pre}{prefix}"
        return Prompt(mode, head, line, cut, tail=family.mid, stops=stops)
    head = f"{family.pre}{prefix}"
    tail = f"{family.suf}{suffix}{family.mid}"
    return Prompt(mode, head, line, cut, tail=tail, stops=stops)


def _without_closers(place: Place) -> str:
    """Return the text after the cursor, without the brackets that an editor has closed.

    They come and go while a line is typed, and would move the prompt's beginning each time;
    what the model writes of them is left out afterwards.
    """
    rest = place.rest
    return place.after[len(rest) :] if _CLOSERS.fullmatch(rest) else place.after


def boundary_cut(line: str) -> str:
    """Return the end of ``line`` that may be half a token.

    Tokenizers of code models join a word with the one blank or sign before it, and blanks
    with what follows them, so that is where they have a boundary.
    """
    match = _BLANKS.search(line) or _WORD.search(line)
    return match[0] if match else ""


def without_markers(text: str, family: Family) -> str:
    """Return ``text`` with every marker of the family broken up by a blank."""
    for marker in family.markers:
        if marker in text:
            text = text.replace(marker, f"{marker[0]} {marker[1:]}")
    return text
