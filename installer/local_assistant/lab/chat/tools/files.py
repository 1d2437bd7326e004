"""Reading files for a model: below JupyterLab's folder, nothing hidden, no secrets.

Contract: blocking. A path counts after its links are followed, and the names on both ends of a
link count: a link called ``notes.txt`` does not open ``.env``. Nothing but plain files is opened.
"""

from __future__ import annotations

import stat
from pathlib import Path

from local_assistant.lab.chat.tools.catalogue import CannotDo
from local_assistant.lab.secret_files import holds_secrets

_MOST_BYTES = 1024 * 1024
_MOST_ENTRIES = 200


def allowed(root: Path, name: str) -> Path:
    """Return the path of a file or folder that a model may look at.

    Args:
        root: JupyterLab's folder.
        name: the path in it.

    Raises:
        CannotDo: it lies elsewhere, is hidden, or most likely holds secrets.
    """
    base = root.resolve()
    try:
        wanted = base / name.replace("\\", "/").strip().lstrip("/")
        path = wanted.resolve()
        asked = wanted.parts[len(base.parts) :] if wanted.is_relative_to(base) else wanted.parts
    except (OSError, ValueError, RuntimeError) as error:
        raise CannotDo(f"{name!r} is no path.") from error
    if not path.is_relative_to(base):
        raise CannotDo(f"{name} lies outside JupyterLab's folder.")
    parts = [*asked, *path.relative_to(base).parts]
    if any(part.startswith(".") and part not in (".", "..") for part in parts):
        raise CannotDo(f"{name} is hidden, and hidden files are not for models.")
    if any(holds_secrets(part) for part in parts):
        raise CannotDo(f"{name} most likely holds passwords or keys, so it is not for models.")
    return path


def lines_of(root: Path, name: str) -> list[str]:
    """Return the lines of a text file.

    Raises:
        CannotDo: it is none, or a model may not read it.
    """
    path = allowed(root, name)
    try:
        found = path.stat()
        if stat.S_ISDIR(found.st_mode):
            raise CannotDo(f"{name} is a folder; list_files lists it.")
        if not stat.S_ISREG(found.st_mode):
            raise CannotDo(f"{name} is no plain file.")
        if found.st_size > _MOST_BYTES:
            raise CannotDo(f"{name} is larger than {_MOST_BYTES // 1024**2} MB.")
        return path.read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError as error:
        raise CannotDo(f"{name} is not a text file.") from error
    except OSError as error:
        raise CannotDo(f"{name} cannot be read ({error.strerror or error}).") from error


def listed(root: Path, folder: str) -> list[str]:
    """Return the names in a folder, folders first with a stroke behind them, files with sizes.

    Raises:
        CannotDo: it is none, or a model may not look at it.
    """
    path = allowed(root, folder)
    folders, files = [], []
    try:
        for entry in path.iterdir():
            try:
                allowed(root, str(entry.relative_to(root.resolve())))
                if entry.is_dir():
                    folders.append(f"{entry.name}/")
                else:
                    files.append(f"{entry.name} ({entry.stat().st_size:,} bytes)")
            except (CannotDo, OSError):
                continue  # not for models, or gone meanwhile
    except NotADirectoryError as error:
        raise CannotDo(f"{folder} is no folder; read_file reads a file.") from error
    except OSError as error:
        raise CannotDo(f"{folder} cannot be read ({error.strerror or error}).") from error
    entries = sorted(folders) + sorted(files)
    more = len(entries) - _MOST_ENTRIES
    return [*entries[:_MOST_ENTRIES], f"… and {more:,} more"] if more > 0 else entries
