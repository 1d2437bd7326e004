"""The prompts of %ai fix and %ai explain."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest

from local_assistant.errors import AssistantError
from local_assistant.lab.magics.mishaps import Errors, Mishap
from local_assistant.lab.magics.repair import (
    around,
    budget,
    end_of,
    explain_prompt,
    fix_prompt,
    names_in,
    target,
)


class Row:
    """What a user may have: looking at it is not free."""

    @property
    def shape(self) -> tuple[int]:
        raise RuntimeError("looked at")


MISHAP = Mishap(3, 'total = df["pirce"].sum()', "KeyError: 'pirce'", 1)
NAMES: dict[str, Any] = {"df": pd.DataFrame({"price": [1.0]}), "secret": "s3cret", "n": 5}


def test_a_fix_is_asked_for_with_cell_error_and_columns() -> None:
    prompt = fix_prompt(MISHAP, NAMES, 3_000)
    for said in (MISHAP.source, MISHAP.text, "df: pandas DataFrame, 1 rows", "price: float64"):
        assert said in prompt
    assert prompt.endswith("in one fenced Python block.")
    assert "secret" not in prompt


@pytest.mark.parametrize("characters", [600, 1_536, 8_000])
def test_a_prompt_stays_within_its_room(characters: int) -> None:
    source = "\n".join(f"value_{i} = compute_{i}(df, {i})" for i in range(2_000))
    text = "\n".join(f"  frame {i}" for i in range(2_000)) + "\nKeyError: 'pirce'"
    prompt = fix_prompt(Mishap(3, source, text, 1_000), NAMES, characters)
    assert len(prompt) <= characters + 400  # the task itself, and the names of the blocks
    assert "value_999 = " in prompt
    assert "KeyError: 'pirce'" in prompt


def test_the_room_is_half_of_the_window() -> None:
    assert budget(1_024) == 1_536
    assert budget(4_096) == 6_144
    assert budget(None) == budget(1_000_000) == 8_000


def test_a_long_cell_is_shown_around_its_line() -> None:
    shown = around("\n".join(f"line{i}" for i in range(100)), 50, 60).splitlines()
    assert shown[0] == "# … 45 lines above"
    assert "line49" in shown
    assert shown[-1].endswith("lines below")
    assert around("x" * 500, None, 60) == "x" * 60


def test_the_end_of_a_traceback_stays() -> None:
    assert end_of("short", 10) == "short"
    assert end_of("first\nsecond\nKeyError: 1", 14) == "…KeyError: 1"
    assert len(end_of("x" * 100, 10)) == 11


def test_names_are_told_by_their_kind_never_by_their_value() -> None:
    told = names_in("print(df, secret, n, len(df), unknown)", NAMES, 500)
    assert "secret: str of length 6" in told
    assert "s3cret" not in told
    assert "n: int" in told
    assert "len" not in told.replace("length", "")
    assert names_in("array, row", {"array": np.zeros((2, 3)), "row": Row()}, 500) == (
        "array: ndarray of shape (2, 3)\nrow: Row"
    )
    assert names_in("this is no python", NAMES, 500) == ""


def test_a_lazy_frame_that_names_what_is_not_there_is_told_all_the_same() -> None:
    """Looking at it fails as the cell did: that is the error to be mended."""
    lazy = pl.LazyFrame({"name": [1]}).select("nme")
    assert names_in("lazy.collect()", {"lazy": lazy}, 500) == "lazy: LazyFrame"


def test_what_is_explained() -> None:
    errors = Errors()
    errors.keep(MISHAP)
    cells = ["", "x = 1", "%ai list", MISHAP.source, "%%ai\nWhy?", "%ai explain"]
    assert target(None, cells, errors, {}) == (MISHAP.source, MISHAP)
    assert target("1", cells, errors, {}) == ("x = 1", None)
    source, mishap = target("budget", cells, errors, {"budget": budget})
    assert source.startswith("def budget(")
    assert mishap is None
    assert "def head(self" in target("pd.DataFrame.head", cells, errors, {"pd": pd})[0]


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("9", "There is no cell 9"),
        ("2", "There is no cell 2"),
        ("bugdet", "Did you mean budget?"),
        ("n", "n has no Python source (int)"),
        ("n.real.nothing", "n.real.nothing has no value"),
        (None, "No cell has been run yet"),
    ],
)
def test_what_cannot_be_explained_is_said(word: str | None, said: str) -> None:
    names = {"budget": budget, "n": 5}
    with pytest.raises(AssistantError, match=said.replace("(", r"\(").replace(")", r"\)")):
        target(word, ["", "%ai help", "%ai explain"], Errors(), names)


def test_an_explanation_is_asked_for() -> None:
    assert "why it fails" in explain_prompt("x", MISHAP, {}, 2_000)
    assert "fails" not in explain_prompt("x", None, {}, 2_000)
