"""What a browser asks: the body of ``POST complete``, checked.

Contract: :func:`parse` raises :class:`BadRequest` with a sentence for a body of the wrong
shape. Texts longer than the protocol's limits are cut at the end that is far from the
cursor; line ends become ``\\n`` and halves of surrogate pairs a replacement character, so
that nothing behind has to think of them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Literal

MAX_PREFIX = 65_536
MAX_SUFFIX = 16_384
MAX_CELL = 8_192
MAX_BEFORE = 131_072
MAX_AFTER = 32_768

_TRIGGERS = ("auto", "invoke", "enter", "ahead")
_KINDS = ("notebook", "file", "console")
_CELL_TYPES = ("code", "markdown", "raw")
_SURROGATE = re.compile("[\ud800-\udfff]")


class BadRequest(ValueError):
    """The body is not what the protocol says."""


@dataclass(frozen=True)
class Cell:
    """Another cell of the notebook, or an earlier input of the console."""

    type: str
    source: str


@dataclass(frozen=True)
class CompletionRequest:
    """An editor's state; ``prefix`` and ``suffix`` meet at the cursor."""

    page: str
    trigger: Literal["auto", "invoke", "enter", "ahead"]
    path: str
    mime: str
    kind: Literal["notebook", "file", "console"]
    cell_type: Literal["code", "markdown", "raw"]
    prefix: str
    suffix: str
    before: tuple[Cell, ...] = ()
    after: tuple[Cell, ...] = ()

    @property
    def ahead(self) -> bool:
        """Whether nobody waits for the answer."""
        return self.trigger == "ahead"


def parse(body: Any) -> CompletionRequest:
    """Return the request in ``body`` (decoded JSON).

    Raises:
        BadRequest: something is missing or of another type.
    """
    if not isinstance(body, dict):
        raise BadRequest("The body must be a JSON object.")
    prefix = clean(_text(body, "prefix"), MAX_PREFIX, tail=True)
    suffix = clean(_text(body, "suffix"), MAX_SUFFIX)
    return CompletionRequest(
        page=_text(body, "page")[:200],
        trigger=_one_of(body, "trigger", _TRIGGERS),
        path=_text(body, "path", ""),
        mime=_text(body, "mime", "text/x-ipython"),
        kind=_one_of(body, "kind", _KINDS),
        cell_type=_one_of(body, "cell_type", _CELL_TYPES),
        prefix=prefix,
        suffix=suffix,
        before=_cells(body, "before", MAX_BEFORE, nearest_last=True),
        after=_cells(body, "after", MAX_AFTER, nearest_last=False),
    )


def clean(text: str, limit: int, *, tail: bool = False) -> str:
    """Return at most ``limit`` characters of ``text`` with plain line ends."""
    if len(text) > 2 * limit:  # before any other work: a cell may have megabytes
        text = text[-2 * limit :] if tail else text[: 2 * limit]
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    if _SURROGATE.search(text):
        text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text[-limit:] if tail else text[:limit]


def _text(body: dict[str, Any], key: str, default: str | None = None) -> str:
    value = body.get(key, default)
    if not isinstance(value, str):
        raise BadRequest(f'"{key}" must be a text.')
    return value


def _one_of(body: dict[str, Any], key: str, values: tuple[str, ...]) -> Any:
    value = body.get(key)
    if value not in values:
        raise BadRequest(f'"{key}" must be one of {", ".join(values)}.')
    return value


def _cells(body: dict[str, Any], key: str, limit: int, *, nearest_last: bool) -> tuple[Cell, ...]:
    value = body.get(key, [])
    if not isinstance(value, list):
        raise BadRequest(f'"{key}" must be a list.')
    found: list[Cell] = []
    room = limit
    for item in reversed(value) if nearest_last else value:
        if not isinstance(item, dict) or item.get("type") not in _CELL_TYPES:
            raise BadRequest(f'An item of "{key}" must have a type: {", ".join(_CELL_TYPES)}.')
        source = item.get("source")
        if not isinstance(source, str):
            raise BadRequest(f'An item of "{key}" must have a source.')
        source = clean(source, MAX_CELL)
        if len(source) > room:
            break
        room -= len(source)
        found.append(Cell(item["type"], source))
    return tuple(reversed(found)) if nearest_last else tuple(found)
