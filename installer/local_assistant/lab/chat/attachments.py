"""What a user attached to a message: files, notebook cells, selections.

Contract: reads below Jupyter's root directory only, whatever path a chat file names. A
file that cannot be read as text is not passed over silently: it comes back in words.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from local_assistant.lab.chat.prompt import Attachment

_MAX_BYTES = 1024 * 1024
_LANGUAGES = {
    ".py": "python", ".md": "markdown", ".js": "javascript", ".ts": "typescript", ".sh": "bash",
    ".json": "json", ".toml": "toml", ".yml": "yaml", ".yaml": "yaml", ".html": "html",
    ".css": "css", ".sql": "sql", ".r": "r", ".jl": "julia", ".c": "c", ".cpp": "cpp",
    ".rs": "rust", ".go": "go", ".java": "java", ".tex": "latex",
}  # fmt: skip


def read_attachments(
    root: Path, ids: Iterable[str], known: Mapping[str, Any]
) -> tuple[list[Attachment], list[str]]:
    """Return the attachments named by ``ids``, and what could not be read, in words.

    Args:
        root: Jupyter's root directory; attachment paths are relative to it.
        ids: the ids on a message.
        known: the chat's attachments by id (``BaseChatModel.get_attachments()``).
    """
    found: list[Attachment] = []
    missing: list[str] = []
    for identifier in ids:
        entry = known.get(identifier)
        if entry is None:
            missing.append("an attachment that is no longer in this chat")
            continue
        try:
            found.extend(_read(root, entry))
        except _Unreadable as reason:
            missing.append(str(reason))
    return found, missing


class _Unreadable(Exception):
    """Why one attachment is not in the prompt."""


def _read(root: Path, entry: Any) -> list[Attachment]:
    name = str(_get(entry, "value") or "")
    if _get(entry, "type") == "notebook":
        return _read_notebook(root, name, _get(entry, "cells"))
    selection = _get(entry, "selection")
    if selection is not None:
        content = str(_get(selection, "content") or "")
        return [Attachment(f"{name} (selection)", content, _language(name))]
    text = _text(root, name)
    if Path(name).suffix == ".ipynb":
        return _read_notebook(root, name, None)
    return [Attachment(name, text, _language(name))]


def _read_notebook(root: Path, name: str, wanted: Any) -> list[Attachment]:
    """Return the chosen cells of a notebook, or all of them."""
    if wanted and all(_get(cell, "selection") is not None for cell in wanted):
        return [
            Attachment(f"{name} (selection)", str(_get(_get(cell, "selection"), "content") or ""))
            for cell in wanted
        ]
    try:
        notebook = json.loads(_text(root, name))
        cells = list(notebook["cells"])
        language = str(
            notebook.get("metadata", {}).get("kernelspec", {}).get("language") or "python"
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise _Unreadable(f"{name} (it is not a notebook file)") from error
    if not wanted:
        return [_cell(f"{name}, cell {i}", cell, language) for i, cell in enumerate(cells, 1)]
    by_id = {cell.get("id"): (number, cell) for number, cell in enumerate(cells, 1)}
    found = []
    for choice in wanted:
        selection = _get(choice, "selection")
        if selection is not None:
            text = str(_get(selection, "content") or "")
            found.append(Attachment(f"{name} (selection)", text, language))
            continue
        number, cell = by_id.get(_get(choice, "id"), (0, None))
        if cell is None:
            raise _Unreadable(f"a cell of {name} (it is not in the saved notebook: save it first)")
        found.append(_cell(f"{name}, cell {number}", cell, language))
    return found


def _cell(name: str, cell: Mapping[str, Any], language: str) -> Attachment:
    source = cell.get("source", "")
    text = "".join(source) if isinstance(source, list) else str(source)
    return Attachment(name, text, language if cell.get("cell_type") == "code" else "markdown")


def _text(root: Path, name: str) -> str:
    try:
        base = root.resolve()
        path = (base / name.lstrip("/")).resolve()
        if not path.is_relative_to(base):
            raise _Unreadable(f"{name} (it lies outside JupyterLab's folder)")
        if path.stat().st_size > _MAX_BYTES:
            raise _Unreadable(f"{name} (larger than {_MAX_BYTES // 1024**2} MB)")
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise _Unreadable(f"{name} (it is not a text file)") from error
    except OSError as error:
        raise _Unreadable(f"{name} ({error.strerror or 'cannot be read'})") from error


def _language(name: str) -> str:
    return _LANGUAGES.get(Path(name).suffix.lower(), "")


def _get(entry: Any, key: str) -> Any:
    """Read a field of what may be a dataclass or, nested in one, still a plain dict."""
    return entry.get(key) if isinstance(entry, Mapping) else getattr(entry, key, None)
