"""What an engine is started with, and the constants that clients see.

Contract: standard library only. Durations on the command line and in HTTP bodies are read
by one function, :func:`parse_duration`, in Ollama's (Go's) form.
"""

from __future__ import annotations

import ipaddress
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

API_VERSION = "0.33.0"
"""The Ollama release whose HTTP API is imitated: clients compare it numerically."""

DEFAULT_PORT = 11435
PORTS_TRIED = 100
"""The first free one from the wanted one on is taken."""
DEFAULT_CONTEXT = 4096
DEFAULT_KEEP_ALIVE_S = 300.0
DEFAULT_IDLE_S = 600.0
DEFAULT_PARALLEL = 2
DEFAULT_MAX_QUEUE = 512
DEFAULT_MAX_LOADED = 3
DEFAULT_LOAD_TIMEOUT_S = 300.0
"""How long a load may stand still."""
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
_PART = re.compile(r"(\d+\.?\d*|\.\d+)([^\d.]*)")


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
    parallel: int = DEFAULT_PARALLEL
    """Slots of each text process."""
    max_tokens: int | None = None
    """The most tokens that any request may have written."""
    max_queue: int = DEFAULT_MAX_QUEUE
    max_loaded: int = DEFAULT_MAX_LOADED
    context: int = DEFAULT_CONTEXT
    """Where neither the request nor the model names one."""
    keep_alive_s: float = DEFAULT_KEEP_ALIVE_S
    load_timeout_s: float = DEFAULT_LOAD_TIMEOUT_S
    origins: tuple[str, ...] = ()
    """Origins let in beside the usual ones; a ``*`` stands for any text."""


def is_loopback(host: str) -> bool:
    """Whether only programs of this machine reach an address (127.0.0.2 is one such, too)."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def with_environment(options: EngineOptions, environ: Mapping[str, str]) -> EngineOptions:
    """Return the options with what Ollama's own variables set, read by Ollama's rules.

    What does not parse keeps the default, as there.
    """

    def number(name: str, default: int, least: int) -> int:
        text = _clean(environ, name)
        return max(least, int(text)) if text.isascii() and text.isdigit() else default

    loaded = number("OLLAMA_MAX_LOADED_MODELS", options.max_loaded, 0)
    return replace(
        options,
        parallel=number("OLLAMA_NUM_PARALLEL", options.parallel, 1),
        max_queue=number("OLLAMA_MAX_QUEUE", options.max_queue, 0),
        max_loaded=loaded or options.max_loaded,  # 0 is "by itself" in Ollama
        context=number("OLLAMA_CONTEXT_LENGTH", 0, 0) or options.context,
        keep_alive_s=_duration(environ, "OLLAMA_KEEP_ALIVE", options.keep_alive_s),
        load_timeout_s=_duration(environ, "OLLAMA_LOAD_TIMEOUT", options.load_timeout_s)
        or math.inf,
        origins=tuple(
            origin.strip()
            for origin in _clean(environ, "OLLAMA_ORIGINS").split(",")
            if origin.strip()
        ),
    )


def _clean(environ: Mapping[str, str], name: str) -> str:
    return environ.get(name, "").strip().strip("\"'")


def _duration(environ: Mapping[str, str], name: str, default: float) -> float:
    text = _clean(environ, name)
    if not text:
        return default
    try:
        return parse_duration(int(text) if re.fullmatch(r"[+-]?\d+", text) else text)
    except ValueError:
        return default


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
        if not part[2]:
            raise ValueError(f"time: missing unit in duration {_quoted(text)}")
        if part[2] not in _UNITS:
            raise ValueError(f"time: unknown unit {_quoted(part[2])} in duration {_quoted(text)}")
        total += float(part[1]) * _UNITS[part[2]]
        position = part.end()
    if not body or position != len(body):
        raise ValueError(f"time: invalid duration {_quoted(text)}")
    return sign * total


def _quoted(text: str) -> str:
    """Return a text as Go's time package quotes it: bytes beyond ASCII in hex."""
    shown = []
    for char in text:
        if char in '"\\':
            shown.append("\\" + char)
        elif " " <= char < "\x7f":
            shown.append(char)
        else:
            shown += [f"\\x{byte:02x}" for byte in char.encode("utf-8", errors="replace")]
    return f'"{"".join(shown)}"'
