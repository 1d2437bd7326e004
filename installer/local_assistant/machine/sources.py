"""Where the readings of a machine come from, so that tests can give other ones.

Contract: nothing here raises. :class:`Readings` is hashable: what does not change while a
process lives is read once for each.
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
import os
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

GB = 1024**3
"""Memory is counted in units of 2 to the 30, as its makers do."""

_SYSCTL = "/usr/sbin/sysctl"
_NAMES = (
    "hw.memsize",
    "hw.ncpu",
    "hw.optional.arm64",
    "machdep.cpu.brand_string",
    "iogpu.wired_limit_mb",
)


def run_program(*command: str) -> str:
    """Return what a program prints; empty where there is none, or it hangs."""
    with contextlib.suppress(OSError, subprocess.SubprocessError, ValueError):
        return subprocess.run(
            command, capture_output=True, timeout=5, check=False, text=True
        ).stdout
    return ""


def _visible() -> str | None:
    return os.environ.get("CUDA_VISIBLE_DEVICES")


@dataclass(frozen=True)
class Readings:
    """What is asked about a machine.

    Attributes:
        root: stands in for ``/``.
        platform: as ``sys.platform``.
        run: runs a program and returns what it prints.
        library: loads a shared library by its name; raises OSError.
        adapters: Windows' list of graphics cards: (name, bytes of memory).
        cuda_visible: the value of CUDA_VISIBLE_DEVICES, which Ollama obeys.
    """

    root: Path = Path("/")
    platform: str = sys.platform
    run: Callable[..., str] = run_program
    library: Callable[[str], Any] = ctypes.CDLL
    adapters: Callable[[], list[tuple[str, int]]] | None = None
    cuda_visible: str | None = field(default_factory=_visible)

    @property
    def real(self) -> bool:
        """Whether this is the machine we run on, with all that only the system itself knows."""
        return self.root == Path("/") and self.platform == sys.platform

    def text(self, *parts: str) -> str:
        """Return a small file's text; empty where it cannot be read."""
        with contextlib.suppress(OSError, UnicodeDecodeError):
            return self.root.joinpath(*parts).read_text(encoding="utf-8").strip()
        return ""

    def number(self, *parts: str) -> int:
        """Return the number that a file holds; 0 where it holds none."""
        text = self.text(*parts)
        return int(text) if re.fullmatch(r"\d{1,19}", text) else 0


@functools.lru_cache(maxsize=64)
def sysctl(readings: Readings) -> dict[str, str]:
    """Return what macOS tells of itself, by name; asked in one go."""
    lines = readings.run(_SYSCTL, *_NAMES).splitlines()
    pairs = (line.partition(":") for line in lines)
    return {name.strip(): value.strip() for name, _, value in pairs if value}


def sysctl_number(readings: Readings, name: str) -> int:
    text = sysctl(readings).get(name, "")
    return int(text) if text.isdecimal() else 0
