"""What an engine is started with, and the constants that clients see.

Contract: standard library only. Durations on the command line and in HTTP bodies are read
by one function, :func:`parse_duration`, in Ollama's (Go's) form.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

API_VERSION = "0.33.0"
"""The Ollama release whose HTTP API is imitated: clients compare it numerically."""

DEFAULT_PORT = 11435
DEFAULT_CONTEXT = 4096
DEFAULT_KEEP_ALIVE_S = 300.0
DEFAULT_IDLE_S = 600.0
MAX_BODY_BYTES = 64 * 1024 * 1024
EXIT_LOCKED = 3
"""Exit status of a front process that found another one holding the lock."""

_UNITS = {
    "ns": 1e-9,
    "us": 1e-6,
    "µs": 1e-6,
    "μs": 1e-6,
    "ms": 1e-3,
    "s": 1.0,
    "m": 60.0,
    "h": 3600.0,
}
_PART = re.compile(r"(\d+\.?\d*|\.\d+)(ns|us|µs|μs|ms|s|m|h)?")


@dataclass(frozen=True)
class EngineOptions:
    """Plain options of one engine process; ``None`` means: find out by itself."""

    port: int = DEFAULT_PORT
    host: str = "127.0.0.1"
    models_dir: str | None = None
    threads: int | None = None
    gpu_layers: int | None = None
    idle_timeout_s: float = DEFAULT_IDLE_S
    token: bool = True


def parse_duration(value: object) -> float:
    """Return seconds for a number of seconds or a Go duration ("5m", "1h30m", "-1s").

    Negative means for ever and comes back as ``math.inf``.

    Raises:
        ValueError: with the sentence that Ollama's API answers.
    """
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        kind = {"bool": "bool", "dict": "map[string]interface {}", "list": "[]interface {}"}
        raise ValueError(f"Unsupported type: '{kind.get(type(value).__name__, 'unknown')}'")
    if isinstance(value, (int, float)):
        return math.inf if value < 0 or math.isinf(value) else float(value)
    seconds = _parse_text(value)
    return math.inf if seconds < 0 else seconds


def _parse_text(text: str) -> float:
    body = text[1:] if text[:1] in ("-", "+") else text
    sign = -1.0 if text.startswith("-") else 1.0
    if body == "0":
        return 0.0
    total, position = 0.0, 0
    while position < len(body):
        part = _PART.match(body, position)
        if part is None:
            break
        if part[2] is None:
            rest = re.match(r"[^\d.]*", body[part.end() :])
            if rest and rest[0]:
                raise ValueError(f'time: unknown unit "{rest[0]}" in duration "{text}"')
            raise ValueError(f'time: missing unit in duration "{text}"')
        total += float(part[1]) * _UNITS[part[2]]
        position = part.end()
    if not body or position != len(body):
        raise ValueError(f'time: invalid duration "{text}"')
    return sign * total
