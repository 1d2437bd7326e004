"""The typed trace of the ghost text benchmark: a notebook of 40 cells, and 300 keys.

Contract: the same bytes on every run and for every client. Keys come at a fixed interval; at
a pause the typist waits for ghost text. Pauses are at the end of a line and after a whole
token (a space, a bracket, a dot): random weights never complete a half-typed word, so a pause
inside a word would measure who guesses, not who is fast. None is on a blank line either,
where JupyterLab asks nobody by itself.
"""

from __future__ import annotations

from dataclasses import dataclass

CELLS = 40
TYPED_CELL = 20
KEYS = 300
KEY_INTERVAL_MS = 120

_PAUSE = "¦"
# Indentation is JupyterLab's own; `⌫` takes one level of it away.
_TEXT = """\
def load_region(path: ¦str, year: ¦int) -> ¦pd.¦DataFrame:¦
frame = ¦pd.¦read_csv(¦path)
frame["month"] = ¦frame["date"].¦dt.¦month
return ¦frame[frame["year"] == ¦year]
⌫
north = ¦load_region(¦"north.csv", ¦2025)
by_month = ¦north.¦groupby("month").¦agg({"price": ¦"mean"})
axis = ¦by_month.¦plot(¦kind="bar", ¦title="Mean price")
axis.¦set_xlabel(¦"month")
"""


@dataclass(frozen=True)
class Key:
    """One key as Playwright names it, and whether the typist waits after it."""

    name: str
    pause: bool = False


def keys() -> list[Key]:
    """Return the trace: exactly ``KEYS`` keys."""
    names: list[str] = []
    pauses: set[int] = set()
    for char in _TEXT:
        if char == _PAUSE:
            pauses.add(len(names) - 1)
        else:
            names.append({"\n": "Enter", "⌫": "Backspace"}.get(char, char))
    return [Key(name, index in pauses) for index, name in enumerate(names[:KEYS])]


def notebook() -> dict[str, object]:
    """Return a notebook (nbformat 4) of ``CELLS`` cells; the one to type in is empty."""
    metadata = {
        "kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"},
        "language_info": {"name": "python"},
    }
    return {"nbformat": 4, "nbformat_minor": 5, "metadata": metadata, "cells": cells()}


def cells() -> list[dict[str, object]]:
    """Return the notebook's cells."""
    return [_cell(number) for number in range(CELLS)]


def _cell(number: int) -> dict[str, object]:
    if number % 5 == 3 and number != TYPED_CELL:
        source = f"## Step {number}\n\nCompare the prices of region {number} with the year before."
        return {"cell_type": "markdown", "id": f"cell-{number}", "metadata": {}, "source": source}
    source = "" if number == TYPED_CELL else _code(number)
    return {
        "cell_type": "code", "id": f"cell-{number}", "metadata": {}, "source": source,
        "outputs": [], "execution_count": None,
    }  # fmt: skip


def _code(number: int) -> str:
    if number == 0:
        return "import numpy as np\nimport pandas as pd\nimport matplotlib.pyplot as plt"
    return (
        f"def clean_{number}(frame, column='price'):\n"
        f"    frame = frame.dropna(subset=[column])\n"
        f"    low, high = frame[column].quantile([0.0{number % 9 + 1}, 0.9{number % 9}])\n"
        f"    return frame[frame[column].between(low, high)]\n\n"
        f"table_{number} = clean_{number}(pd.read_csv('region_{number}.csv'))\n"
        f"table_{number}.groupby('month')['price'].mean().plot(title='Region {number}')"
    )
