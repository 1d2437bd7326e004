"""The errors of cells, as %ai fix and {Err[3]} read them, in a real IPython shell."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from IPython.core.interactiveshell import InteractiveShell

from local_assistant.lab.magics import register
from local_assistant.lab.magics.mishaps import KEPT, Errors, Mishap, last_of_python


@pytest.fixture
def shell(home: Path) -> Iterator[Any]:
    shell = InteractiveShell()
    register(shell)
    yield shell
    shell.history_manager.end_session()


def run(shell: Any, source: str) -> None:
    shell.run_cell(source, store_history=True)


def errors(shell: Any) -> Errors:
    kept: Errors = shell.user_ns["Err"]
    return kept


def test_an_error_is_kept_with_its_cell_and_line(shell: Any) -> None:
    run(shell, "def half(x):\n    return x / 0\n")
    run(shell, "a = 1\n\nhalf(a)\n")
    mishap = errors(shell).last
    assert mishap is not None
    assert (mishap.number, mishap.source) == (2, "a = 1\n\nhalf(a)\n")
    assert mishap.line == 3, "of this cell, not of the one whose function failed"
    lines = mishap.text.splitlines()
    assert lines[0] == "Traceback (most recent call last):"
    assert lines[1:3] == ["  Cell In[2], line 3, in <module>", "    half(a)"]
    assert lines[3:5] == ["  Cell In[1], line 2, in half", "    return x / 0"]
    assert lines[-1] == "ZeroDivisionError: division by zero"
    assert "site-packages" not in mishap.text


def test_a_syntax_error_names_its_line(shell: Any) -> None:
    run(shell, "a = 1\nb = (2\n")
    mishap = errors(shell).last
    assert mishap is not None
    assert mishap.line == 2
    assert "b = (2" in mishap.text
    assert "SyntaxError" in mishap.text


def test_deep_recursion_is_told_in_a_few_lines(shell: Any) -> None:
    # Python's own limit would be ten times as deep: IPython, which shows the error, too, searches
    # all loaded modules for each frame, minutes where other tests have loaded many.
    run(shell, "def f(n):\n    if n == 100:\n        raise RecursionError\n    f(n + 1)\nf(0)")
    text = errors(shell)[-1]
    assert "RecursionError" in text
    assert "frames" in text
    assert len(text.splitlines()) < 20


def test_a_long_message_is_cut(shell: Any) -> None:
    run(shell, "raise ValueError('x' * 100_000)")
    assert len(errors(shell)[1]) < 2_000


@pytest.mark.parametrize("source", ["raise KeyboardInterrupt", "%ai lits", "1 + 1"])
def test_what_cannot_be_mended_is_not_kept(shell: Any, source: str) -> None:
    run(shell, "1 / 0")
    run(shell, source)
    assert list(errors(shell)) == [1]


def test_an_error_does_not_keep_the_cells_data_alive(shell: Any) -> None:
    run(shell, "class Big: pass\nbig = Big()\n1 / 0")
    gone = weakref.ref(shell.user_ns["big"])
    run(shell, "raise ValueError('another')")  # Python itself keeps the last one's frames
    run(shell, "del big")
    gc.collect()
    assert gone() is None


def test_an_error_from_before_we_came_is_found(home: Path) -> None:
    shell = InteractiveShell()
    run(shell, "x = 1\nx.nothing")
    run(shell, "2 + 2")
    mishap = last_of_python(shell)
    assert mishap is not None
    assert (mishap.number, mishap.source) == (1, "x = 1\nx.nothing")
    assert "AttributeError" in mishap.text
    shell.history_manager.end_session()


def test_the_oldest_go_and_negative_numbers_count_back() -> None:
    kept = Errors()
    for number in range(1, KEPT + 11):
        kept.keep(Mishap(number, "", f"error {number}", None))
    assert len(kept) == KEPT
    assert (kept[-1], kept[-2]) == ("error 110", "error 109")
    assert kept.of_cell(11) is not None
    assert kept.of_cell(10) is None
    with pytest.raises(KeyError):
        kept[3]
    with pytest.raises(KeyError):
        kept[-101]
