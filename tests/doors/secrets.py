"""Where a secret lies about: files, process lists, environments."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

_MOST_BYTES = 50_000_000


def files_with(secrets: Mapping[str, str], *roots: Path) -> Iterator[tuple[Path, str]]:
    """Yield each file below ``roots`` that holds a secret, with the secret's name."""
    for path in _files(roots):
        try:
            if path.is_symlink() or not path.is_file() or path.stat().st_size > _MOST_BYTES:
                continue
            content = path.read_bytes()
        except FileNotFoundError:
            continue  # a temporary file of what runs
        for name, secret in secrets.items():
            if secret.encode() in content:
                yield path, name


def _files(roots: tuple[Path, ...]) -> Iterator[Path]:
    for root in roots:
        for folder, _, names in os.walk(root):  # a folder that goes meanwhile is passed over
            yield from (Path(folder, name) for name in names)


def is_private(path: Path, top: Path) -> bool:
    """Return whether no other user can read the file: by its own mode, or a folder's above it."""
    for place in (path, *path.parents):
        if place.stat().st_mode & 0o077 == 0:
            return True
        if place == top:
            break
    return False


def command_lines() -> dict[int, bytes]:
    """Return what every user of this machine sees of every process (Linux)."""
    return _read_all("cmdline")


def environments() -> dict[int, bytes]:
    return _read_all("environ")


def seen_by_others(pid: int) -> bool:
    """Return whether another user may read the environment of a process."""
    try:
        return bool(Path(f"/proc/{pid}/environ").stat().st_mode & 0o077)
    except FileNotFoundError:
        return False  # it has ended


def _read_all(name: str) -> dict[int, bytes]:
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            found[int(folder.name)] = (folder / name).read_bytes()
        except OSError:
            continue  # it ended, or is not ours
    found.pop(os.getpid(), None)
    return found
