"""JSON bodies read into the fields of Go structures, as Ollama reads them.

Contract: pure. A shape (:class:`Struct` and the other kinds) says what is expected; the
result has the fields' own names and only what was set. Keys match in any case, ``null`` is
unset, unknown keys are ignored, only the first value in the body counts. What does not fit
raises :class:`Unfit` with the sentence of Go's decoder: the first wrong type in the order
of the body, but a value that reads itself (a duration) is refused before all others.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from local_assistant.engine.wire import gosyntax

_SPACE = re.compile(r"[ \t\r\n]*")
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")
_INT64 = 2**63
_MOST_EXPLAINED = 1 << 20
"""Bytes of a body of which Go's sentence is found: a mebibyte takes half a second."""
_FLOAT64 = 2**1024


class Unfit(ValueError):
    """The body is no JSON, or not of the wanted shape; the text is for the client."""


class Missing(Unfit):
    """There is no body."""

    def __init__(self) -> None:
        super().__init__("missing request body")


class Number(float):
    """A number with a fraction, an exponent, or more digits than an integer has here."""

    text: str

    @classmethod
    def read(cls, text: str) -> Number:
        number = cls(text)
        number.text = text
        return number


def parse(body: bytes) -> Any:
    """Return the first JSON value of ``body``.

    Raises:
        Unfit: there is none, or it is not JSON.
    """
    text = body.decode("utf-8", errors="replace")
    start = _SPACE.match(text)
    begin = start.end() if start else 0
    if begin == len(text):
        raise Missing
    try:
        value, _ = _DECODER.raw_decode(text, begin)
    except (ValueError, RecursionError) as error:
        long = len(body) > _MOST_EXPLAINED
        raise Unfit("invalid JSON" if long else gosyntax.explain(body)) from error
    if _SURROGATE.search(body):
        value = _whole(value)
    return value


def _integer(text: str) -> int | Number:
    return int(text) if len(text) < 400 else Number.read(text)


def _constant(name: str) -> Any:
    raise ValueError(name)


_DECODER = json.JSONDecoder(parse_float=Number.read, parse_int=_integer, parse_constant=_constant)


def _whole(value: Any) -> Any:
    """Return the value without halves of surrogate pairs, which are no characters."""
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, list):
        return [_whole(item) for item in value]
    if isinstance(value, dict):
        return {_whole(key): _whole(item) for key, item in value.items()}
    return value


class WrongType(Unfit):
    """A value of another JSON type than the field's."""

    def __init__(self, what: str, kind: str) -> None:
        super().__init__(what, kind)
        self.what = what
        self.kind = kind
        self.struct = ""
        self.path: tuple[str, ...] = ()

    def __str__(self) -> str:
        if self.struct or self.path:
            where = f"struct field {self.struct}.{'.'.join(self.path)}"
        else:
            where = "value"
        return f"json: cannot unmarshal {self.what} into Go {where} of type {self.kind}"


@dataclass
class _Place:
    """Where the decoder is, and the first wrong type it has seen."""

    struct: str = ""
    path: tuple[str, ...] = ()
    first: Unfit | None = None

    def note(self, error: Unfit) -> None:
        """Remember a wrong type; decoding goes on, as Go's does."""
        if isinstance(error, WrongType) and not error.struct:
            error.struct, error.path = self.struct, self.path + error.path
        if self.first is None:
            self.first = error


class Kind:
    """A Go type; ``read`` returns the value, or notes what is wrong and returns the zero."""

    name = "interface {}"

    def zero(self) -> Any:
        return None

    def read(self, value: Any, place: _Place) -> Any:
        _check_numbers(value, place)
        return value


class Text(Kind):
    name = "string"

    def zero(self) -> Any:
        return ""

    def read(self, value: Any, place: _Place) -> Any:
        if isinstance(value, str):
            return value
        place.note(WrongType(kind_of(value), self.name))
        return ""


class Flag(Kind):
    name = "bool"

    def zero(self) -> Any:
        return False

    def read(self, value: Any, place: _Place) -> Any:
        if isinstance(value, bool):
            return value
        place.note(WrongType(kind_of(value), self.name))
        return False


class Integer(Kind):
    def __init__(self, name: str = "int", low: int = -_INT64, high: int = _INT64 - 1) -> None:
        self.name = name
        self._low, self._high = low, high

    def zero(self) -> Any:
        return 0

    def read(self, value: Any, place: _Place) -> Any:
        if isinstance(value, int) and not isinstance(value, bool):
            if self._low <= value <= self._high:
                return value
            place.note(WrongType(f"number {value}", self.name))
        elif isinstance(value, Number):
            place.note(WrongType(f"number {value.text}", self.name))
        else:
            place.note(WrongType(kind_of(value), self.name))
        return 0


class Mapping(Kind):
    name = "map[string]interface {}"

    def zero(self) -> Any:
        return {}

    def read(self, value: Any, place: _Place) -> Any:
        if isinstance(value, dict):
            _check_numbers(value, place)
            return value
        place.note(WrongType(kind_of(value), self.name))
        return {}


class Sequence(Kind):
    def __init__(self, item: Kind, name: str = "") -> None:
        self.item = item
        self.name = name or f"[]{item.name}"

    def zero(self) -> Any:
        return []

    def read(self, value: Any, place: _Place) -> Any:
        if not isinstance(value, list):
            place.note(WrongType(kind_of(value), self.name))
            return []
        return [self.item.zero() if each is None else self.item.read(each, place) for each in value]


class Struct(Kind):
    """A structure: its Go name and its fields by their JSON names."""

    def __init__(self, name: str, fields: dict[str, Kind] | None = None) -> None:
        self.name = name
        self.fields = fields or {}

    def zero(self) -> Any:
        return {}

    def read(self, value: Any, place: _Place) -> Any:
        if not isinstance(value, dict):
            place.note(WrongType(kind_of(value), self.name))
            return {}
        before = (place.struct, place.path)
        found: dict[str, Any] = {}
        for key, item in value.items():
            name = key if key in self.fields else key.lower()
            kind = self.fields.get(name)
            if kind is None:
                known = {each.lower(): each for each in self.fields}
                name = known.get(key.lower(), "")
                kind = self.fields.get(name)
            if kind is None or item is None:
                continue
            place.struct, place.path = self.name.rpartition(".")[2], (*before[1], name)
            found[name] = kind.read(item, place)
        place.struct, place.path = before
        return found


class Own(Kind):
    """A type that reads itself: what it raises ends the decoding.

    A wrong type inside is told with the place outside, as Go does.
    """

    def __init__(
        self,
        name: str,
        reader: Callable[[Any], Any],
        empty: Callable[[], Any] = lambda: None,
    ) -> None:
        self.name = name
        self.reader = reader
        self.empty = empty

    def zero(self) -> Any:
        return self.empty()

    def read(self, value: Any, place: _Place) -> Any:
        try:
            return self.reader(value)
        except WrongType as error:
            error.struct, error.path = place.struct, place.path + error.path
            raise


def inner(kind: Kind) -> Callable[[Any], Any]:
    """Return a reader of its own for ``kind``: its first wrong type is raised."""

    def read(value: Any) -> Any:
        place = _Place()
        result = kind.read(value, place)
        if place.first is not None:
            raise place.first
        return result

    return read


def decode(kind: Struct, body: bytes) -> dict[str, Any]:
    """Return the set fields of a request body.

    Raises:
        Missing: the body is empty.
        Unfit: it is no JSON, or something in it has the wrong type.
    """
    value = parse(body)
    if value is None:
        return {}
    result: dict[str, Any] = inner(kind)(value)
    return result


def kind_of(value: Any) -> str:
    """Return what Go's decoder calls a JSON value."""
    names = {str: "string", bool: "bool", list: "array", dict: "object", int: "number"}
    return names.get(type(value), "number")


def _check_numbers(value: Any, place: _Place) -> None:
    """Note a number that no float64 holds, in a value that is taken as it is."""
    if isinstance(value, dict):
        for item in value.values():
            _check_numbers(item, place)
    elif isinstance(value, list):
        for item in value:
            _check_numbers(item, place)
    elif isinstance(value, Number) and math.isinf(value):
        place.note(WrongType(f"number {value.text}", "float64"))
    elif isinstance(value, int) and abs(value) >= _FLOAT64:
        place.note(WrongType(f"number {value}", "float64"))
