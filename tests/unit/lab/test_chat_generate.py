"""``/generate``: what a plan is read from, what becomes a cell, and what is never touched."""

from __future__ import annotations

import asyncio
from pathlib import Path

import nbformat
import pytest

from local_assistant.errors import AssistantError
from local_assistant.lab.chat.files import replace_own, write_new
from local_assistant.lab.chat.generate import planned, writing
from local_assistant.lab.chat.prompt import Turn

PLAN = "Here it is:\n\n1. Make the data\n2) **Sum it up**\n\n* a remark"


class Model:
    """Says what it is given, in order; the last answer stays."""

    def __init__(self, *answers: str) -> None:
        self.answers = list(answers)
        self.asked: list[str] = []

    async def __call__(self, turn: Turn, output_format: str) -> str:
        self.asked.append(turn.content())
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


def write(folder: Path, text: str, model: Model) -> list[str]:
    async def main() -> list[str]:
        pieces = writing(text, folder, folder, model, lambda _: None)
        return [piece async for piece in pieces]

    return asyncio.run(main())


def cells(path: Path) -> list[tuple[str, str]]:
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    return [(cell.cell_type, cell.source) for cell in notebook.cells]


@pytest.mark.parametrize(
    ("outline", "steps"),
    [
        (PLAN, ("Make the data", "Sum it up")),
        ("Step 1: Load\nStep 2: Plot", ("Load", "Plot")),
        ("**1.** Load\n1. Load", ("Load",)),
        ("I do not know that.", ("rain",)),
        ("", ("rain",)),
        ("\n".join(f"{n}. Step {n} of it" for n in range(1, 30)), 6),
    ],
)
def test_a_plan_is_a_numbered_list(outline: str, steps: tuple[str, ...] | int) -> None:
    found = planned("rain", outline).steps
    assert (len(found) if isinstance(steps, int) else found) == steps


def test_a_notebook_is_written_step_by_step(tmp_path: Path) -> None:
    model = Model(PLAN, "```python\nrows = [1, 2]\n```", "print(sum(rows))")
    said = write(tmp_path, "/generate Summing up: rows & more", model)
    assert cells(tmp_path / "summing-up-rows-more.ipynb") == [
        ("markdown", "# Summing up: rows & more"),
        ("markdown", "## Make the data"),
        ("code", "rows = [1, 2]"),
        ("markdown", "## Sum it up"),
        ("code", "print(sum(rows))"),
    ]
    assert "1. Make the data" in said[0] and "2. Sum it up" in said[0]
    assert "Step 2 is written" in said[2] and "is complete" in said[3]
    assert "Code so far:\n```python\nrows = [1, 2]\n```" in model.asked[2]
    assert list(tmp_path.iterdir()) == [tmp_path / "summing-up-rows-more.ipynb"]


@pytest.mark.parametrize("nothing", ["", " \n"])
def test_a_model_that_says_nothing_is_told_and_no_code_is_claimed(
    tmp_path: Path, nothing: str
) -> None:
    said = write(tmp_path, "/generate rain", Model(nothing))
    assert cells(tmp_path / "rain.ipynb") == [("markdown", "# Rain")]
    assert "Step 1 is missing: the model said nothing" in said[1]
    assert "rain.ipynb has no code" in said[-1] and "complete" not in said[-1]


def test_a_title_keeps_its_words_apart(tmp_path: Path) -> None:
    write(tmp_path, "/generate a  bubble\nsort", Model("1. Sort", "a = 1"))
    assert cells(tmp_path / "a-bubble-sort.ipynb")[0] == ("markdown", "# A bubble sort")


def test_what_is_no_python_is_asked_again_and_then_stands_as_text(tmp_path: Path) -> None:
    write(tmp_path, "/generate x", Model(PLAN, "x = (", "x = 1", "```python\ny = (\n```"))
    assert cells(tmp_path / "x.ipynb")[2:] == [
        ("code", "x = 1"),
        ("markdown", "## Sum it up"),
        ("markdown", "```python\ny = (\n```"),
    ]


def test_no_file_is_written_over(tmp_path: Path) -> None:
    (tmp_path / "x.ipynb").write_text("mine")
    said = write(tmp_path, "/generate x", Model("no plan", "a = 1"))
    assert "x-1.ipynb" in said[0]
    assert (tmp_path / "x.ipynb").read_text() == "mine"
    assert cells(tmp_path / "x-1.ipynb") == [("markdown", "# X"), ("code", "a = 1")]


def test_a_file_that_was_changed_meanwhile_is_left_alone(tmp_path: Path) -> None:
    path = write_new(tmp_path, "a", ".txt", "ours\n")
    replace_own(path, "ours\n", "more\n")
    path.write_text("theirs\n")
    with pytest.raises(AssistantError, match="was changed meanwhile"):
        replace_own(path, "more\n", "rest\n")
    assert path.read_text() == "theirs\n"


@pytest.mark.parametrize("topic", ["", "   "])
def test_a_topic_is_needed(tmp_path: Path, topic: str) -> None:
    with pytest.raises(AssistantError, match="no topic"):
        write(tmp_path, f"/generate{topic}", Model(""))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "topic", ["../../etc/passwd", "a/b\\c:d*?", "日本 の 人口", "***", "con", "x" * 300]
)
def test_any_topic_makes_a_file_name(tmp_path: Path, topic: str) -> None:
    write(tmp_path, f"/generate {topic}", Model("", "a = 1"))
    (path,) = tmp_path.iterdir()
    assert path.suffix == ".ipynb" and len(path.stem) <= 40
    assert path.stem != "con"  # Windows keeps that name for itself
    assert cells(path)[1] == ("code", "a = 1")
