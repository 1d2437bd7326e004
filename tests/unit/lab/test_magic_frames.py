"""Data frames in a prompt: what is told of them, and what that touches."""

from __future__ import annotations

import tracemalloc
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest

from local_assistant.lab.magics.frames import BUDGET, describe, is_frame, summary
from local_assistant.lab.magics.interpolate import interpolate

CITIES = {"city": ["Rome", "Zürich", "東京"], "area": [1285.0, 87.9, 2194.0]}
BOTH = [pd.DataFrame, pl.DataFrame]


@pytest.mark.parametrize("make", BOTH)
def test_columns_types_and_first_rows_are_told(make: Any) -> None:
    told = describe(make(CITIES)).splitlines()
    assert "DataFrame, 3 rows × 2 columns" in told[0]
    assert told[1].startswith("columns: city: ")
    assert "area: " in told[1].lower() and "64" in told[1]
    assert told[2:] == [
        "first 3 of 3 rows:",
        "city,area",
        "Rome,1285.0",
        "Zürich,87.9",
        "東京,2194.0",
    ]


@pytest.mark.parametrize("make", BOTH)
def test_many_columns_stay_within_the_budget(make: Any) -> None:
    frame = make({f"measurement_{i}": [float(i)] * 9 for i in range(3_000)})
    told = describe(frame)
    assert len(told) <= BUDGET
    assert "3,000 columns" in told
    assert "more columns" in told


@pytest.mark.parametrize("make", BOTH)
def test_long_cells_are_cut(make: Any) -> None:
    told = describe(make({"text": ["word " * 1_000, 'a "quoted", one\nof two lines']}))
    assert "…" in told
    assert len(told) < 400
    assert '"a ""quoted"", one of two lines"' in told


@pytest.mark.parametrize("make", BOTH)
def test_an_empty_frame_has_no_rows_to_show(make: Any) -> None:
    assert "0 rows × 1 columns" in describe(make({"a": []}))
    assert describe(make()).endswith("0 rows × 0 columns")


@pytest.mark.parametrize("make", BOTH)
def test_fifty_megabytes_cost_next_to_nothing(make: Any) -> None:
    """Measured in memory, which does not depend on how busy the machine is."""
    frame = make({name: np.zeros(1_300_000) for name in "abcde"})
    tracemalloc.start()
    try:
        told = interpolate("{frame}", {"frame": frame})
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert "1,300,000 rows × 5 columns" in told
    assert len(told) <= BUDGET
    assert peak < 1_000_000


def test_the_index_is_told_where_it_says_something() -> None:
    frame = pd.DataFrame({"a": [1, 2]}, index=pd.Index(["x", "y"], name="key"))
    assert describe(frame).splitlines()[-3:] == ["key,a", "x,1", "y,2"]
    grouped = pd.DataFrame({"k": [1, 1], "l": [2, 3], "v": [1, 2]}).groupby(["k", "l"]).agg(["sum"])
    assert "v / sum" in describe(grouped)
    assert "1 / 2,1" in describe(grouped)


def test_columns_of_one_name_are_all_told() -> None:
    assert describe(pd.DataFrame([[1, "x"]], columns=["a", "a"])).count("a: ") == 2


@pytest.mark.parametrize("series", [pd.Series([1, 2], name="n"), pl.Series("n", [1, 2])])
def test_a_series_is_told(series: Any) -> None:
    assert "Series, 2 values" in describe(series)
    assert describe(series).splitlines()[-3:] == ["n", "1", "2"]


def test_a_lazy_frame_is_not_computed() -> None:
    def fail(_: object) -> object:
        raise RuntimeError("computed")

    lazy = pl.LazyFrame(CITIES).map_batches(fail, schema={"city": pl.String})
    assert describe(lazy).splitlines() == [
        "polars LazyFrame, not computed, 1 columns", "columns: city: String"
    ]  # fmt: skip


def test_a_subclass_is_a_frame_too() -> None:
    class Named(pd.DataFrame):  # type: ignore[misc]
        pass

    assert is_frame(Named(CITIES))
    assert not any(map(is_frame, ([1], {"a": 1}, "DataFrame", np.zeros(3), pd.DataFrame)))


def test_a_conversion_asks_for_the_librarys_own_words() -> None:
    frame = pd.DataFrame(CITIES)
    assert interpolate("{frame!s}", {"frame": frame}) == str(frame)
    assert interpolate("{frame.shape}", {"frame": frame}) == "(3, 2)"
    assert interpolate("{frame[area].max()}", {"frame": frame}) == "2194.0"
    assert interpolate("{frame.head(1)}", {"frame": frame}).startswith("pandas DataFrame, 1 rows")


def test_a_summary_has_no_values() -> None:
    assert summary(pd.DataFrame(CITIES), 300).startswith("pandas DataFrame, 3 rows × 2 columns; ")
    assert "Rome" not in summary(pd.DataFrame(CITIES), 300)
