"""What goes along with a question by itself: the cell or the lines that its writer is in.

Contract: pure functions on what a page says that it shows; nothing is read, nothing is run.
Which cell: the active one; where that is empty or asks a model itself (``%%ai``), the code cell
above; where the last cell that ran has failed and the cursor has not been in a cell since, that
one. A file of a name that stands for secrets is never part of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from local_assistant.lab.chat.attachments import field, language_of
from local_assistant.lab.chat.beside import Open
from local_assistant.lab.chat.notebooks import Notebook
from local_assistant.lab.chat.prompt import Attachment
from local_assistant.lab.chat.seen import Seen, SeenFile, SeenNotebook
from local_assistant.lab.secret_files import holds_secrets

_SELECTION_SHARE = 0.5


@dataclass(frozen=True)
class Context:
    """What goes along with a question.

    Attributes:
        path: of the notebook or the file.
        place: the cell or the lines, in words.
        parts: what is sent.
        cell: the cell's id, where it is one.
        secret: whether it is kept back, because the file's name stands for secrets.
    """

    path: str
    place: str
    parts: tuple[Attachment, ...] = ()
    cell: str | None = None
    secret: bool = False

    def words(self) -> str:
        """Return what is sent, for the user."""
        return ", ".join([self.place, *(_words(part) for part in self.parts[1:])])


def context_of(seen: Seen | None) -> Context | None:
    """Return what goes along with a question of somebody who looks at this."""
    if seen is None:
        return None
    if holds_secrets(seen.path):
        return Context(seen.path, _name(seen.path), secret=True)
    return _of_file(seen) if isinstance(seen, SeenFile) else _of_cell(seen)


def is_attached(context: Context, ids: Iterable[str], known: Mapping[str, Any]) -> bool:
    """Return whether a context is among what is attached by hand.

    Args:
        context: what would go along.
        ids: a message's attachments.
        known: the chat's attachments.
    """
    for entry in filter(None, map(known.get, ids)):
        if str(field(entry, "value") or "").lstrip("/") != context.path:
            continue
        cells = field(entry, "cells") or []
        if not cells or any(field(cell, "id") == context.cell for cell in cells):
            return True
    return False


def cell_in_use(seen: SeenNotebook) -> int | None:
    """Return which cell of a notebook its user means."""
    opened = seen.opened
    failed = None if seen.touched else _just_failed(opened)
    if failed is not None:
        return failed
    notebook, active = opened.notebook, opened.active
    if not notebook.is_code(active) and notebook.source(active).strip():
        return active
    for index in range(active, -1, -1):
        if notebook.is_code(index) and not _asks_a_model(notebook.source(index)):
            return index
    return None


def _just_failed(opened: Open) -> int | None:
    """Return the cell that ran last, if it failed: Shift+Enter and Run All leave it behind."""
    notebook = opened.notebook
    failed = notebook.failed_last()
    if failed is None or notebook.error(opened.active) is not None:
        return None
    counts = [int(cell.get("execution_count") or 0) for cell in notebook.cells]
    return failed if counts[failed] == max(counts) > 0 else None


def _asks_a_model(source: str) -> bool:
    """Return whether a cell is no code: it is empty, or all of it is for a model."""
    if source.lstrip().startswith("%%ai"):
        return True
    return all(line.lstrip().startswith("%ai") for line in source.splitlines() if line.strip())


def _of_cell(seen: SeenNotebook) -> Context | None:
    notebook = seen.opened.notebook
    index = cell_in_use(seen)
    if index is None:
        return None
    parts = notebook.about(index)
    if index == seen.opened.active and seen.selection.strip():
        selected = _selection(notebook, index, seen.selection)
        parts[1:1] = [selected] if selected.content.strip() != parts[0].content.strip() else []
    place = f"cell {index + 1} of {_name(notebook.name)}"
    identifier = notebook.cells[index].get("id") or None
    return Context(notebook.name, place, tuple(parts), identifier)


def _selection(notebook: Notebook, index: int, text: str) -> Attachment:
    language = notebook.language if notebook.is_code(index) else "markdown"
    name = f"{notebook.place(index)}, selected"
    return Attachment(name, text, language, "selection", _SELECTION_SHARE)


def _of_file(seen: SeenFile) -> Context | None:
    if not seen.text.strip():
        return None
    last = seen.first + len(seen.text.splitlines()) - 1
    lines = f"line {last}" if last == seen.first else f"lines {seen.first} to {last}"
    name = f"{seen.path}, {lines}" + (", selected" if seen.selected else "")
    keep = 0 if seen.selected else max(0, min(seen.cursor, last) - seen.first)
    part = Attachment(name, seen.text, language_of(seen.path), keep=keep)
    what = "the selection in" if seen.selected else f"{lines} of"
    return Context(seen.path, f"{what} {_name(seen.path)}", (part,))


def _name(path: str) -> str:
    return path.rpartition("/")[2]


def _words(part: Attachment) -> str:
    """Return what belongs to a cell, in words."""
    if part.kind != "names":
        return {"error": "its error", "output": "its output", "selection": "the selection"}[
            part.kind
        ]
    lines = part.content.splitlines()
    imports = sum(line.startswith(("import ", "from ")) for line in lines)
    counted = [(imports, "import"), (len(lines) - imports, "definition")]
    return ", ".join(f"{n} {what}{'s' if n > 1 else ''}" for n, what in counted if n)
