"""The shipped example notebooks, executed in a real kernel and read for meaning."""

from __future__ import annotations

import html
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

ROOT = Path(__file__).parents[3]
EXAMPLES = sorted([*ROOT.glob("notebooks/*.ipynb"), *ROOT.glob("magics_examples/*.ipynb")])


@dataclass
class Page:
    """An executed notebook: its cells by id, and what the cells that were added left."""

    cells: dict[str, Any] = field(default_factory=dict)
    added: dict[str, str] = field(default_factory=dict)
    results: dict[str, Any] = field(default_factory=dict)

    def bundle(self, name: str) -> Any:
        """Return the last output of a cell."""
        return self.cells[name].outputs[-1]["data"]

    def text(self, name: str) -> str:
        outputs = self.cells[name].outputs
        return "".join(o.get("text") or o["data"]["text/plain"] for o in outputs)


def _executed(path: Path, checks: dict[str, str]) -> Page:
    """Run a notebook as a reader would: a cell that a magic adds is run as well.

    Args:
        checks: Python expressions by the id of the cell after which they are evaluated.
    """
    page = Page()
    notebook = nbformat.read(path, as_version=4)
    asked: list[str] = []

    def note(cell: Any, cell_index: int, execute_reply: Any) -> None:
        payload = execute_reply["content"].get("payload", [])
        asked.extend(entry["text"] for entry in payload if entry["source"] == "set_next_input")

    resources = {"metadata": {"path": str(path.parent)}}
    client = NotebookClient(notebook, timeout=120, resources=resources, on_cell_executed=note)

    def run(source: str, index: int) -> Any:
        return client.execute_cell(nbformat.v4.new_code_cell(source), index)

    with client.setup_kernel():
        for index, cell in enumerate(list(notebook.cells)):
            page.cells[cell.id] = cell
            if cell.cell_type != "code":
                continue
            client.execute_cell(cell, index)
            for source in [asked.pop() for _ in list(asked)]:
                page.added[cell.id] = source
                run(source, index)
            if cell.id in checks:
                page.results[cell.id] = run(checks[cell.id], index).outputs[-1]["data"]
            notebook.cells[index] = cell
    nbformat.validate(notebook)
    return page


@pytest.fixture(scope="module")
def tour(assistant: Path) -> Page:
    path = ROOT / "notebooks" / "tour.ipynb"
    return _executed(path, {"code": "primes_up_to(10)"})


@pytest.fixture(scope="module")
def formats(assistant: Path) -> Page:
    path = ROOT / "magics_examples" / "ai_magic.ipynb"
    return _executed(path, {"code": "factorial(5)"})


def test_every_example_is_executed_here() -> None:
    assert [path.stem for path in EXAMPLES] == ["ai_magic", "tour"]


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_is_committed_clean(path: Path) -> None:
    for cell in nbformat.read(path, as_version=4).cells:
        if cell.cell_type == "code":
            assert (cell.outputs, cell.execution_count) == ([], None)


@pytest.mark.parametrize("name", ["tour", "formats"])
def test_no_example_writes_to_stderr(name: str, request: pytest.FixtureRequest) -> None:
    page = request.getfixturevalue(name)
    outputs = [o for cell in page.cells.values() for o in cell.get("outputs", [])]
    assert outputs
    assert not [o for o in outputs if o.get("name") == "stderr" or o.output_type == "error"]


def test_the_tour_explains(tour: Page) -> None:
    assert "list" in tour.text("ask").lower()
    assert " for " in tour.text("ask")


def test_the_tour_makes_a_function_that_finds_primes(tour: Page) -> None:
    assert tour.results["code"]["text/plain"] == "[2, 3, 5, 7]"
    assert "cell below" in tour.bundle("code")["text/markdown"]


def test_the_tour_asks_about_a_variable(tour: Page) -> None:
    """The code that came back, run on its own, must hold the squares from 1 to 100."""
    names: dict[str, Any] = {}
    exec(tour.added["variables-ask"], names)
    values = [value for name, value in names.items() if not name.startswith("__")]
    assert [number * number for number in range(1, 11)] in values


def test_the_demo_model_is_honest(tour: Page) -> None:
    assert "demo model" in tour.text("honest").lower()


def test_every_format_shows_what_it_promises(formats: Page) -> None:
    assert "itself" in formats.bundle("markdown")["text/markdown"]
    assert "notebook" in formats.text("text").lower()
    assert formats.results["code"]["text/plain"] == "120"
    planets = formats.bundle("json")["application/json"]
    assert (len(planets), planets[2]) == (8, "Earth")
    assert r"\sqrt{b^2 - 4ac}" in formats.bundle("math")["text/latex"]
    frame = formats.bundle("html")["text/html"]
    assert 'sandbox=""' in frame
    assert html.unescape(frame).count("<tr>") >= 2


def test_a_value_goes_into_the_prompt(formats: Page) -> None:
    assert "a^2 + b^2 = c^2" in formats.bundle("braces-ask")["text/latex"]


def test_a_model_is_named_on_the_line(formats: Page) -> None:
    assert "assistant-demo" in formats.text("list")
    assert "demo" in formats.text("model").lower()
