"""What a setting accepts, and what was found instead, in words for people.

Contract: pure functions over the schema; used by error messages and the reference page,
so that both say the same.
"""

from __future__ import annotations

import difflib
import types
from collections.abc import Iterable
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from local_assistant.config.schema import Expected, Table, tables

_MAX_SHOWN = 60


def expected(dotted: str) -> str:
    """Return what the setting ``table.key`` accepts."""
    table, _, key = dotted.partition(".")
    field = tables()[table].model_fields[key]
    # pydantic moves the outermost metadata out of the annotation.
    annotation: Any = field.annotation
    return _words(annotation, list(field.metadata))


def choices(dotted: str) -> list[str]:
    """Return the values of a setting that has a fixed list of them, else an empty list."""
    table, _, key = dotted.partition(".")
    annotation = tables()[table].model_fields[key].annotation
    return [str(value) for value in get_args(annotation)] if _is_literal(annotation) else []


def default(dotted: str) -> object:
    """Return a setting's default."""
    table, _, key = dotted.partition(".")
    return tables()[table].model_fields[key].default


def description(dotted: str) -> str:
    """Return a setting's description."""
    table, _, key = dotted.partition(".")
    return tables()[table].model_fields[key].description or ""


def _is_literal(annotation: object) -> bool:
    return get_origin(annotation) is Literal


def _words(annotation: Any, metadata: Iterable[object]) -> str:
    if get_origin(annotation) is Annotated:
        inner, *more = get_args(annotation)
        return _words(inner, [*metadata, *more])
    if get_origin(annotation) in (Union, types.UnionType):
        options = [option for option in get_args(annotation) if option is not type(None)]
        return _words(options[0], metadata)
    for item in metadata:
        if isinstance(item, Expected):
            return item.words
    if _is_literal(annotation):
        return "one of " + ", ".join(f'"{value}"' for value in get_args(annotation))
    if annotation is bool:
        return "true or false"
    low, high = _limits(metadata)
    noun = "a whole number" if annotation is int else "a number"
    return f"{noun} from {low} to {high}"


def _limits(metadata: Iterable[object]) -> tuple[int, int]:
    """Return the bounds of a number; every number in the schema has both."""
    low = high = 0
    pending = list(metadata)
    while pending:
        item: Any = pending.pop()
        pending.extend(getattr(item, "metadata", ()))
        low = getattr(item, "ge", None) or low
        high = getattr(item, "le", None) or high
    return low, high


def found(value: object, *, shorten: bool = True) -> str:
    """Return a value as it may stand in a message, in TOML's form."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        shown = value if len(value) <= _MAX_SHOWN or not shorten else value[: _MAX_SHOWN - 1] + "…"
        if not shown.isprintable():
            shown = shown.encode("unicode_escape").decode("ascii")
        return f'"{shown}"'
    if isinstance(value, (int, float)):
        return f"{value}"
    if isinstance(value, dict):
        return "a table"
    if isinstance(value, list):
        return "a list"
    return f"{value}"


def nearest(word: str, candidates: Iterable[str]) -> str | None:
    """Return the candidate that ``word`` was probably meant to be."""
    by_folded = {candidate.casefold(): candidate for candidate in candidates}
    folded = word.casefold().replace("-", "_")
    close = difflib.get_close_matches(folded, by_folded, n=1, cutoff=0.6)
    return by_folded[close[0]] if close else None


def nearest_key(table: str, key: str) -> str | None:
    """Return the setting that ``key`` in ``[table]`` was probably meant to be.

    A word of the same table wins; else one that exists in another table, with that table.
    """
    schema = tables()
    if table in schema:
        here = nearest(key, schema[table].model_fields)
        if here:
            return here
    elsewhere = [name for name, model in schema.items() if _has(model, key)]
    return f"[{elsewhere[0]}] {key}" if elsewhere else None


def _has(model: type[Table], key: str) -> bool:
    return key in model.model_fields
