"""The functions of templates: Go's own and those that Ollama adds.

Contract: each takes evaluated arguments and returns a value; a wrong use raises
:class:`FunctionError` with Go's words. ``and`` and ``or`` are not here: they evaluate their
arguments one by one, which the runtime does.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from local_assistant.engine.gotemplate import printing, values
from local_assistant.engine.gotemplate.values import NIL, concrete, type_name


class FunctionError(Exception):
    """A function cannot do what it is asked to; the message is Go's."""


@dataclass(frozen=True)
class Builtin:
    """A function and how many arguments it takes; ``most`` is ``None`` for any number.

    ``strings`` says that leading arguments must be strings: how many, or all (-1).
    """

    call: Callable[..., Any]
    least: int
    most: int | None
    strings: int = 0


def _kind(value: Any) -> str:
    if isinstance(value, bool):
        return "bool"
    for kind, name in ((str, "string"), (int, "int"), (float, "float")):
        if isinstance(value, kind):
            return name
    return ""


def _equal(first: Any, *others: Any) -> bool:
    first = concrete(first)
    if not others:
        raise FunctionError("missing argument for comparison")
    for other in map(concrete, others):
        if _kind(first) != _kind(other):
            if first is not None and other is not None:
                raise FunctionError(
                    f"incompatible types for comparison: {type_name(first)} and {type_name(other)}"
                )
        elif _kind(first):
            if first == other:
                return True
        elif first is None or other is None:
            # An empty slice or map of a type stands for Go's nil one.
            if not first and not other:
                return True
        elif isinstance(first, (list, dict)) or type(first) is not type(other):
            raise FunctionError(f"non-comparable type {values.to_text(first)}: {type_name(first)}")
        elif first is other:
            return True
    return False


def _less(first: Any, second: Any) -> bool:
    first, second = concrete(first), concrete(second)
    if not _kind(first) or not _kind(second):
        raise FunctionError("invalid type for comparison")
    if _kind(first) != _kind(second):
        raise FunctionError(
            f"incompatible types for comparison: {type_name(first)} and {type_name(second)}"
        )
    if isinstance(first, bool):
        raise FunctionError("invalid type for comparison")
    if isinstance(first, str):
        return first.encode("utf-8", "replace") < str(second).encode("utf-8", "replace")
    return bool(first < second)


def _less_or_equal(first: Any, second: Any) -> bool:
    return _less(first, second) or _equal(first, second)


def _length(value: Any) -> int:
    size = values.length(value)
    if size is not None:
        return size
    if value is NIL:
        raise FunctionError("len of nil pointer")
    if value is None:
        raise FunctionError("reflect: call of reflect.Value.Type on zero Value")
    raise FunctionError(f"len of type {type_name(value)}")


def _position(index: Any, most: int) -> int:
    index = concrete(index)
    if index is None:
        raise FunctionError("cannot index slice/array with nil")
    if not isinstance(index, int) or isinstance(index, bool):
        raise FunctionError(f"cannot index slice/array with type {type_name(index)}")
    if not 0 <= index <= most:
        raise FunctionError(f"index out of range: {index}")
    return index


def _index(item: Any, *indexes: Any) -> Any:
    if concrete(item) is None:
        raise FunctionError("index of untyped nil")
    for index in indexes:
        if item is NIL:
            raise FunctionError("index of nil pointer")
        if isinstance(item, (str, list)):
            data = item.encode("utf-8", "replace") if isinstance(item, str) else item
            position = _position(index, len(data))
            if position == len(data):
                raise FunctionError(f"reflect: {_kind_word(item)} index out of range")
            item = values.boxed(data[position])
        elif isinstance(item, dict):
            key = concrete(index)
            if not isinstance(key, str):
                what = (
                    "is nil; should be of type"
                    if key is None
                    else (f"has type {type_name(key)}; should be")
                )
                raise FunctionError(f"value {what} string")
            item = lookup(item, key)
        else:
            raise FunctionError(f"can't index item of type {type_name(item)}")
    return item


def _kind_word(item: Any) -> str:
    return "string" if isinstance(item, str) else "slice"


def lookup(table: dict[str, Any], key: str) -> Any:
    """Return a map's element, the zero of its type for a missing key."""
    if key in table:
        return values.boxed(table[key])
    return table.zero() if isinstance(table, values.GoMap) else NIL


def _slice(item: Any, *indexes: Any) -> Any:
    item = concrete(item)
    if item is None:
        raise FunctionError("slice of untyped nil")
    if len(indexes) > 3:
        raise FunctionError(f"too many slice indexes: {len(indexes)}")
    if not isinstance(item, (str, list)):
        raise FunctionError(f"can't slice item of type {type_name(item)}")
    if isinstance(item, str) and len(indexes) == 3:
        raise FunctionError("cannot 3-index slice a string")
    data: Any = item.encode("utf-8", "replace") if isinstance(item, str) else item
    bounds = [0, len(data)]
    found = [_position(index, len(data)) for index in indexes]
    bounds[: len(found)] = found
    for low, high in itertools.pairwise(bounds):
        if low > high:
            raise FunctionError(f"invalid slice index: {low} > {high}")
    part = data[bounds[0] : bounds[1]]
    if isinstance(part, bytes):
        return part.decode("utf-8", errors="replace")
    return (
        values.GoList(part, item.go_type, item.methods) if isinstance(item, values.GoList) else part
    )


def _printf(form: str, *items: Any) -> str:
    try:
        return printing.sprintf(form, list(items))
    except ValueError as error:
        raise FunctionError(str(error)) from error


def _today(*_: Any) -> str:
    return date.today().isoformat()


def _yesterday(*_: Any) -> str:
    return (date.today() - timedelta(days=1)).isoformat()


def _typescript(value: Any) -> Any:
    method = getattr(value, "methods", {}).get("ToTypeScriptType")
    return method() if method else "any"


BUILTINS: dict[str, Builtin] = {
    "eq": Builtin(_equal, 1, None),
    "ne": Builtin(lambda first, second: not _equal(first, second), 2, 2),
    "lt": Builtin(_less, 2, 2),
    "le": Builtin(_less_or_equal, 2, 2),
    "gt": Builtin(lambda first, second: not _less_or_equal(first, second), 2, 2),
    "ge": Builtin(lambda first, second: not _less(first, second), 2, 2),
    "not": Builtin(lambda value: not values.truth(value), 1, 1),
    "len": Builtin(_length, 1, 1),
    "index": Builtin(_index, 1, None),
    "slice": Builtin(_slice, 1, None),
    "print": Builtin(lambda *items: printing.sprint(list(items)), 0, None),
    "println": Builtin(lambda *items: printing.sprintln(list(items)), 0, None),
    "printf": Builtin(_printf, 1, None, strings=1),
    "json": Builtin(values.to_json, 1, 1),
    "currentDate": Builtin(_today, 0, None, strings=-1),
    "yesterdayDate": Builtin(_yesterday, 0, None, strings=-1),
    "toTypeScriptType": Builtin(_typescript, 1, 1),
}
NAMES = frozenset(BUILTINS) | {"and", "or"}
UNSUPPORTED = frozenset({"call", "html", "js", "urlquery"})
