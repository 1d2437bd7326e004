"""The engine's log: one line per event on stderr, which the launcher sends to a file.

Contract: never raises (a full disk must not fail a request) and is never given prompts,
answers or secrets.
"""

from __future__ import annotations

import contextlib
import sys
import time


def log(text: str) -> None:
    """Write ``text`` with the time."""
    with contextlib.suppress(OSError, ValueError):  # a full disk, or stderr closed at the end
        sys.stderr.write(f"{time.strftime('%Y-%m-%d %H:%M:%S')} {text}\n")
        sys.stderr.flush()
