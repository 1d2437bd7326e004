"""Which files a path stands for.

Contract: a file that is named is taken whatever its name; from a folder those of a known
kind are, but nothing hidden, nothing that tools generate, and no file of secrets. Symbolic
links to folders are not followed, so that the walk ends.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from local_assistant.errors import AssistantError
from local_assistant.lab.learn.reading import KNOWN
from local_assistant.lab.secret_files import holds_secrets

_GENERATED = frozenset({"node_modules", "__pycache__", "site-packages", "_build", "htmlcov"})


def resolve(names: Iterable[str], root: Path) -> list[Path]:
    """Return the absolute paths that were named; a relative one is looked up in ``root``.

    Raises:
        AssistantError: there is no such file or folder.
    """
    found = []
    for name in names:
        path = absolute(name, root)
        if not path.exists():
            raise AssistantError(
                f"There is no file or folder {path}.",
                f"Name it as it stands in JupyterLab's file browser (from {root}), or with its "
                "whole path.",
            )
        found.append(path)
    return found


def absolute(name: str, root: Path) -> Path:
    """Return the path that a user wrote, seen from ``root``; it need not exist."""
    return Path(os.path.normpath(root / Path(name).expanduser()))


def files_of(path: Path) -> Iterator[Path]:
    """Yield the files that ``path`` stands for, in a stable order."""
    if path.is_file():
        yield path
        return
    for folder, names, files in os.walk(path):
        names[:] = sorted(name for name in names if _wanted_folder(Path(folder, name)))
        for name in sorted(files):
            hidden = name.startswith(".") or holds_secrets(name)
            if not hidden and Path(name).suffix.lower() in KNOWN:
                yield Path(folder, name)


def _wanted_folder(path: Path) -> bool:
    name = path.name
    if name.startswith(".") or name in _GENERATED or name.endswith(".egg-info"):
        return False
    return not (path / "pyvenv.cfg").exists()
