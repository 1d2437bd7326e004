"""Which models came, and have not shown yet that they can be loaded.

Contract: a name is noted before its download begins and forgotten after its test, so that a
command that was killed in between does not make a model that cannot load look like one of
the user's own. A record that cannot be read or written counts as empty.
"""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import TYPE_CHECKING

from local_assistant.errors import AssistantError

if TYPE_CHECKING:
    from local_assistant.server import Endpoint


def has(endpoint: Endpoint, model: str) -> bool:
    return _key(endpoint, model) in _read()


def add(endpoint: Endpoint, model: str) -> None:
    _write(_read() | {_key(endpoint, model)})


def forget(endpoint: Endpoint, model: str) -> None:
    known = _read()
    if _key(endpoint, model) in known:
        _write(known - {_key(endpoint, model)})


def _key(endpoint: Endpoint, model: str) -> str:
    from local_assistant.server.installed import key_of

    # The engine's port is another one each time; its store is one.
    where = endpoint.url if endpoint.kind == "ollama" else "embedded"
    return f"{where} {key_of(model)}"


def _file() -> Path:
    from local_assistant import paths

    return paths.state_dir() / "untested.json"


def _read() -> frozenset[str]:
    with contextlib.suppress(OSError, ValueError):  # none yet, or damaged
        found = json.loads(_file().read_text(encoding="utf-8"))
        if isinstance(found, list):
            return frozenset(str(each) for each in found)
    return frozenset()


def _write(names: frozenset[str]) -> None:
    from local_assistant.setup.files import write_atomically

    with contextlib.suppress(AssistantError):  # the download itself says that the disk is full
        write_atomically(_file(), json.dumps(sorted(names)).encode(), 0o600)
