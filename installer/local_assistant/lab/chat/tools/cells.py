"""Reading, inserting and running cells, by the page that has the notebook open.

Contract: nothing is written behind the page's back: what is not saved counts, and stays so.
Cells are changed and run in the open notebook only. Between a plan and its yes the user may go on
working: a change goes to the cell and the notebook that the plan named, or nowhere.
"""

from __future__ import annotations

import asyncio
import posixpath
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from local_assistant.lab.chat import beside
from local_assistant.lab.chat.notebooks import Notebook, Unreadable
from local_assistant.lab.chat.tools.catalogue import CannotDo, InsertCell, ReadCells, RunCell
from local_assistant.lab.chat.tools.files import allowed
from local_assistant.lab.chat.tools.results import Plan, Result, counted

_ADD = "jupyterlab-ai-commands:add-cell"
_RUN = "jupyterlab-ai-commands:run-cell"
_INFO = "jupyterlab-ai-commands:get-notebook-info"
_CELL = "jupyterlab-ai-commands:get-cell-info"
_RUN_TIMEOUT_S, _CHANGE_TIMEOUT_S = 600.0, 30.0
_TIMED_OUT = "timed out"
_DISGUISED = re.compile("[\u202a-\u202e\u2066-\u2069\u200e\u200f\u061c]")
"""Characters that make code look like other code."""

_NONE_OPEN = "No notebook is open in JupyterLab."


async def read_cells(root: Path, asked: ReadCells) -> Result:
    """Return cells with their outputs, as they are in the page.

    Raises:
        CannotDo: there is no such notebook, or a model may not read it.
    """
    if asked.notebook:
        notebook, active = await _named(root, asked.notebook)
    else:
        opened = await _open(root)
        notebook, active = opened.notebook, opened.active
    total = len(notebook.cells)
    last = min(asked.last_cell or total, total)
    first = min(asked.first_cell, total + 1)
    text = await asyncio.to_thread(_written, notebook, first - 1, last, active)
    return Result(text, counted(max(last - first + 1, 0), "cell"), "text")


async def _named(root: Path, name: str) -> tuple[Notebook, int | None]:
    # As the page reads it: of "link/../x" it makes "x", whatever the link leads to.
    path = posixpath.normpath(name.replace("\\", "/").strip().lstrip("/"))
    if not path.endswith(".ipynb"):
        raise CannotDo(f"{name} is no notebook; read_file reads other files.")
    await asyncio.to_thread(allowed, root, path)
    opened = await beside.open_notebook(root)
    if opened is not None and opened.notebook.name == path:
        return opened.notebook, opened.active
    try:
        return await beside.notebook_at(root, path), None
    except Unreadable as error:
        raise CannotDo(f"Not readable: {error}.") from error


async def _open(root: Path) -> beside.Open:
    opened = await beside.open_notebook(root)
    if opened is None:
        raise CannotDo(_NONE_OPEN)
    await asyncio.to_thread(allowed, root, opened.notebook.name)
    return opened


def _written(notebook: Notebook, start: int, end: int, active: int | None) -> str:
    """Return some cells as a model reads them."""
    where = "" if active is None else f"; the user is in cell {active + 1}"
    lines = [f"{notebook.name}: {counted(len(notebook.cells), 'cell')}{where}"]
    for index in range(start, end):
        kind = notebook.cells[index].get("cell_type", "code")
        lines += [f"[{index + 1}] {kind}", notebook.source(index)]
        for each in notebook.with_results(index)[1:]:
            lines += [f"{each.kind}:", each.content]
    return "\n".join(lines)


@dataclass(frozen=True)
class _Live:
    """The open notebook's cells as the page names them."""

    name: str
    ids: tuple[str, ...]
    active: int
    language: str


async def _live(root: Path) -> _Live:
    await beside.ask_one_page()
    info = await beside.ask_page(_INFO)
    if info is None:
        raise CannotDo(_NONE_OPEN)
    name = str(info.get("notebookPath"))
    await asyncio.to_thread(allowed, root, name)
    ids = tuple(str(cell.get("cellId")) for cell in info.get("cells") or ())
    active = ids.index(info["activeCellId"]) if info.get("activeCellId") in ids else len(ids) - 1
    kernel = (info.get("notebookMetadata") or {}).get("kernelspec") or {}
    return _Live(name, ids, active, str(kernel.get("language") or "python"))


def _too_far(live: _Live) -> CannotDo:
    return CannotDo(f"{live.name} has {counted(len(live.ids), 'cell')} only.")


async def plan_insertion(root: Path, asked: InsertCell) -> Plan:
    """Return what would be inserted, and where.

    Raises:
        CannotDo: it cannot be.
    """
    live = await _live(root)
    above = live.active + 1 if asked.after < 0 else asked.after
    if above > len(live.ids):
        raise _too_far(live)
    arguments = {
        "notebookPath": live.name,
        "content": _undisguised(asked.source),
        "cellType": asked.cell_type,
        "position": "below" if above else "above",
        "background": True,
        **({"referenceCellId": live.ids[max(above - 1, 0)]} if live.ids else {}),
    }
    language = live.language if asked.cell_type == "code" else "markdown"
    beneath = f"below cell {above}" if above else "at the top"
    asks = f"Insert this {asked.cell_type} cell into {live.name}, {beneath}?"
    return Plan(asks, asked.source, language, partial(_insert, live.name, arguments))


async def _insert(name: str, arguments: Mapping[str, Any]) -> Result:
    try:
        added = await _done_by_page(_ADD, arguments, _CHANGE_TIMEOUT_S)
    except TimeoutError as error:
        raise CannotDo("JupyterLab has not said whether it inserted the cell.") from error
    info = await beside.ask_page(_INFO, notebookPath=name)
    ids = [cell.get("cellId") for cell in (info or {}).get("cells", [])]
    new = added.get("cellId")
    where = f"as cell {ids.index(new) + 1}" if new in ids else "into the notebook"
    return Result(f"Inserted {where} of {name}. It was not run.", f"inserted {where}")


async def plan_run(root: Path, asked: RunCell) -> Plan:
    """Return which code would be run.

    Raises:
        CannotDo: there is none.
    """
    live = await _live(root)
    if asked.cell > len(live.ids):
        raise _too_far(live)
    where = {"notebookPath": live.name, "cellId": live.ids[asked.cell - 1]}
    cell = await beside.ask_page(_CELL, **where)
    source = str((cell or {}).get("source") or "")
    if cell is None or cell.get("cellType") != "code" or not source.strip():
        raise CannotDo(f"Cell {asked.cell} of {live.name} holds no code.")
    carry_out = partial(_run, asked.cell, _undisguised(source), where)
    asks = f"Run cell {asked.cell} of {live.name} in its kernel?"
    return Plan(asks, source, live.language, carry_out)


async def _run(number: int, source: str, where: Mapping[str, str]) -> Result:
    now = await beside.ask_page(_CELL, **where)
    if now is None or now.get("source") != source:
        raise CannotDo("The cell was changed meanwhile, so it was not run.")
    try:
        said = await _done_by_page(_RUN, {**where, "background": True}, _RUN_TIMEOUT_S)
    except TimeoutError as error:
        raise CannotDo(f"Cell {number} runs on: it has not ended in 10 minutes.") from error
    if said.get("errorName") == "MissingKernel":
        raise CannotDo(f"{where['notebookPath']} has no kernel, so the cell was not run.")
    ran = {"cell_type": "code", "source": source, "outputs": said.get("outputs") or []}
    results = Notebook(where["notebookPath"], [ran]).with_results(0)[1:]
    status = "failed" if said.get("status") == "error" else "ran"
    told = [f"Cell {number} {status}{'' if results else ', without output'}."]
    for each in results:
        told += [f"{each.kind}:", each.content]
    lines = sum(len(each.content.splitlines()) for each in results)
    size = f"{status}, {counted(lines, 'line')}" if results else f"{status}, no output"
    return Result("\n".join(told), size)


async def _done_by_page(
    command: str, arguments: Mapping[str, Any], timeout_s: float
) -> Mapping[str, Any]:
    """Return what a page says to a command that changes something.

    Raises:
        CannotDo: it did not do it.
        TimeoutError: it has not said whether it did.
    """
    said = await beside.tell_page(command, arguments, timeout_s)
    result = said.get("result")
    if said.get("success") and isinstance(result, Mapping):
        return result
    reason = str(said.get("error") or _NONE_OPEN).rstrip(".")
    if _TIMED_OUT in reason:
        raise TimeoutError(reason)
    raise CannotDo(f"JupyterLab did not do it: {reason}.")


def _undisguised(source: str) -> str:
    """Return code that reads as it stands.

    Raises:
        CannotDo: characters in it would make it look like other code.
    """
    if _DISGUISED.search(source):
        raise CannotDo("The code holds characters that would make it look like other code.")
    return source
