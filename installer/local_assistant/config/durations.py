"""Durations as Ollama writes them: ``30m``, ``1h30m``, ``90s``, or plain seconds.

Contract: :func:`normalise` returns a text that Ollama's API accepts as ``keep_alive``
(a plain ``"300"`` is refused there, so plain numbers become ``300s``);
:func:`seconds` reads such a text back. The grammar is the engine's, which is Go's.
Standard library only, no state.
"""

from __future__ import annotations

import re

from local_assistant.engine.settings import parse_duration

_NUMBER = re.compile(r"-?\d+")


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
        parse_duration(text)
        return text
    raise ValueError("not a duration")


def seconds(duration: str) -> float:
    """Return a duration in seconds; infinite for a negative one, which means "for ever"."""
    return parse_duration(normalise(duration))
