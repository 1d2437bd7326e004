"""What else of the notebook the model reads, fitted into a budget of characters.

Contract: pure, and the same bytes from key to key: texts are cut in big steps at places that
their content decides, so that the model server finds the prompt's beginning in its cache.
When space is short, imports and the heads of definitions are kept and the rest goes, the
farthest cells first.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Sequence
from dataclasses import dataclass

from local_assistant.lab.completion.place import Place, cell_language
from local_assistant.lab.completion.request import Cell

_PROSE_LIMIT = 400
_COMMENT = {"javascript": "//", "typescript": "//", "c": "//", "c++": "//", "java": "//",
            "rust": "//", "go": "//", "sql": "--"}  # fmt: skip
_KEPT = {
    "python": re.compile(r"(?:import|from|def|class|async def|@)\b|@"),
    "r": re.compile(r"library\(|require\(|[\w.]+ *(?:<-|=) *function\b"),
    "julia": re.compile(r"(?:using|import|function|struct|module|macro)\b"),
    "bash": re.compile(r"\w+\(\) *\{|function |export |alias "),
    "sql": re.compile(r"(?i)create\b|with\b"),
}
_SEPARATOR = "\n\n"


@dataclass(frozen=True)
class Around:
    """The text in front of the cell (ends with a line end) and behind it (begins with one)."""

    before: str = ""
    after: str = ""


def stable_start(text: str, excess: int, step: int) -> int:
    """Return where to begin ``text`` so that at least ``excess`` characters are left out.

    The line that begins there is chosen by its content among those of the next ``step``
    characters: while the text grows at its end, or moves as a window over a longer one, the
    choice stays for many keys.
    """
    if excess <= 0:
        return 0
    limit = min(excess + step, len(text))
    best, best_at = None, -1
    at = text.find("\n", excess - 1) + 1
    while 0 < at <= limit:
        end = text.find("\n", at, at + 80)
        rank = zlib.crc32(text[at : end if end >= 0 else at + 80].encode("utf-8", "replace"))
        if best is None or rank < best:
            best, best_at = rank, at
        at = text.find("\n", at) + 1
    if best_at >= 0:
        return best_at
    return min(-(-excess // step) * step, len(text))


def stable_end(text: str, budget: int) -> int:
    """Return where to end ``text`` so that at most ``budget`` characters are left."""
    if len(text) <= budget:
        return len(text)
    at = text.rfind("\n", 0, max(0, budget) + 1)
    return at if at > 0 else max(0, budget)


def surroundings(
    place: Place,
    before: Sequence[Cell],
    after: Sequence[Cell],
    *,
    cells: int,
    room_before: int,
    room_after: int,
) -> Around:
    """Return what of the other cells goes into the prompt.

    Args:
        place: where the cursor is.
        before: the cells above, in order.
        after: the cells below, in order.
        cells: how many cells above are read in full.
        room_before: characters for those above.
        room_after: characters for those below.
    """
    if cells <= 0:
        return Around()
    above = _fitted(_texts(place, before), cells, room_before)
    below = _fitted(list(reversed(_texts(place, after))), max(1, cells // 2), room_after)
    text_before = _SEPARATOR.join(above) + _SEPARATOR if above else ""
    text_after = _SEPARATOR + _SEPARATOR.join(reversed(below)) if below else ""
    return Around(text_before, text_after)


@dataclass(frozen=True)
class _Text:
    full: str
    short: str


def _texts(place: Place, cells: Sequence[Cell]) -> list[_Text]:
    """Return the cells that are of the cursor's language, and prose as comments."""
    found = []
    for cell in cells:
        if place.language == "markdown":
            if cell.type == "markdown" and cell.source.strip():
                found.append(_Text(cell.source.strip("\n"), ""))
        elif cell.type == "markdown":
            if not place.magic and cell.source.strip():
                found.append(_Text(_comment(cell.source, place.language), ""))
        elif cell.type == "code":
            language, source = cell_language(cell, "python" if place.magic else place.language)
            source = source.strip("\n").rstrip()
            if source and language == place.language:
                found.append(_Text(source, _short(source, language)))
    return found


def _comment(source: str, language: str) -> str:
    mark = _COMMENT.get(language, "#")
    text = source.strip()
    if len(text) > _PROSE_LIMIT:
        text = text[: stable_end(text, _PROSE_LIMIT)]
    return "\n".join(f"{mark} {line}".rstrip() for line in text.split("\n"))


def _short(source: str, language: str) -> str:
    """Return the imports and the heads of definitions, or nothing."""
    kept = _KEPT.get(language)
    if kept is None:
        return ""
    lines = []
    for line in source.split("\n"):
        if not kept.match(line):
            continue
        lines.append(line)
        if language == "python" and line.rstrip().endswith(":"):
            lines.append("    ...")
    return "\n".join(lines)


def _fitted(texts: list[_Text], cells: int, room: int) -> list[str]:
    """Return what fits of ``texts``, the last one being nearest to the cursor."""
    cost = len(_SEPARATOR)
    chosen: dict[int, str] = {}
    short_room = room // 2
    for index in range(len(texts) - 1, -1, -1):
        size = len(texts[index].short) + cost
        if texts[index].short and size <= short_room:
            chosen[index] = texts[index].short
            short_room -= size
            room -= size
    for index in range(len(texts) - 1, max(-1, len(texts) - 1 - cells), -1):
        had = len(chosen[index]) + cost if index in chosen else 0
        extra = len(texts[index].full) + cost - had
        if extra <= room:
            chosen[index] = texts[index].full
            room -= extra
        elif room > 200 and not had:
            cut = stable_start(texts[index].full, extra - room, 200)
            rest = texts[index].full[cut:]
            if rest:
                chosen[index] = rest
            break
        else:
            break
    return [chosen[index] for index in sorted(chosen)]
