"""Durations as Ollama writes them: ``30m``, ``1h30m``, ``90s``, or plain seconds.

Contract: :func:`normalise` returns a text that Ollama's API accepts as ``keep_alive``
(a plain ``"300"`` is refused there, so plain numbers become ``300s``);
:func:`seconds` reads such a text back. Standard library only, no state.
"""

from __future__ import annotations

import re

_PART = re.compile(r"(\d+(?:\.\d+)?)(ns|us|µs|ms|s|m|h)")
_WHOLE = re.compile(rf"-?(?:{_PART.pattern})+")
_NUMBER = re.compile(r"-?\d+")
_UNITS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}


def normalise(value: object) -> str:
    """Return ``value`` as a duration with a unit.

    Raises:
        ValueError: it is no duration.
    """
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value}s"
    if isinstance(value, str):
        text = value.strip()
        if _NUMBER.fullmatch(text):
            return f"{text}s"
        if _WHOLE.fullmatch(text):
            return text
    raise ValueError("not a duration")


def seconds(duration: str) -> float:
    """Return a normalised duration in seconds; negative means "for ever"."""
    text = normalise(duration)
    total = sum(float(number) * _UNITS[unit] for number, unit in _PART.findall(text))
    return -total if text.startswith("-") else total
