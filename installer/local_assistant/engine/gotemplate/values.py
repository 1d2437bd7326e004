"""Go values as Python ones.

Contract: ``str``, ``bool``, ``int``, ``float``, ``list`` and ``dict`` stand for Go's string,
bool, int, float64, ``[]interface {}`` and ``map[string]interface {}``; a :class:`Struct`,
:class:`GoList` or :class:`GoMap` has a Go type of its own and perhaps a ``String`` method.
``None`` is "no value"; :data:`NIL` is a nil that still has the type ``interface {}``, which
Go treats differently when a field of it is asked for.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any


class _Nil:
    def __repr__(self) -> str:
        return "NIL"

    def __bool__(self) -> bool:
        return False


NIL = _Nil()
Method = Callable[[], Any]


class Typed:
    """What has a Go type name and methods without arguments."""

    go_type = ""
    methods: dict[str, Method]


class GoList(list[Any], Typed):
    """A slice type with methods; made of ``None`` it is a nil slice, ``null`` in JSON."""

    def __init__(
        self, items: list[Any] | None, go_type: str, methods: dict[str, Method] | None = None
    ) -> None:
        super().__init__(items or [])
        self.nil = items is None
        self.go_type = go_type
        self.methods = methods or {}


class GoMap(dict[str, Any], Typed):
    """A map type with methods; ``zero`` is what a missing key gives, ``None`` a nil map."""

    def __init__(
        self,
        items: dict[str, Any] | None,
        go_type: str,
        methods: dict[str, Method] | None = None,
        zero: Callable[[], Any] = lambda: NIL,
    ) -> None:
        super().__init__(items or {})
        self.nil = items is None
        self.go_type = go_type
        self.methods = methods or {}
        self.zero = zero


class Struct(Typed):
    """A struct: its fields in order, and which of them JSON shows under which name.

    ``json_names`` maps a field to its name in JSON and when it is left out there: ``"never"``,
    ``"empty"`` or ``"nil"``; fields that it lacks appear under their own names.
    """

    def __init__(
        self,
        go_type: str,
        fields: dict[str, Any],
        json_names: dict[str, tuple[str, str]] | None = None,
        methods: dict[str, Method] | None = None,
    ) -> None:
        self.go_type = go_type
        self.fields = fields
        self.json_names = json_names or {}
        self.methods = methods or {}


def concrete(value: Any) -> Any:
    """Return a value without the interface around it."""
    return None if value is NIL else value


def boxed(value: Any) -> Any:
    """Return an element of an untyped list or map: its nil keeps the interface type."""
    return NIL if value is None else value


def truth(value: Any) -> bool:
    """Return whether a value is not the zero of its type; a struct always is."""
    return isinstance(value, Struct) or bool(concrete(value))


def type_name(value: Any) -> str:
    """Return the name of a value's Go type."""
    if isinstance(value, Typed):
        return value.go_type
    if isinstance(value, bool):
        return "bool"
    names = ((str, "string"), (int, "int"), (float, "float64"), (list, "[]interface {}"),
             (dict, "map[string]interface {}"))  # fmt: skip
    return next((name for kind, name in names if isinstance(value, kind)), "interface {}")


def length(value: Any) -> int | None:
    """Return Go's ``len``: bytes of a string; ``None`` for what has no length."""
    if isinstance(value, str):
        return len(value.encode("utf-8", errors="replace"))
    return len(value) if isinstance(value, (list, dict)) else None


# JSON

_ESCAPED = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028",
            "\u2029": "\\u2029"}  # fmt: skip
_TO_ESCAPE = re.compile("[<>&\u2028\u2029]")


def to_json(value: Any) -> str:
    """Return what Go's ``json.Marshal`` makes of a value; ``""`` where it fails."""
    try:
        return "".join(_json_parts(value))
    except ValueError:  # not a number, or infinite: Marshal fails, Ollama writes nothing
        return ""


def _json_parts(value: Any) -> Iterator[str]:
    value = concrete(value)
    marshal = value.methods.get("MarshalJSON") if isinstance(value, Typed) else None
    if marshal is not None:
        yield from _json_parts(marshal())
    elif getattr(value, "nil", False):
        yield "null"
    elif isinstance(value, str):
        yield _json_string(value)
    elif isinstance(value, float):
        yield _json_float(value)
    elif isinstance(value, Struct):
        yield from _json_object(_json_fields(value))
    elif isinstance(value, dict):
        yield from _json_object((key, value[key]) for key in sorted(value, key=_utf8))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield "," if index else "["
            yield from _json_parts(item)
        yield "]" if value else "[]"
    else:
        yield json.dumps(value)


def _json_object(items: Any) -> Iterator[str]:
    first = True
    for key, item in items:
        yield f"{'{' if first else ','}{_json_string(key)}:"
        yield from _json_parts(item)
        first = False
    yield "{}" if first else "}"


def _json_fields(struct: Struct) -> Iterator[tuple[str, Any]]:
    for field, item in struct.fields.items():
        name, omit = struct.json_names.get(field, (field, "never"))
        absent = concrete(item) is None if omit == "nil" else not truth(item)
        if omit == "never" or not absent:
            yield name, item


def _json_string(text: str) -> str:
    return escaped(json.dumps(text, ensure_ascii=False))


def escaped(quoted: str) -> str:
    """Return JSON with the escapes that Go makes for HTML."""
    return _TO_ESCAPE.sub(lambda match: _ESCAPED[match[0]], quoted)


def _json_float(value: float) -> str:
    if not math.isfinite(value):
        raise ValueError("unsupported value")
    if value == 0 or 1e-6 <= abs(value) < 1e21:
        return _plain(value)
    return _scientific(value, width=1)


def _utf8(text: str) -> bytes:
    return text.encode("utf-8", errors="replace")


# Text


def shortest(value: float) -> str:
    """Return a float as Go's ``%v``: in exponent form below 1e-4 and from 1e6 on."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    if value == 0 or 1e-4 <= abs(value) < 1e6:
        return _plain(value)
    return _scientific(value, width=2)


def _scientific(value: float, *, width: int) -> str:
    number = Decimal(repr(value)).normalize()
    digits = "".join(str(digit) for digit in number.as_tuple().digits)
    mantissa = digits[0] + ("." + digits[1:] if len(digits) > 1 else "")
    exponent = number.adjusted()
    sign = "-" if value < 0 else ""
    return f"{sign}{mantissa}e{'-' if exponent < 0 else '+'}{abs(exponent):0{width}d}"


def _plain(value: float) -> str:
    if value == 0:
        return "-0" if math.copysign(1, value) < 0 else "0"
    return f"{Decimal(repr(value)).normalize():f}"


def to_text(value: Any) -> str:
    """Return what Go's ``%v`` makes of a value."""
    value = concrete(value)
    if value is None:
        return "<nil>"
    if isinstance(value, Typed) and "String" in value.methods:
        return str(value.methods["String"]())
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return shortest(value)
    if isinstance(value, Struct):
        return "{" + " ".join(to_text(item) for item in value.fields.values()) + "}"
    if isinstance(value, dict):
        pairs = (f"{key}:{to_text(value[key])}" for key in sorted(value, key=_utf8))
        return "map[" + " ".join(pairs) + "]"
    if isinstance(value, list):
        return "[" + " ".join(to_text(item) for item in value) + "]"
    return str(value)
