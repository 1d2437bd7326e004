"""What is open beside the chat: the notebook that the user works in, and the cell.

Contract: asks the open page by the commands that come with Jupyter AI
(``jupyterlab-ai-commands`` by ``jupyterlab_commands_toolkit``), so what is not saved counts, too.
Of a large notebook only the cell in use comes from the page, the others from its file: what a page
tells is sent back to every page, pictures and all. Where no page answers in time there is nothing
open. Only the page that a message came from is asked (:func:`ask_page_of`); where that is not
known, the one that answers first counts.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from local_assistant.lab.chat.attachments import read_notebook
from local_assistant.lab.chat.notebooks import Notebook, Unreadable
from local_assistant.log import logger

_INFO = "jupyterlab-ai-commands:get-notebook-info"
_CELL = "jupyterlab-ai-commands:get-cell-info"
_CONTENT = "jupyterlab-ai-commands:get-notebook-content"
_OPEN = "jupyterlab-ai-commands:open-file"
_PAGE_ID = "jupyterlab-commands-toolkit:get-web-client-id"
_PAGE = "web_client_id"
"""In a message's metadata: the page that it came from, as the toolkit calls it."""

_TIMEOUT_S = 5.0
_LARGE_BYTES = 2_000_000


@dataclass(frozen=True)
class Open:
    """The notebook in use.

    Attributes:
        notebook: as it is in the page.
        active: the cell with the cursor.
    """

    notebook: Notebook
    active: int


async def open_notebook(root: Path) -> Open | None:
    """Return the notebook that the user looked at last, if one is open.

    Args:
        root: JupyterLab's folder.
    """
    info = await ask_page(_INFO)
    if info is None:
        return None
    path, identifier = str(info.get("notebookPath")), info.get("activeCellId")
    dirty = bool(info.get("isDirty"))
    try:
        if await asyncio.to_thread(_best_from_page, root / path, dirty):
            live = await ask_page(_CONTENT, notebookPath=path)
            if live is not None:
                return _opened(Notebook.of(path, live.get("content")), identifier)
        saved = await asyncio.to_thread(read_notebook, root, path)
    except Unreadable as error:
        logger("jupyterlab").info("the open notebook: %s", error)
        return None
    asked = {"notebookPath": path, "cellId": identifier}
    cell = await ask_page(_CELL, **asked) if dirty and identifier else None
    return _with_cell(saved, cell) if cell else _opened(saved, identifier)


async def notebook_at(root: Path, path: str) -> Notebook:
    """Return a notebook as it is in the page, or its file where no page has it or it is large.

    Args:
        root: JupyterLab's folder.
        path: from there.

    Raises:
        Unreadable: there is none.
    """
    if await asyncio.to_thread(_best_from_page, root / path, True):
        live = await ask_page(_CONTENT, notebookPath=path)
        if live is not None:
            return Notebook.of(path, live.get("content"))
    return await asyncio.to_thread(read_notebook, root, path)


def _best_from_page(file: Path, dirty: bool) -> bool:
    """Return whether to have the page hand over all of a notebook."""
    try:
        return dirty and file.stat().st_size <= _LARGE_BYTES
    except OSError:
        return True  # its files are elsewhere


def _opened(notebook: Notebook, identifier: Any) -> Open:
    active = notebook.index_of(identifier)
    return Open(notebook, len(notebook.cells) - 1 if active is None else active)


def _with_cell(notebook: Notebook, cell: Mapping[str, Any]) -> Open:
    """Return the notebook with the cell in use as it is in the page."""
    index = notebook.index_of(cell.get("cellId"))
    index = len(notebook.cells) if index is None else index
    now = {
        "id": cell.get("cellId"),
        "cell_type": cell.get("cellType"),
        "source": cell.get("source") or "",
        "outputs": cell.get("outputs") or [],
        "execution_count": cell.get("executionCount"),
    }
    cells = [*notebook.cells[:index], now, *notebook.cells[index + 1 :]]
    return Open(replace(notebook, cells=cells), index)


def ask_page_of(message: Any) -> None:
    """Let what this task asks go to the page that ``message`` came from."""
    page = (message.metadata or {}).get(_PAGE)
    _toolkit().target_client_id.set(page if isinstance(page, str) else None)


async def ask_one_page() -> None:
    """Let what this task asks from now on go to one page: what changes something happens once."""
    if _toolkit().target_client_id.get() is None:
        page = (await tell_page(_PAGE_ID, {})).get("result")
        _toolkit().target_client_id.set(page if isinstance(page, str) else None)


async def open_file(path: str) -> None:
    """Show a file in the page, if one is there.

    Args:
        path: from JupyterLab's folder.
    """
    await ask_page(_OPEN, filePath=path, background=False)


async def ask_page(command: str, **args: Any) -> Mapping[str, Any] | None:
    """Run one command in the page; None where it has no answer."""
    result = (await tell_page(command, args)).get("result")
    return result if isinstance(result, Mapping) and result.get("success") else None


async def tell_page(
    command: str, args: Mapping[str, Any], timeout_s: float = _TIMEOUT_S
) -> Mapping[str, Any]:
    """Run one command in the page; return its ``result``, or the ``error`` it met, or nothing."""
    from jupyter_server.serverapp import ServerApp

    if not ServerApp.initialized():
        return {}
    asked = {"name": command, "args": dict(args)}
    said: Mapping[str, Any] = await _toolkit().emit_and_wait_for_result(asked, timeout=timeout_s)
    return said


def _toolkit() -> Any:
    """Return what comes with Jupyter AI for running commands in a page."""
    from jupyterlab_commands_toolkit import tools  # type: ignore[import-untyped]

    return tools
