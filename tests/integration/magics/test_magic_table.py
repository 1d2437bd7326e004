"""Forty prompts in every format, answered by the demo model: what each format promises holds."""

from __future__ import annotations

import ast
import html
import json
from collections.abc import Callable

import pytest

from tests.integration.magics.kernel import Cell, Kernel

PROMPTS = (
    "Write a function that returns all primes up to n",
    "Write a function that returns the first n Fibonacci numbers",
    "Write a function that computes the factorial of n",
    "Print hello world",
    "Write a function that reverses a string",
    "Write a function that checks if a word is a palindrome",
    "Write FizzBuzz",
    "Write a function that computes the mean of a list",
    "Write a function that counts the words in a text",
    "Read a CSV file with pandas",
    "Plot a sine wave with matplotlib",
    "Sort a list of dictionaries by a key",
    "Write a function that flattens a nested list",
    "Write a function that computes the greatest common divisor",
    "Read a text file line by line",
    "Write a dictionary to a JSON file",
    "Make a list of the squares of the numbers from 1 to 10",
    "Write a binary search",
    "Write a bubble sort",
    "Write a unit test for an add function",
    "Show me an example of try and except",
    "How do I install a package in a notebook?",
    "What is a list comprehension?",
    "What is a DataFrame?",
    "Explain recursion",
    "What is Jupyter?",
    "Who are you?",
    "What can you do?",
    "Hello!",
    "Thanks!",
    "List the planets of the solar system",
    "Give me three European capitals with their countries",
    "What is the quadratic formula?",
    "What is the Pythagorean theorem?",
    "Make an HTML table with two rows",
    "Make an HTML button",
    "Wie viele Einwohner hat Zürich? Größe, Maß",
    "日本の首都はどこですか。",
    "def f(x): return {'a': [1, 2], \"b\": {x}}  # explain <b>this</b>",
    "🙂 Привет! Сколько будет 2 + 2? \\n $x^2$ `code` ~~~ ```",
)


def _markdown(cell: Cell) -> None:
    shown = cell.outputs[-1]
    assert shown["text/markdown"]
    assert shown["text/plain"].count("```") % 2 == 0
    assert "<script" not in shown["text/markdown"]


def _code(cell: Cell) -> None:
    (source,) = cell.next_cells
    assert "```" not in source
    assert cell.outputs[-1]["text/plain"] == source
    if not source.startswith(("%", "!")):
        ast.parse(source)


def _text(cell: Cell) -> None:
    assert cell.outputs == []
    assert cell.stdout.strip()
    assert cell.stdout.endswith("\n")
    assert "```" not in cell.stdout


def _json(cell: Cell) -> None:
    value = cell.outputs[-1]["application/json"]
    assert isinstance(value, (dict, list))
    assert json.loads(cell.outputs[-1]["text/plain"]) == value


def _math(cell: Cell) -> None:
    latex = cell.outputs[-1]["text/latex"]
    assert latex.startswith("$$")
    assert latex.count("$$") == 2
    assert latex.count("{") == latex.count("}")


def _html(cell: Cell) -> None:
    frame = cell.outputs[-1]["text/html"]
    assert frame.startswith('<iframe sandbox="" srcdoc="')
    assert frame.count("<") == 2
    assert cell.outputs[-1]["text/plain"] in html.unescape(frame)


CHECKS: dict[str, Callable[[Cell], None]] = {
    "markdown": _markdown,
    "code": _code,
    "text": _text,
    "json": _json,
    "math": _math,
    "html": _html,
}


def test_the_table_is_whole() -> None:
    assert len(set(PROMPTS)) == 40


@pytest.mark.parametrize("form", CHECKS)
def test_forty_prompts(notebook_kernel: Kernel, form: str) -> None:
    for prompt in PROMPTS:
        question = f"%%ai -f {form} --no-history --no-interpolate\n{prompt}"
        cell = notebook_kernel.run(question)
        assert (cell.status, cell.stderr, cell.error) == ("ok", "", ""), prompt
        try:
            CHECKS[form](cell)
        except Exception as error:
            raise AssertionError(f"{form}: {prompt!r} gave {cell}") from error
