"""What a user attached to a message: files, notebook cells, selections.

Contract: reads below Jupyter's root directory only, whatever path a chat file names. A
file that cannot be read as text is not passed over silently: it comes back in words.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from local_assistant.lab.chat.notebooks import Notebook, Unreadable
from local_assistant.lab.chat.prompt import Attachment
from local_assistant.lab.chat.tools.catalogue import CannotDo
from local_assistant.lab.chat.tools.files import allowed

_MAX_BYTES = 1024 * 1024
_MAX_NOTEBOOK_BYTES = 64 * 1024 * 1024
"""Most of it are pictures, which go nowhere from here."""

_LANGUAGES = {
    ".py": "python", ".md": "markdown", ".js": "javascript", ".ts": "typescript", ".sh": "bash",
    ".json": "json", ".toml": "toml", ".yml": "yaml", ".yaml": "yaml", ".html": "html",
    ".css": "css", ".sql": "sql", ".r": "r", ".jl": "julia", ".c": "c", ".cpp": "cpp",
    ".rs": "rust", ".go": "go", ".java": "java", ".tex": "latex",
}  # fmt: skip


def all_cells(notebook: Notebook) -> list[Attachment]:
    """Return the sources of a whole notebook."""
    return [notebook.cell(index) for index in range(len(notebook.cells))]


def read_attachments(
    root: Path,
    ids: Iterable[str],
    known: Mapping[str, Any],
    whole: Callable[[Notebook], list[Attachment]] = all_cells,
    *,
    earlier: bool = False,
) -> tuple[list[Attachment], list[str]]:
    """Return the attachments named by ``ids``, and what could not be read, in words.

    Args:
        root: Jupyter's root directory; attachment paths are relative to it.
        ids: the ids on a message.
        known: the chat's attachments by id (``BaseChatModel.get_attachments()``).
        whole: what to take of a notebook of which no cell is named.
        earlier: whether the message was there before: a chat file from elsewhere can say that its
            reader attached anything, so what is hidden or most likely holds secrets stays out.
    """
    found: list[Attachment] = []
    missing: list[str] = []
    for identifier in ids:
        entry = known.get(identifier)
        if entry is None:
            missing.append("an attachment that is no longer in this chat")
            continue
        try:
            if earlier:
                allowed(root, str(field(entry, "value") or ""))
            found.extend(_read(root, entry, whole))
        except CannotDo as reason:
            missing.append(str(reason).rstrip("."))
        except Unreadable as reason:
            missing.append(str(reason))
    return found, missing


def read_notebook(root: Path, name: str) -> Notebook:
    """Return a saved notebook below Jupyter's root directory.

    Raises:
        Unreadable: there is none.
    """
    try:
        content = json.loads(_text(root, name, _MAX_NOTEBOOK_BYTES))
    except ValueError as error:
        raise Unreadable(f"{name} (it is not a notebook file)") from error
    return Notebook.of(name, content)


def _read(
    root: Path, entry: Any, whole: Callable[[Notebook], list[Attachment]]
) -> list[Attachment]:
    name = str(field(entry, "value") or "")
    if field(entry, "type") == "notebook":
        return _chosen_cells(root, name, field(entry, "cells"), whole)
    selection = field(entry, "selection")
    if selection is not None:
        return [_selected(name, selection, language_of(name))]
    if Path(name).suffix == ".ipynb":
        return whole(read_notebook(root, name))
    return [Attachment(name, _text(root, name), language_of(name))]


def _chosen_cells(
    root: Path, name: str, wanted: Any, whole: Callable[[Notebook], list[Attachment]]
) -> list[Attachment]:
    """Return the chosen cells of a notebook with what belongs to them, or the whole of it."""
    selections = [field(cell, "selection") for cell in wanted or ()]
    if selections and all(selection is not None for selection in selections):
        return [_selected(name, selection) for selection in selections]
    notebook = read_notebook(root, name)
    if not wanted:
        return whole(notebook)
    found: list[Attachment] = []
    for choice, selection in zip(wanted, selections, strict=True):
        index = notebook.index_of(field(choice, "id"))
        if selection is not None:
            found.append(_selected(name, selection, notebook.language))
        elif index is None:
            raise Unreadable(f"a cell of {name} (it is not in the saved notebook: save it first)")
        else:
            # What stands above the last one of several cells stands above the others, too.
            found = [each for each in found if each.kind != "names"]
            found += notebook.about(index)
    return found


def _selected(name: str, selection: Any, language: str = "python") -> Attachment:
    return Attachment(f"{name} (selection)", str(field(selection, "content") or ""), language)


def _text(root: Path, name: str, most: int = _MAX_BYTES) -> str:
    try:
        base = root.resolve()
        if os.name == "nt":  # there, to look at a path of another machine is to log in there
            name = name.replace("\\", "/")
        path = (base / name.lstrip("/")).resolve()
        if not path.is_relative_to(base):
            raise Unreadable(f"{name} (it lies outside JupyterLab's folder)")
        if path.stat().st_size > most:
            raise Unreadable(f"{name} (larger than {most // 1024**2} MB)")
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise Unreadable(f"{name} (it is not a text file)") from error
    except OSError as error:
        raise Unreadable(f"{name} ({error.strerror or 'cannot be read'})") from error


def language_of(name: str) -> str:
    """Return what a file of this name is written in, as a fenced block calls it."""
    return _LANGUAGES.get(Path(name).suffix.lower(), "")


def field(entry: Any, key: str) -> Any:
    """Read a field of what may be a dataclass or, nested in one, still a plain dict."""
    return entry.get(key) if isinstance(entry, Mapping) else getattr(entry, key, None)
