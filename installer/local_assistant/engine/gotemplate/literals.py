"""Go's string, character and number literals.

Contract: pure; a literal that Go refuses raises ``ValueError`` with Go's words.
"""

from __future__ import annotations

import re

from local_assistant.engine.gotemplate.lexer import quote

_ESCAPE = re.compile(
    r"\\(?:([abfnrtv\\'\"])|x([0-9a-fA-F]{2})|([0-7]{3})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8}))"
)
_SIMPLE = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v",
           "\\": "\\", "'": "'", '"': '"'}  # fmt: skip
_INTEGER = re.compile(
    r"[+-]?(?:0[xX](?:_?[0-9a-fA-F])+|0[bB](?:_?[01])+|0[oO]?(?:_?[0-7])+|0|[1-9](?:_?[0-9])*)"
)
_FLOAT = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_MAX_INT = (1 << 63) - 1


def string(raw: str) -> str:
    """Return what a quoted or raw string literal stands for."""
    inner = raw[1:-1]
    if raw[0] == "`":
        return inner.replace("\r", "")
    return _unescape(inner, forbidden="'").decode("utf-8", errors="replace")


def character(raw: str) -> int:
    """Return the number that a character literal stands for."""
    try:
        text = _unescape(raw[1:-1], forbidden='"').decode("utf-8")
    except UnicodeDecodeError as error:
        raise ValueError("invalid syntax") from error
    if not text:
        raise ValueError("invalid syntax")
    if len(text) != 1:
        raise ValueError(f"malformed character constant: {raw}")
    return ord(text)


def number(raw: str) -> int | float:
    """Return the number that a literal stands for: what has no point or exponent is an int."""
    if raw.endswith("i"):
        raise ValueError("complex numbers are not supported")
    if _INTEGER.fullmatch(raw):
        value = _integer(raw)
        if not -_MAX_INT - 1 <= value <= _MAX_INT:
            raise ValueError(f"integer overflow: {quote(raw)}")
        return value
    if _FLOAT.fullmatch(raw):
        if not any(mark in raw for mark in ".eE"):
            raise ValueError(f"illegal number syntax: {quote(raw)}")
        found = float(raw)
        if found in (float("inf"), float("-inf")):
            raise ValueError(f"illegal number syntax: {quote(raw)}")
        return found
    if re.match(r"[+-]?0[xX]", raw) and any(mark in raw for mark in ".pP"):
        raise ValueError("hexadecimal floating-point numbers are not supported")
    raise ValueError(f"illegal number syntax: {quote(raw)}")


def _integer(raw: str) -> int:
    digits = raw.lstrip("+-").replace("_", "")
    sign = -1 if raw.startswith("-") else 1
    if re.fullmatch(r"0[0-7]+", digits):
        return sign * int(digits, 8)
    return sign * int(digits, 0)


def _unescape(text: str, *, forbidden: str) -> bytes:
    out: list[bytes] = []
    pos = 0
    while pos < len(text):
        if text[pos] != "\\":
            out.append(text[pos].encode("utf-8", errors="replace"))
            pos += 1
            continue
        match = _ESCAPE.match(text, pos)
        if match is None or match[1] == forbidden:
            raise ValueError("invalid syntax")
        out.append(_escaped(match))
        pos = match.end()
    return b"".join(out)


def _escaped(match: re.Match[str]) -> bytes:
    simple, hexadecimal, octal, short, long = match.groups()
    if simple:
        return _SIMPLE[simple].encode()
    if hexadecimal or octal:
        code = int(hexadecimal, 16) if hexadecimal else int(octal, 8)
        if code > 255:
            raise ValueError("invalid syntax")
        return bytes([code])
    code = int(short or long, 16)
    if code > 0x10FFFF or 0xD800 <= code <= 0xDFFF:
        raise ValueError("invalid syntax")
    return chr(code).encode()
