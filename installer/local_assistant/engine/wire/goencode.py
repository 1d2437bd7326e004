"""Values written as Go writes them: JSON as its encoder does, and ``%v`` and ``%#v`` texts.

Contract: pure. A layer that is written here has the same bytes, so the same digest, as the
one that Ollama would write for the same values.
"""

from __future__ import annotations

import json
import math
from decimal import Decimal
from typing import Any

from local_assistant.engine.gotemplate import values
from local_assistant.engine.gotemplate.lexer import quote


def dumps(value: Any, *, ordered: bool = False) -> bytes:
    """Return compact JSON and a line end; maps are sorted by key unless they are ``ordered``."""
    return _json(value, ordered).encode("utf-8", "replace") + b"\n"


def text(value: Any) -> str:
    """Return what ``%v`` prints for a value that came from JSON."""
    return values.to_text(_floats(value))


def literal(value: Any) -> str:
    """Return what ``%#v`` prints for a scalar."""
    return quote(value) if isinstance(value, str) else text(value)


def float32(value: float) -> float | int:
    """Return the shortest number that a 32 bit float cannot tell from ``value``."""
    import struct

    packed = struct.pack("<f", value)
    for digits in range(1, 10):
        short = float(f"{value:.{digits}g}")
        if struct.pack("<f", short) == packed:
            return int(short) if short.is_integer() and abs(short) < 1e15 else short
    return value


def _json(value: Any, ordered: bool) -> str:
    if isinstance(value, str):
        return values.escaped(json.dumps(value, ensure_ascii=False))
    if value is None or isinstance(value, bool):
        return json.dumps(value)
    if isinstance(value, (int, float)):
        return number(value)
    if isinstance(value, dict):
        keys = list(value) if ordered else sorted(value)
        pairs = (f"{_json(str(key), ordered)}:{_json(value[key], ordered)}" for key in keys)
        return "{" + ",".join(pairs) + "}"
    return "[" + ",".join(_json(item, ordered) for item in value) + "]"


def number(value: float) -> str:
    """Return a number as Go's JSON encoder writes the float64 that it becomes there."""
    real = _real(value)
    if not math.isfinite(real):
        return "null"
    if real and not 1e-6 <= abs(real) < 1e21:
        mantissa, _, exponent = f"{Decimal(repr(real)).normalize():e}".partition("e")
        sign, digits = exponent[0], exponent[1:].zfill(2)
        return f"{mantissa}e{sign}{digits.lstrip('0') if sign == '-' else digits}"
    shown = f"{Decimal(repr(real)):f}"
    return shown.rstrip("0").rstrip(".") if "." in shown else shown


def _floats(value: Any) -> Any:
    """Return the value with all numbers as floats: Go knows no other from JSON."""
    if isinstance(value, dict):
        return {key: _floats(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_floats(item) for item in value]
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return _real(value)
    return value


def _real(value: float) -> float:
    try:
        return float(value)
    except OverflowError:  # an integer of hundreds of digits
        return math.inf if value > 0 else -math.inf
