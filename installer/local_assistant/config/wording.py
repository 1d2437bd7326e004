"""What a setting accepts, and what was found instead, in words for people.

Contract: pure functions over the schema; used by error messages and the reference page,
so that both say the same.
"""

from __future__ import annotations

import difflib
import re
import types
from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated, Any, Literal, Union, get_args, get_origin

from local_assistant.config.schema import OWN_PRESETS, Expected, PresetConfig, Table, tables

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo

_MAX_SHOWN = 60


def expected(dotted: str) -> str:
    """Return what the setting ``table.key`` accepts."""
    field = _field(dotted)
    # pydantic moves the outermost metadata out of the annotation.
    annotation: Any = field.annotation
    return _words(annotation, list(field.metadata))


def choices(dotted: str) -> list[str]:
    """Return the values that a setting always may have, if they can be listed."""
    field = _field(dotted)
    if _is_literal(field.annotation):
        return [str(value) for value in get_args(field.annotation)]
    named = (item.choices for item in field.metadata if isinstance(item, Expected))
    return list(next(named, ()))


def _field(dotted: str) -> FieldInfo:
    """Return what the schema says of ``table.key`` or ``presets.NAME.key``."""
    table, _, key = dotted.partition(".")
    if table == OWN_PRESETS:
        return PresetConfig.model_fields[key.rpartition(".")[2]]
    return tables()[table].model_fields[key]


def kind(dotted: str) -> str:
    """Return "bool", "int", "float" or "str": what a setting's value is."""
    table, _, key = dotted.partition(".")
    annotation = _plain(tables()[table].model_fields[key].annotation)
    return annotation.__name__ if annotation in (bool, int, float) else "str"


def limits(dotted: str) -> tuple[int | None, int | None]:
    """Return the least and the greatest value of a number; (None, None) for others."""
    if kind(dotted) not in ("int", "float"):
        return None, None
    table, _, key = dotted.partition(".")
    field = tables()[table].model_fields[key]
    metadata: list[Any] = list(field.metadata)
    for part in get_args(field.annotation):
        metadata += getattr(part, "__metadata__", ())
    return _limits(metadata)


def _plain(annotation: Any) -> Any:
    """Return an annotation without None and without metadata."""
    if get_origin(annotation) is Annotated:
        return _plain(get_args(annotation)[0])
    if get_origin(annotation) in (Union, types.UnionType):
        return _plain(next(part for part in get_args(annotation) if part is not type(None)))
    return annotation


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


_LOGIN = re.compile(r"(?<=://)[^/\s]*@")


def found(value: object, *, shorten: bool = True) -> str:
    """Return a value as it may stand in a message: in TOML's form, no password in an address."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        value = _LOGIN.sub("***@", value)
        shown = value if len(value) <= _MAX_SHOWN or not shorten else value[: _MAX_SHOWN - 1] + "…"
        return f'"{printable(shown)}"'
    if isinstance(value, (int, float)):
        return f"{value}"
    if isinstance(value, dict):
        return "a table"
    if isinstance(value, list):
        return "a list"
    return f"{value}"


def printable(text: str) -> str:
    """Return a text as it may go to a terminal: what is no visible character is spelled out."""
    return text if text.isprintable() else text.encode("unicode_escape").decode("ascii")


_BARE = re.compile(r"[A-Za-z0-9_-]+")


def named(*parts: str) -> str:
    """Return a dotted name as it may stand in a file, in quotes where it has to."""
    return ".".join(part if _BARE.fullmatch(part) else found(part) for part in parts)


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
