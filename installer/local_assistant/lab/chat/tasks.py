"""``/explain``, ``/fix``, ``/test`` and ``/doc``: short questions about the code in hand.

Contract: what is attached wins; else it is the notebook open beside the chat. The question goes
to the model without what was said before: a small model reads one thing at a time. Nothing is
read unasked of what has a name that stands for secrets.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

from local_assistant.errors import AssistantError
from local_assistant.lab import prompts
from local_assistant.lab.chat import beside, pages
from local_assistant.lab.chat.attachments import all_cells, read_attachments
from local_assistant.lab.chat.changes import changes
from local_assistant.lab.chat.context import Context
from local_assistant.lab.chat.notebooks import Notebook, Unreadable
from local_assistant.lab.chat.pages import Told
from local_assistant.lab.chat.prompt import Attachment, Turn
from local_assistant.lab.chat.question import Question
from local_assistant.lab.chat.seen import SeenFile, SeenNotebook
from local_assistant.lab.secret_files import holds_secrets

EXPLAIN, FIX, TEST, DOC = "/explain", "/fix", "/test", "/doc"
TASKS = {
    EXPLAIN: "Explain what is attached, or the cell you are in",
    FIX: "Correct what is attached, or the cell that failed",
    TEST: "Write tests for what is attached, or the cell you are in",
    DOC: "Write docstrings into what is attached, or the cell you are in",
}
"""The commands, and what they do."""

ToldOf = Callable[[Any], Awaitable[Told | None]]

_WHERE = "Attach a file or a cell by the paper clip, or click into a notebook's cell."


def is_task(text: str) -> bool:
    """Return whether a message is one of these commands."""
    return bool(text) and text.split()[0] in TASKS


async def question(
    message: Any, root: Path, known: dict[str, Any], told_of: ToldOf = pages.told_for
) -> Question:
    """Return what a message with one of the commands asks.

    Args:
        message: the user's message.
        root: JupyterLab's folder.
        known: the chat's attachments.
        told_of: returns what the page of a message has told.

    Raises:
        AssistantError: there is nothing to work on.
    """
    if not message.attachments:
        return await _beside(message, root, await told_of(message))
    command, _ = _parts(message)
    whole = _failed_cell if command == FIX else all_cells
    found, missing = await asyncio.to_thread(
        read_attachments, root, message.attachments, known, whole
    )
    if not found:
        raise AssistantError(f"Nothing can be read: {'; '.join(missing)}.", _WHERE)
    return _asked(message, found, [f"Not read: {'; '.join(missing)}."] if missing else [])


async def _beside(message: Any, root: Path, told: Told | None) -> Question:
    """Return what a message asks about what its writer looks at: as told, or as pages answer."""
    seen = told.seen if told else None
    if told is not None and isinstance(seen, SeenFile):
        return about_lines(message, told.context)
    if isinstance(seen, SeenNotebook):
        return about_open(message, seen.opened)
    return about_open(message, await beside.open_notebook(root))


def about_lines(message: Any, context: Context | None) -> Question:
    """Return what a message asks about the lines of a file that is open.

    Raises:
        AssistantError: there are none, or they are not to be read.
    """
    if context is None:
        raise AssistantError("There is nothing to work on.", _WHERE)
    _refuse_secrets(context.path)
    return _asked(message, list(context.parts), [f"About {context.place}."])


def about_open(message: Any, opened: beside.Open | None) -> Question:
    """Return what a message asks about the notebook that is open.

    Raises:
        AssistantError: there is none, nothing in it to work on, or it is not to be read.
    """
    command, words = _parts(message)
    if opened is None:
        raise AssistantError("There is nothing to work on.", _WHERE)
    notebook = opened.notebook
    _refuse_secrets(notebook.name)
    index = _cell_meant(command, words, opened)
    return _asked(message, notebook.about(index), [f"About {notebook.place(index)}."])


def _refuse_secrets(path: str) -> None:
    if holds_secrets(path):
        raise AssistantError(
            f"{path.rpartition('/')[2]} is not read unasked: files of this name hold secrets.",
            "Attach it by the paper clip, if the model may read it.",
        )


def _parts(message: Any) -> tuple[str, str]:
    """Return the command of a message, and the words behind it."""
    command, *rest = message.body.split(None, 1)
    return command, rest[0].strip() if rest else ""


def _asked(message: Any, found: list[Attachment], said: list[str]) -> Question:
    command, words = _parts(message)
    text = _task(command, found) + (f"\n{words}" if words else "")
    question = Question(message, Turn("user", text, tuple(found)), tuple(said))
    if command != FIX:
        return question
    return replace(question, closing=partial(changes, _code(found)))


def _cell_meant(command: str, words: str, opened: beside.Open) -> int:
    """Return which cell of the open notebook a command is about."""
    notebook = opened.notebook
    index = _cell_at(notebook, opened.active)
    if command == FIX and (index is None or notebook.error(index) is None):
        failed = notebook.failed_last()
        if failed is None and not words:
            raise AssistantError(
                f"No cell of {notebook.name} shows an error.",
                f"Run the cell that fails, or say what is wrong: {FIX} the sum is too small",
            )
        index = index if failed is None or words else failed
    if index is None:
        raise AssistantError(f"The cells of {notebook.name} up to here are empty.", _WHERE)
    return index


def _cell_at(notebook: Notebook, active: int) -> int | None:
    """Return the cell with the cursor; Shift+Enter leaves it in an empty one below."""
    for index in range(active, -1, -1):
        if notebook.is_code(index) and notebook.source(index).strip():
            return index
    return None


def _failed_cell(notebook: Notebook) -> list[Attachment]:
    """Return the cell of an attached notebook that failed last."""
    failed = notebook.failed_last()
    if failed is None:
        raise Unreadable(f"{notebook.name} (none of its saved cells shows an error)")
    return notebook.about(failed)


def _task(command: str, found: list[Attachment]) -> str:
    """Return what is asked about the attachments."""
    failed = any(each.kind == "error" for each in found)
    return {
        EXPLAIN: prompts.EXPLAIN_ERROR if failed else prompts.EXPLAIN,
        FIX: prompts.FIX if failed else prompts.FIX_CODE,
        TEST: prompts.TEST,
        DOC: prompts.DOC,
    }[command]


def _code(found: list[Attachment]) -> Attachment | None:
    """Return the code to correct: where a cell has failed it, else the only one there is."""
    sources = [each for each in found if each.kind == "source"]
    for cell, error in pairwise(found):
        if error.kind == "error":
            return cell
    return sources[0] if len(sources) == 1 else None
