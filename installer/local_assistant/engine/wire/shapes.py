"""What all ``/api`` endpoints share: errors, bodies read field by field, timestamps.

Contract: pure. Bodies are read leniently as Ollama reads them (keys in any case, ``null`` is
unset, unknown keys ignored) and refused with its sentences.
"""

from __future__ import annotations

import time
from datetime import datetime, timedelta, timezone
from typing import Any

from local_assistant.engine.wire import gojson

_GO_TYPES = {str: "string", bool: "bool", list: "[]interface {}", dict: "map[string]interface {}",
             int: "int"}  # fmt: skip
_FOR_EVER = datetime(2318, 1, 1, tzinfo=timezone.utc).timestamp()


class ApiError(Exception):
    """An answer that is an error: status and the text of ``{"error": …}``."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


class Fields:
    """The object of a request body, read field by field."""

    def __init__(self, body: bytes, type_name: str) -> None:
        self._type = type_name
        try:
            value = gojson.parse(body)
        except gojson.Unfit as error:
            raise ApiError(400, str(error)) from error
        if not isinstance(value, (dict, type(None))):
            kind = gojson.kind_of(value)
            raise ApiError(
                400, f"json: cannot unmarshal {kind} into Go value of type api.{type_name}"
            )
        items = (value or {}).items()
        self._values = {key.lower(): item for key, item in items if item is not None}

    def get(self, name: str, kind: type, default: Any = None) -> Any:
        """Return a field of a JSON type, or the default when unset."""
        value = self._values.get(name)
        if value is None:
            return default
        exact = isinstance(value, kind) and (kind is bool or not isinstance(value, bool))
        if not exact:
            raise ApiError(
                400,
                f"json: cannot unmarshal {gojson.kind_of(value)} into Go struct field "
                f"{self._type}.{name} of type {_GO_TYPES[kind]}",
            )
        return value

    def any(self, name: str) -> Any:
        return self._values.get(name)

    def model(self) -> str:
        name = self.get("model", str) or self.get("name", str)
        return name or ""


def now() -> str:
    return timestamp(time.time())


def timestamp(seconds: float) -> str:
    """Return RFC 3339 in UTC, with the fraction that Go would write."""
    if seconds >= _FOR_EVER:
        return "2318-01-01T00:00:00Z"  # about what Ollama writes for "for ever"
    moment = datetime.fromtimestamp(0, timezone.utc) + timedelta(seconds=seconds)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%f") + "Z"
