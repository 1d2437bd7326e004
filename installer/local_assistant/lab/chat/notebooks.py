"""A notebook as the chat reads it: its cells, what came out of them, and which one failed.

Contract: works on the JSON of a notebook, from its file or from the open page, and changes
nothing. Cells are counted from 1 in what people read, from 0 here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from local_assistant.lab.chat import names, tracebacks
from local_assistant.lab.chat.prompt import Attachment

_SOURCE_SHARE, _ERROR_SHARE, _OUTPUT_SHARE, _NAMES_SHARE = 0.6, 0.35, 0.25, 0.2
_LONGEST = 300
"""Characters of one line of output: a model learns nothing from the rest."""
_MOST_OUTPUT = 100_000
"""Characters of one cell's output that are looked at; a printed table can have millions."""


class Unreadable(Exception):
    """Why something attached is not in the prompt, in words for the user."""


@dataclass(frozen=True)
class Notebook:
    """One notebook.

    Attributes:
        name: its path, as the user knows it.
        cells: as in the file.
        language: of its code.
    """

    name: str
    cells: Sequence[Mapping[str, Any]]
    language: str = "python"

    @classmethod
    def of(cls, name: str, content: Any) -> Notebook:
        """Read the JSON of a notebook.

        Raises:
            Unreadable: it is none.
        """
        try:
            cells = [_sound(dict(cell)) for cell in content["cells"]]
            kernel = content.get("metadata", {}).get("kernelspec") or {}
            return cls(name, cells, str(kernel.get("language") or "python"))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise Unreadable(f"{name} (it is not a notebook file)") from error

    def place(self, index: int) -> str:
        """Return how people call a cell."""
        return f"{self.name}, cell {index + 1}"

    def index_of(self, identifier: Any) -> int | None:
        """Return where the cell with this id stands."""
        for index, cell in enumerate(self.cells):
            if cell.get("id") == identifier:
                return index
        return None

    def is_code(self, index: int) -> bool:
        return self.cells[index].get("cell_type") == "code"

    def source(self, index: int) -> str:
        return _joined(self.cells[index].get("source", ""))

    def error(self, index: int) -> Mapping[str, Any] | None:
        """Return the error that a cell shows."""
        for output in self._outputs(index):
            if output.get("output_type") == "error":
                return output
        return None

    def failed_last(self) -> int | None:
        """Return the cell that failed last, of those that still show it."""
        failed = [index for index in range(len(self.cells)) if self.error(index) is not None]
        return max(failed, key=self._run_at, default=None)

    def cell(self, index: int) -> Attachment:
        """Return a cell without anything around it."""
        language = self.language if self.is_code(index) else "markdown"
        return Attachment(self.place(index), self.source(index), language, cell=True)

    def about(self, index: int) -> list[Attachment]:
        """Return a cell with its error or its output, and what it may use of the notebook."""
        found = self.with_results(index)
        if not self.is_code(index):
            return found
        above = [self.source(i) for i in range(index) if self.is_code(i)]
        known = names.names_for(self.source(index), above) if self.language == "python" else ""
        if known:
            name = f"{self.name}, imports and names above"
            found.append(Attachment(name, known, "python", "names", _NAMES_SHARE))
        return found

    def with_results(self, index: int) -> list[Attachment]:
        """Return a cell with its error or its output."""
        place, cell = self.place(index), self.cell(index)
        if not self.is_code(index):
            return [cell]
        found = [cell]
        error = self.error(index)
        if error is not None:
            line = tracebacks.failing_line(error)
            found = [replace(cell, share=_SOURCE_SHARE, keep=(line or 1) - 1)]
            text = tracebacks.own_frames(error)
            found.append(Attachment(f"{place}, error", text, "text", "error", _ERROR_SHARE, -1))
        output = "\n".join(self._shown(index)).rstrip()
        if output:
            found.append(Attachment(f"{place}, output", output, "text", "output", _OUTPUT_SHARE))
        return found

    def _outputs(self, index: int) -> Sequence[Mapping[str, Any]]:
        return self.cells[index].get("outputs") or []

    def _run_at(self, index: int) -> tuple[int, int]:
        count = self.cells[index].get("execution_count")
        return count if isinstance(count, int) else 0, index

    def _shown(self, index: int) -> Iterator[str]:
        """Yield the lines of a cell's output that are text."""
        room = _MOST_OUTPUT
        for output in self._outputs(index):
            data = output.get("data")
            data = data if isinstance(data, dict) else {}
            text = _joined(output.get("text") or data.get("text/plain") or "")
            for line in tracebacks.without_colors(text[:room]).splitlines():
                yield line if len(line) <= _LONGEST else line[:_LONGEST] + "…"
            room -= len(text)
            if room < 0:
                yield "…"
                return


def _sound(cell: dict[str, Any]) -> dict[str, Any]:
    """Return a cell whose outputs are objects, whatever wrote the file."""
    outputs = cell.get("outputs")
    kept = [each for each in outputs if isinstance(each, dict)] if isinstance(outputs, list) else []
    return {**cell, "outputs": kept}


def _joined(text: Any) -> str:
    """Return a multi-line string of a notebook file, which may be a list of lines."""
    return "".join(map(str, text)) if isinstance(text, list) else str(text)
