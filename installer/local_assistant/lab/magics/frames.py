"""A data frame in a prompt: its columns and its first rows, never all of it.

Contract: works on pandas' and polars' frames and series, and imports neither. What a
description costs does not grow with the number of rows or of columns: only the first few of
both are touched. A lazy frame is not computed. The text stays within its budget, which is in
characters, and says how much there is beyond what it shows.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

BUDGET = 1_600
"""Characters for one frame, about 500 tokens: a small model reads 4,096 at once."""

_LIBRARIES = ("pandas", "polars")
_KINDS = ("DataFrame", "LazyFrame", "Series")
_MAX_COLUMNS = 60
_MAX_ROWS = 5
_MAX_CELL = 40
_SCHEMA_SHARE = 0.5


@dataclass(frozen=True)
class _Table:
    """The corner of a frame that may be shown."""

    head: str
    schema: list[tuple[str, str]]
    columns: int
    names: list[str]
    rows: list[list[Any]]
    total: int | None


def is_frame(value: object) -> bool:
    """Return whether ``value`` is a frame or a series of pandas or polars."""
    return _kind(value) is not None


def describe(value: object, budget: int = BUDGET) -> str:
    """Return columns, types and first rows of a frame as text."""
    table = _table(value)
    lines = [table.head, *_schema(table, int(budget * _SCHEMA_SHARE))]
    used = sum(len(line) + 1 for line in lines)
    return "\n".join([*lines, *_rows(table, budget - used)])


def summary(value: object, budget: int) -> str:
    """Return columns and types alone, on one line."""
    table = _table(value)
    return "; ".join([table.head, *_schema(table, budget)])


def _table(value: object) -> _Table:
    library, kind = _kind(value) or ("", "")
    table = _polars(value, kind) if library == "polars" else _pandas(value, kind)
    return replace(table, head=f"{library} {table.head}")


def _kind(value: object) -> tuple[str, str] | None:
    for base in type(value).__mro__:
        library = base.__module__.partition(".")[0]
        if library in _LIBRARIES and base.__name__ in _KINDS:
            return library, base.__name__
    return None


def _pandas(value: Any, kind: str) -> _Table:
    if kind == "Series":
        total = len(value)
        schema = [(str(value.name if value.name is not None else "value"), str(value.dtype))]
        corner = value.iloc[:_MAX_ROWS].to_frame(name=schema[0][0])
        head, columns = f"Series, {total:,} values", 1
    else:
        total, columns = value.shape
        corner = value.iloc[:_MAX_ROWS, :_MAX_COLUMNS]
        # By position: two columns may have one name.
        types = [str(kind) for kind in value.dtypes.iloc[:_MAX_COLUMNS]]
        schema = list(zip(map(_label, corner.columns), types, strict=True))
        head = f"DataFrame, {total:,} rows × {columns:,} columns"
    names = [name for name, _ in schema]
    rows = [list(row) for row in corner.itertuples(index=False, name=None)]
    if type(corner.index).__name__ != "RangeIndex":
        names = [" ".join(str(name or "index") for name in corner.index.names), *names]
        rows = [[_label(key), *row] for key, row in zip(corner.index, rows, strict=True)]
    return _Table(head, schema, columns, names, rows, total)


def _polars(value: Any, kind: str) -> _Table:
    if kind == "LazyFrame":
        fields = list(value.collect_schema().items())
        schema = [(name, str(dtype)) for name, dtype in fields[:_MAX_COLUMNS]]
        head = f"LazyFrame, not computed, {len(fields):,} columns"
        return _Table(head, schema, len(fields), [], [], None)
    if kind == "Series":
        value, what = value.to_frame(), "Series, {rows:,} values"
    else:
        what = "DataFrame, {rows:,} rows × {columns:,} columns"
    total, columns = value.shape
    fields = list(zip(value.columns, value.dtypes, strict=True))[:_MAX_COLUMNS]
    schema = [(name or "value", str(dtype)) for name, dtype in fields]
    corner = value[:_MAX_ROWS, : len(fields)]
    rows = [list(row) for row in corner.rows()]
    head = what.format(rows=total, columns=columns)
    return _Table(head, schema, columns, [name for name, _ in schema], rows, total)


def _label(key: object) -> str:
    return " / ".join(map(str, key)) if isinstance(key, tuple) else str(key)


def _schema(table: _Table, budget: int) -> list[str]:
    entries: list[str] = []
    for name, kind in table.schema:
        entry = f"{_cut(name)}: {kind}"
        budget -= len(entry) + 2
        if budget < 0 and entries:
            break
        entries.append(entry)
    more = table.columns - len(entries)
    tail = f", and {more:,} more columns" if more else ""
    return [f"columns: {', '.join(entries)}{tail}"] if entries else []


def _rows(table: _Table, budget: int) -> list[str]:
    """Return the first rows as CSV, as many as fit; where none does, the first is cut short."""
    if not table.rows:
        return []
    heading = f"first {{count}} of {table.total:,} rows:"
    lines = [_csv(table.names), *(_csv(row) for row in table.rows)]
    budget -= len(heading) + 1
    shown: list[str] = []
    for line in lines:
        budget -= len(line) + 1
        if budget < 0:
            break
        shown.append(line)
    if len(shown) < 2:
        return []
    return [heading.format(count=len(shown) - 1), *shown]


def _csv(values: Iterable[Any]) -> str:
    line = io.StringIO()
    csv.writer(line, lineterminator="").writerow([_cut(str(value)) for value in values])
    return line.getvalue()


def _cut(text: str) -> str:
    text = " ".join(text.split()) if any(c in text for c in "\r\n\t") else text
    return text if len(text) <= _MAX_CELL else f"{text[: _MAX_CELL - 1]}…"
