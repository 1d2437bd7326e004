"""Atomic file writing: a reader, or a Ctrl-C, sees the old file or the new one.

Contract: the temporary file lies beside the target, so that the rename stays on one file
system, and is removed when writing fails; what a kill has left goes with the next write.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from pathlib import Path

from local_assistant import paths
from local_assistant import temporary as temporary_files


def write_atomically(path: Path, content: bytes, mode: int = 0o644) -> None:
    """Replace ``path`` by ``content``; missing parents are made.

    Raises:
        AssistantError: the place cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary_files.sweep(path)
        handle, name = tempfile.mkstemp(prefix=temporary_files.prefix(path), dir=path.parent)
    except OSError as error:
        raise paths.unwritable(path, error) from error
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(content)
        temporary.chmod(mode)
        temporary.replace(path)
    except OSError as error:
        raise paths.unwritable(path, error) from error
    finally:
        # Also on Ctrl-C. After the rename there is nothing left to remove.
        with contextlib.suppress(OSError):
            temporary.unlink()


def read_bytes(path: Path) -> bytes | None:
    """Return the content of ``path``, or ``None`` where there is no such file."""
    try:
        return path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return None


def remove(path: Path) -> None:
    """Remove a file, if it is there.

    Raises:
        AssistantError: it cannot be removed.
    """
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise paths.unwritable(path, error) from error


def shown_bytes(size: int) -> str:
    """Return a size as people read it.

    >>> shown_bytes(1_530_000_000)
    '1.5 GB'
    """
    for unit, factor in (("GB", 1_000_000_000), ("MB", 1_000_000)):
        if size >= factor:
            return f"{size / factor:.1f} {unit}"
    return f"{max(1, round(size / 1000))} kB"
