"""Where a text stops being base64, counted as Go's decoder counts.

Contract: pure. The embedded engine reads no images; it only refuses a broken one with the
sentence that Ollama has for it.
"""

from __future__ import annotations

import base64
import binascii
import string

_ALPHABET = frozenset(string.ascii_letters + string.digits + "+/")
_BREAKS = "\r\n"


def check_base64(text: str) -> int | None:
    """Return the byte at which ``text`` is found broken, or ``None``."""
    try:
        base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        data = text.encode("utf-8", errors="replace").decode("latin-1")
        return _first_wrong(data)
    return None


def _first_wrong(data: str) -> int | None:
    at, end, have = 0, len(data), 0
    while at < end:
        char = data[at]
        at += 1
        if char in _BREAKS:
            continue
        if char in _ALPHABET:
            have = (have + 1) % 4
            continue
        if char != "=" or have < 2:
            return at - 1
        return _after_padding(data, at, have)
    return at - have if have else None


def _after_padding(data: str, at: int, have: int) -> int | None:
    """Return what is wrong from the first ``=`` on."""
    end = len(data)
    if have == 2:
        at = _skip_breaks(data, at)
        if at == end:
            return end
        if data[at] != "=":
            return at - 1
        at += 1
    at = _skip_breaks(data, at)
    return at if at < end else None


def _skip_breaks(data: str, at: int) -> int:
    while at < len(data) and data[at] in _BREAKS:
        at += 1
    return at
