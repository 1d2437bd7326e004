"""The shipped example notebooks: which there are, and how a reader goes through one.

Contract: whatever lies in ``notebooks/`` or ``magics_examples/`` is an example. Its content says
what it needs (:func:`kind`), and one test module for each kind executes all of that kind; so an
example that is added is executed, too.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import nbformat
from nbclient import NotebookClient

ROOT = Path(__file__).parents[2]
FOLDERS = ("notebooks", "magics_examples")
EXAMPLES = sorted(path for folder in FOLDERS for path in ROOT.glob(f"{folder}/*.ipynb"))
HONEST = "demo model"
"""In what the demo model says where a cell needs a better one (tag ``needs-small``)."""

CHECKS: dict[str, dict[str, str]] = {
    "ai_magic": {"code": "factorial(5)"},
    "data_frames": {"big-ask": "len(readings)"},
    "fix_and_explain": {},
    "hugging_face": {},
    "json_into_python": {"model-ask": "type(capitals).__name__"},
    "swap_models": {},
    "write_tests": {},
    "ask_your_documents": {},
    "tour": {"code": "primes_up_to(10)"},
    "write_a_notebook": {},
}
"""What is evaluated after a cell, by the cell's id; each example is named."""

Kind = Literal["magics", "commands", "chat"]
Say = Callable[[str], Awaitable[list[str]]]
"""Sends a line to the chat and returns what is answered."""

_CHAT = re.compile(r"^```chat\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass
class Page:
    """A notebook that was gone through.

    Attributes:
        cells: by id, executed.
        said: by id, what the chat answered to each line that the cell shows.
        added: by id, the source of the cell that a magic put below it.
        results: by id, what the expression of :data:`CHECKS` gave.
    """

    cells: dict[str, Any] = field(default_factory=dict)
    said: dict[str, list[str]] = field(default_factory=dict)
    added: dict[str, str] = field(default_factory=dict)
    results: dict[str, Any] = field(default_factory=dict)

    def bundle(self, name: str) -> Any:
        """Return the last output of a cell."""
        return self.cells[name].outputs[-1]["data"]

    def text(self, name: str) -> str:
        outputs = self.cells[name].get("outputs", [])
        return "".join(o.get("text") or o["data"]["text/plain"] for o in outputs)


def chat_lines(cell: Any) -> list[str]:
    """Return what a Markdown cell shows as lines for the chat."""
    if cell.cell_type != "markdown":
        return []
    return [line for block in _CHAT.findall(cell.source) for line in block.splitlines()]


def needs_small(cell: Any) -> bool:
    return "needs-small" in cell.metadata.get("tags", [])


def kind(path: Path) -> Kind:
    """Return what an example needs: a kernel only, the assistant's commands, or a chat."""
    cells = nbformat.read(path, as_version=4).cells
    if any(chat_lines(cell) for cell in cells):
        return "chat"
    code = "\n".join(cell.source for cell in cells if cell.cell_type == "code")
    return "commands" if re.search(r"^!jupyter", code, re.MULTILINE) else "magics"


def of_kind(wanted: Kind) -> list[Path]:
    return [path for path in EXAMPLES if kind(path) == wanted]


def executed(path: Path, checks: Mapping[str, str] | None = None) -> Page:
    """Run an example that needs no chat; see :func:`executing`."""
    return asyncio.run(executing(path, checks))


async def executing(
    path: Path, checks: Mapping[str, str] | None = None, say: Say | None = None
) -> Page:
    """Go through a notebook as a reader would: a cell that a magic adds is run as well.

    Args:
        checks: Python expressions by the id of the cell after which they are evaluated.
        say: sends the lines that the notebook shows for the chat.
    """
    checks = CHECKS[path.stem] if checks is None else checks
    page = Page()
    notebook = nbformat.read(path, as_version=4)
    asked: list[str] = []

    def note(cell: Any, cell_index: int, execute_reply: Any) -> None:
        payload = execute_reply["content"].get("payload", [])
        asked.extend(entry["text"] for entry in payload if entry["source"] == "set_next_input")

    resources = {"metadata": {"path": str(path.parent)}}
    client = NotebookClient(notebook, timeout=120, resources=resources, on_cell_executed=note)

    async def run(source: str, index: int) -> Any:
        return await client.async_execute_cell(nbformat.v4.new_code_cell(source), index)

    async with client.async_setup_kernel():
        for index, cell in enumerate(list(notebook.cells)):
            page.cells[cell.id] = cell
            for line in chat_lines(cell):
                assert say is not None
                page.said.setdefault(cell.id, []).extend(await say(line))
            if cell.cell_type == "code":
                await client.async_execute_cell(cell, index)
                for source in [asked.pop() for _ in list(asked)]:
                    page.added[cell.id] = source
                    await run(source, index)
                notebook.cells[index] = cell
            if cell.id in checks:
                page.results[cell.id] = (await run(checks[cell.id], index)).outputs[-1]["data"]
    nbformat.validate(notebook)
    return page


def assert_runs(page: Page) -> None:
    """Each cell was run, and fails only where the example says so."""
    for cell in page.cells.values():
        if cell.cell_type == "code":
            assert cell.execution_count
            wanted = "raises-exception" in cell.metadata.get("tags", [])
            assert bool([o for o in cell.outputs if o.output_type == "error"]) == wanted, cell
            assert not [o for o in cell.outputs if o.get("name") == "stderr"], cell


def assert_honest(page: Page) -> None:
    """Where a cell needs a better model, the demo model says so."""
    for name, cell in page.cells.items():
        if needs_small(cell):
            said = [page.text(name), page.added.get(name, ""), *page.said.get(name, [])]
            assert HONEST in "\n".join(said), name
