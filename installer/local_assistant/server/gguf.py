"""A path to a GGUF file in place of a model's name.

Contract: the file is imported once, into our own store (by a hard link where the disk allows
it) or, by ``pull`` and ``use`` only, into the Ollama that answers. What was imported is noted
with its size and time, so that a file that has not changed costs two stat calls, not a digest
of gigabytes.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from local_assistant.server.gguf_look import LocalModel, look

if TYPE_CHECKING:
    from local_assistant.config import AssistantConfig
    from local_assistant.engine.store.store import Store
    from local_assistant.server.endpoint import Endpoint
    from local_assistant.server.installed import InstalledModel

NAMESPACE = "file"


def store_file(path: Path, config: AssistantConfig) -> str:
    """Return the engine's name of the model in ``path``, which is put into our store if need be.

    Raises:
        AssistantError: there is no such file, it is no model, or the store is not writable.
    """
    from local_assistant import paths
    from local_assistant.engine.store.store import Store
    from local_assistant.server.installed import store_folder

    file = absolute(path)
    name = name_for(file)
    store = Store(store_folder(config))
    if _unchanged(name, file) and store.find(name) is not None:
        return name
    paths.make_private_dir(paths.home())  # the store would make it as the umask says
    shown = _add(store, name, look(file, engine=True))
    note(name, _seen(file))
    return shown


def _add(store: Store, name: str, model: LocalModel) -> str:
    from local_assistant import paths
    from local_assistant.engine.gguf import split
    from local_assistant.engine.gguf.header import read_header
    from local_assistant.engine.store import names, plain
    from local_assistant.engine.wire.shapes import ApiError
    from local_assistant.errors import AssistantError

    if len(model.files) == 1:
        return store.add_gguf(name, model.files[0])
    target = names.parse(name)
    try:
        for file in model.files:
            split.group(file.name, read_header(file))
        digest, merged = split.merge(store.files, [(file.name, file) for file in model.files])
        header = read_header(merged)
        store.put(target, plain.manifest(header, digest, store.config_layer(header)))
    except ApiError as error:
        raise AssistantError(f"The parts do not fit together: {error}.", None) from error
    except OSError as error:
        raise paths.unwritable(store.root, error) from error
    return store.canonical(target).short


def known_elsewhere(path: Path) -> bool:
    """Whether some Ollama was given the file as it is now; costs no request."""
    file = absolute(path)
    ending = f" {name_for(file)}"
    return any(_unchanged(key, file) for key in _records() if key.endswith(ending))


def imported(path: Path, endpoint: Endpoint, models: list[InstalledModel]) -> str | None:
    """Return the name under which that server has the file; None if it has not, or another.

    Args:
        models: what the server has.
    """
    from local_assistant.server.installed import find

    file = absolute(path)
    name = name_for(file)
    if not _unchanged(f"{endpoint.url} {name}", file):
        return None
    return name if find(name, models) is not None else None


def note_import(path: Path, endpoint: Endpoint) -> None:
    """Note that an Ollama has the file now."""
    file = absolute(path)
    note(f"{endpoint.url} {name_for(file)}", _seen(file))


def note(key: str, value: Any) -> None:
    """Note something about what an Ollama was given."""
    from local_assistant.engine.runfile import write_private

    write_private(_record_file(), json.dumps({**_records(), key: value}, indent=1) + "\n")


def noted(key: str) -> Any:
    """Return what was noted; None where nothing was."""
    return _records().get(key)


def absolute(path: Path) -> Path:
    from local_assistant import paths

    return Path(os.path.abspath(paths.expand(str(path), Path.cwd())))  # noqa: PTH100 - no links


def name_for(path: Path) -> str:
    """Return the model name for a path: its file's name, and a tag that tells paths apart."""
    file = absolute(path)
    stem = re.sub(r"[^A-Za-z0-9_.-]+", "-", file.stem).strip("-.")[:60] or "model"
    tag = hashlib.sha256(str(file).encode("utf-8", "surrogateescape")).hexdigest()[:8]
    return f"{NAMESPACE}/{stem}:{tag}"


def _record_file() -> Path:
    from local_assistant import paths

    return paths.state_dir() / "gguf.json"


def _unchanged(key: str, file: Path) -> bool:
    try:
        return bool(noted(key) == _seen(file))
    except OSError:
        return False  # it has gone: whoever wants to read it says so


def _seen(file: Path) -> list[int]:
    status = file.stat()
    return [status.st_size, status.st_mtime_ns]


def _records() -> dict[str, Any]:
    try:
        found = json.loads(_record_file().read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}  # none yet, or damaged: the files are looked at again
    return found if isinstance(found, dict) else {}
