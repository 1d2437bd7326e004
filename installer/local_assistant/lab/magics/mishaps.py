"""The errors of a kernel's cells: ``Err`` in prompts and cells, and what ``%ai fix`` reads.

Contract: an error is kept as text (never as an exception, which would hold the cell's data in
memory), without IPython's own frames, and short enough for a small model. The last
:data:`KEPT` are kept. ``Err[3]`` is the error of cell 3, ``Err[-1]`` the last one.
"""

from __future__ import annotations

import re
import sys
import traceback
from dataclasses import dataclass
from types import TracebackType
from typing import Any

KEPT = 100
_MAX_FRAMES = 4
_MAX_MESSAGE = 800
_OLD_CELL_FILE = re.compile(r"<ipython-input-(\d+)-")


@dataclass(frozen=True)
class Mishap:
    """One failed cell.

    Attributes:
        number: the cell's execution count.
        source: what the cell said.
        text: the traceback.
        line: where in the cell it failed, if that is known.
    """

    number: int
    source: str
    text: str
    line: int | None


class Errors(dict[int, str]):
    """Tracebacks by the number of the cell; negative numbers count from the last one."""

    def __init__(self) -> None:
        super().__init__()
        self._mishaps: dict[int, Mishap] = {}

    def __missing__(self, number: int) -> str:
        if isinstance(number, int) and number < 0 and -number <= len(self):
            return list(self.values())[number]
        raise KeyError(number)

    @property
    def last(self) -> Mishap | None:
        """The newest error."""
        return next(reversed(self._mishaps.values()), None)

    def of_cell(self, number: int) -> Mishap | None:
        """Return the error of this cell."""
        return self._mishaps.get(number)

    def keep(self, mishap: Mishap) -> None:
        self.pop(mishap.number, None)
        self._mishaps.pop(mishap.number, None)
        self[mishap.number] = mishap.text
        self._mishaps[mishap.number] = mishap
        while len(self) > KEPT:
            oldest = next(iter(self))
            del self[oldest], self._mishaps[oldest]


def note(shell: Any, errors: Errors, result: Any) -> None:
    """Keep the error of a cell that IPython has just run, if it is one to be mended."""
    error = result.error_before_exec or result.error_in_exec
    if error is None or not isinstance(error, Exception) or _is_ours(error):
        return  # nothing, an interrupt or an exit, or an answer that did not come
    count = getattr(result, "execution_count", None) or shell.execution_count
    source = str(getattr(result.info, "raw_cell", ""))
    errors.keep(mishap(shell, error, int(count), source))


def last_of_python(shell: Any) -> Mishap | None:
    """Return the error that Python has last shown: for a kernel that met us after it."""
    error = getattr(sys, "last_value", None)
    if not isinstance(error, Exception) or _is_ours(error):
        return None
    sources = shell.history_manager.input_hist_raw
    number = max(len(sources) - 2, 0)
    for entry in traceback.extract_tb(error.__traceback__):
        number = _cell_number(shell, entry.filename) or number
    source = sources[number] if number < len(sources) else ""
    return mishap(shell, error, number, source)


def mishap(shell: Any, error: Exception, number: int, source: str) -> Mishap:
    """Return an error as text."""
    entries = _users_frames(shell, error.__traceback__)
    lines = [
        f"  {_place(shell, entry)}, line {entry.lineno}, in {entry.name}\n    {entry.line or ''}"
        for entry in entries
    ]
    if len(lines) > _MAX_FRAMES + 1:
        skipped = len(lines) - _MAX_FRAMES - 1
        lines = [lines[0], f"  … {skipped} frames", *lines[-_MAX_FRAMES:]]
    said = "".join(traceback.format_exception_only(type(error), error)).rstrip()
    if len(said) > _MAX_MESSAGE:
        said = f"{said[:_MAX_MESSAGE]}…"
    for file in _cell_files(shell, said):
        said = said.replace(file, f"In[{number}]")
    head = ["Traceback (most recent call last):", *lines] if lines else []
    # Of this cell: what it calls may stand in another one, whose lines are not its own.
    of_cell = [e.lineno for e in entries if _cell_number(shell, e.filename) == number]
    line = of_cell[-1] if of_cell else getattr(error, "lineno", None)
    return Mishap(number, source, "\n".join([*head, said]), line)


def _is_ours(error: BaseException) -> bool:
    return type(error).__name__ == "CellFailed"


def _users_frames(shell: Any, start: TracebackType | None) -> list[traceback.FrameSummary]:
    """Return the frames from the cell on; those in front of it are IPython's."""
    entries = list(traceback.extract_tb(start))
    for index, entry in enumerate(entries):
        if _cell_number(shell, entry.filename) is not None:
            return entries[index:]
    return []


def _place(shell: Any, entry: traceback.FrameSummary) -> str:
    number = _cell_number(shell, entry.filename)
    return f'File "{entry.filename}"' if number is None else f"Cell In[{number}]"


def _cell_number(shell: Any, filename: str) -> int | None:
    """Return which cell a code object's file name stands for."""
    name = getattr(shell.compile, "format_code_name", lambda _: None)(filename)
    digits = re.search(r"In *\[(\d+)\]", name[1]) if name else _OLD_CELL_FILE.match(filename)
    return int(digits[1]) if digits else None


def _cell_files(shell: Any, text: str) -> list[str]:
    """Return the made-up file names of cells in a message (a syntax error names its file)."""
    names = re.findall(r'File "([^"]+)"', text)
    return [name for name in names if _cell_number(shell, name) is not None]
