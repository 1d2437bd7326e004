"""The example notebooks as files: clean, marked, and named once in one table."""

from __future__ import annotations

import re
from pathlib import Path

import nbformat
import pytest

from tests.integration.examples import CHECKS, EXAMPLES, ROOT, needs_small

INDEX = ROOT / "notebooks" / "README.md"
_ROW = re.compile(r"^\| \[([\w.]+)\]\(([\w./]+\.ipynb)\) \| .+ \| (.+) \|$", re.MULTILINE)
each = pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)


def test_what_is_read_for_meaning_is_every_example() -> None:
    assert sorted(CHECKS) == sorted(path.stem for path in EXAMPLES)


def test_the_table_names_each_example_once() -> None:
    rows = _ROW.findall(INDEX.read_text(encoding="utf-8"))
    assert sorted((INDEX.parent / at).resolve() for _, at, _ in rows) == EXAMPLES
    assert all(name == Path(at).name for name, at, _ in rows)


def test_there_is_no_second_table() -> None:
    for page in [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("magics_examples/*.md")]:
        text = page.read_text(encoding="utf-8")
        named = [path.name for path in EXAMPLES if f"/{path.name}" in text]
        assert len(named) < 2, f"{page.name} lists {named}; notebooks/README.md is the place"


@each
def test_the_table_says_which_preset_it_needs(path: Path) -> None:
    notebook = nbformat.read(path, as_version=4)
    preset = notebook.metadata["local_assistant"]["preset"]
    tagged = any(needs_small(cell) for cell in notebook.cells)
    said = {Path(at).name: said for _, at, said in _ROW.findall(INDEX.read_text(encoding="utf-8"))}
    in_part = tagged and preset == "demo"
    assert said[path.name] == (f"`{preset}`, in part `small`" if in_part else f"`{preset}`")
    if preset == "small":
        assert tagged
        assert "preset `small`" in notebook.cells[0].source


@each
def test_it_is_committed_clean(path: Path) -> None:
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            assert (cell.outputs, cell.execution_count) == ([], None)
