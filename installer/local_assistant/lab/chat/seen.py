"""What a page says that its user looks at: a notebook with the cell in use, or lines of a file.

Contract: this comes from the page as JSON, so nothing of it is believed: shapes are checked,
lengths are cut, pictures dropped. All text is the page's own; no path in it is ever opened.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from local_assistant.lab.chat.beside import Open
from local_assistant.lab.chat.notebooks import Notebook

_MOST_CELLS = 5_000
_MOST_OUTPUTS = 50
"""Of a cell the last ones count: an error stands below all others."""
_LONGEST_TEXT = 200_000
_LONGEST_NAME = 500


class Malformed(ValueError):
    """What a page said is not what our page says."""


@dataclass(frozen=True)
class SeenNotebook:
    """A notebook that is open.

    Attributes:
        opened: it, and the cell that is active; outputs are there where they matter only.
        touched: whether the cursor has been in that cell since it is the active one.
        selection: what is selected in it.
    """

    opened: Open
    touched: bool = False
    selection: str = ""

    @property
    def path(self) -> str:
        return self.opened.notebook.name


@dataclass(frozen=True)
class SeenFile:
    """Lines of a file that is open in an editor.

    Attributes:
        text: what is selected, else the lines round the cursor.
        first: the number of the first of them, from 1.
        cursor: the number of the line with the cursor.
        selected: whether ``text`` is a selection.
    """

    path: str
    text: str
    first: int = 1
    cursor: int = 1
    selected: bool = False


Seen = SeenNotebook | SeenFile


def read_seen(said: Any) -> Seen | None:
    """Return what a page sees, None where no document is open.

    Raises:
        Malformed: no page of ours says this.
    """
    if said is None:
        return None
    fields = _object(said)
    path = " ".join(_text(fields, "path", _LONGEST_NAME).split())
    if not path:
        raise Malformed("path")
    if fields.get("kind") == "notebook":
        return _notebook(path, fields)
    if fields.get("kind") == "file":
        text = _text(fields, "text")
        first, cursor = _number(fields, "first", 1), _number(fields, "cursor", 1)
        return SeenFile(path, text, first, cursor, fields.get("selected") is True)
    raise Malformed("kind")


def _notebook(path: str, fields: Mapping[str, Any]) -> SeenNotebook | None:
    cells = fields.get("cells")
    if not isinstance(cells, list) or len(cells) > _MOST_CELLS:
        raise Malformed("cells")
    if not cells:
        return None
    language = _text(fields, "language", _LONGEST_NAME) or "python"
    notebook = Notebook(path, [_cell(cell) for cell in cells], language)
    active = min(_number(fields, "active"), len(cells) - 1)
    selection = _text(fields, "selection")
    return SeenNotebook(Open(notebook, active), fields.get("touched") is True, selection)


def _cell(said: Any) -> dict[str, Any]:
    fields = _object(said)
    outputs = fields.get("outputs") or []
    if not isinstance(outputs, list):
        raise Malformed("outputs")
    return {
        "id": _text(fields, "id", _LONGEST_NAME),
        "cell_type": _text(fields, "type", _LONGEST_NAME),
        "source": _text(fields, "source"),
        "execution_count": _number(fields, "count"),
        "outputs": [_output(each) for each in outputs[-_MOST_OUTPUTS:]],
    }


def _output(said: Any) -> dict[str, Any]:
    fields = _object(said)
    if fields.get("output_type") != "error":
        return {"output_type": "stream", "text": _text(fields, "text")}
    lines = fields.get("traceback") or []
    if not isinstance(lines, list):
        raise Malformed("traceback")
    return {
        "output_type": "error",
        "ename": _text(fields, "ename", _LONGEST_NAME),
        "evalue": _text(fields, "evalue"),
        "traceback": [line[:_LONGEST_TEXT] for line in lines if isinstance(line, str)],
    }


def _object(said: Any) -> Mapping[str, Any]:
    if not isinstance(said, dict):
        raise Malformed("an object")
    return said


def _text(fields: Mapping[str, Any], name: str, most: int = _LONGEST_TEXT) -> str:
    value = fields.get(name) or ""
    if not isinstance(value, str):
        raise Malformed(name)
    return value[:most]


def _number(fields: Mapping[str, Any], name: str, least: int = 0) -> int:
    value = fields.get(name) or least
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        raise Malformed(name)
    return value
