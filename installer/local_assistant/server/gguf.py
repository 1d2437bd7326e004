"""A path to a GGUF file in place of a model's name.

Contract: :func:`store_file` puts the file into our own store (by a hard link where the disk
allows it) and returns the name by which the embedded engine knows it. A file that is there
already and has not changed costs two stat calls, not a digest of gigabytes.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from local_assistant.errors import AssistantError

if TYPE_CHECKING:
    from local_assistant.config import AssistantConfig

_MAGIC = b"GGUF"
NAMESPACE = "file"


def store_file(path: Path, config: AssistantConfig) -> str:
    """Return the name of the model in ``path``, which is put into our store if need be.

    Raises:
        AssistantError: there is no such file, it is no GGUF, or the store is not writable.
    """
    from local_assistant.engine.store import Store
    from local_assistant.server.installed import store_folder

    file = _absolute(path)
    check(file)
    status = file.stat()
    seen = [status.st_size, status.st_mtime_ns]
    name = name_for(file)
    store = Store(store_folder(config))
    record = _records()
    if record.get(name) == seen and store.find(name) is not None:
        return name
    shown = store.add_gguf(name, file)
    _remember({**record, name: seen})
    return shown


def check(file: Path) -> None:
    """Raise an AssistantError unless ``file`` begins as a GGUF file does."""
    from local_assistant import paths

    shown = paths.display(file)
    fix = "Give the path of a .gguf file: jupyter assistant use PATH"
    try:
        with file.open("rb") as stream:
            magic = stream.read(4)
    except FileNotFoundError:
        raise AssistantError(f"There is no file {shown}.", fix) from None
    except OSError as error:
        raise AssistantError(f"{shown} cannot be read: {error.strerror}.", fix) from error
    if magic != _MAGIC:
        raise AssistantError(f"{shown} is not a GGUF file.", fix)


def _absolute(path: Path) -> Path:
    from local_assistant import paths

    return Path(os.path.abspath(paths.expand(str(path), Path.cwd())))  # noqa: PTH100 - no links


def name_for(path: Path) -> str:
    """Return the model name for a path: its file's name, and a tag that tells paths apart."""
    file = _absolute(path)
    stem = re.sub(r"[^A-Za-z0-9_.-]+", "-", file.stem).strip("-.")[:60] or "model"
    tag = hashlib.sha256(str(file).encode("utf-8", "surrogateescape")).hexdigest()[:8]
    return f"{NAMESPACE}/{stem}:{tag}"


def _record_file() -> Path:
    from local_assistant import paths

    return paths.state_dir() / "gguf.json"


def _records() -> dict[str, Any]:
    try:
        found = json.loads(_record_file().read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}  # none yet, or damaged: the files are looked at again
    return found if isinstance(found, dict) else {}


def _remember(records: dict[str, Any]) -> None:
    from local_assistant.engine.runfile import write_private

    write_private(_record_file(), json.dumps(records, indent=1) + "\n")
