"""From a checked call to its result, or to the plan of a change."""

from __future__ import annotations

import asyncio
from pathlib import Path

from local_assistant.lab.chat.attachments import language_of
from local_assistant.lab.chat.tools import cells, files
from local_assistant.lab.chat.tools.catalogue import (
    Arguments,
    CannotDo,
    InsertCell,
    ListFiles,
    ReadCells,
    ReadFile,
    RunCell,
)
from local_assistant.lab.chat.tools.results import Plan, Result, counted


async def begun(root: Path, asked: Arguments) -> Result | Plan:
    """Return what a call gives where it only reads, else what it would change.

    Args:
        root: JupyterLab's folder.
        asked: the call's arguments.

    Raises:
        CannotDo: it cannot be done, or not for a model.
    """
    if isinstance(asked, ReadFile):
        return await asyncio.to_thread(_file, root, asked)
    if isinstance(asked, ListFiles):
        names = await asyncio.to_thread(files.listed, root, asked.folder)
        text = "\n".join(names) or "It is empty."
        return Result(text, counted(len(names), "name"))
    if isinstance(asked, ReadCells):
        return await cells.read_cells(root, asked)
    if isinstance(asked, InsertCell):
        return await cells.plan_insertion(root, asked)
    assert isinstance(asked, RunCell)
    return await cells.plan_run(root, asked)


def _file(root: Path, asked: ReadFile) -> Result:
    if asked.path.endswith(".ipynb"):
        raise CannotDo(f"{asked.path} is a notebook; read_cells reads it.")
    lines = files.lines_of(root, asked.path)
    last = min(asked.last_line or len(lines), len(lines))
    chosen = lines[asked.first_line - 1 : last]
    size = counted(len(chosen), "line")
    text = "\n".join(chosen)
    if not chosen:
        text = f"There are no such lines; it has {len(lines):,}." if lines else "It is empty."
    elif len(chosen) < len(lines):
        size += f" of {len(lines):,}"
        text = f"(lines {asked.first_line:,} to {last:,} of {len(lines):,})\n{text}"
    return Result(text, size, language_of(asked.path))
