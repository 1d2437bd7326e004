"""What we made in model servers: the record by which we tell our names from the user's.

Contract: an entry is written before the name it is about exists, so that a kill between the
two leaves a record of something that did not happen, and never a name of ours without one. A
name that is on a server and not here is somebody else's and is not touched. One process at a
time changes the record. Standard library only.
"""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from local_assistant import paths
from local_assistant.errors import AssistantError

if TYPE_CHECKING:
    from local_assistant.config import AssistantConfig
    from local_assistant.server import Endpoint, InstalledModel

_WAIT_S = 60.0
_STORE = "store:"


@dataclass
class Entry:
    """One name of ours on one server.

    Attributes:
        digests: what it may mean: what it means now and, where a change was begun, what it
            is about to. Empty for a variant that is being made, whose digest is not known yet,
            and for one that would be the same as its base.
        inputs: of a variant: what it was made of, in one digest.
        done: of a variant: whether it was made (or found to be needless) to the end.
    """

    digests: list[str] = field(default_factory=list)
    inputs: str = ""
    done: bool = False

    def means(self, model: InstalledModel) -> bool:
        if not self.digests:
            return not self.done  # it is being made; where none is wanted, it is not ours
        return model.digest in self.digests


class Made:
    """The record: names of ours by server."""

    def __init__(self, servers: dict[str, dict[str, Entry]]) -> None:
        self.servers = servers

    def on(self, server: str) -> dict[str, Entry]:
        """Return what we made on a server."""
        return self.servers.setdefault(server, {})

    def note(self, server: str, name: str, entry: Entry) -> None:
        """Record a name, before it is made or once it is."""
        self.on(server)[name] = entry
        _save(self)

    def forget(self, server: str, name: str) -> None:
        """Record that a name is gone."""
        self.on(server).pop(name, None)
        _save(self)


def server_key(endpoint: Endpoint, config: AssistantConfig) -> str:
    """Return what a server is called here: the engine by its store, which outlives its port."""
    from local_assistant.server.installed import store_folder

    return store_key(store_folder(config)) if endpoint.kind == "embedded" else endpoint.url


def store_key(folder: Path) -> str:
    """Return what the engine with this store is called here."""
    return f"{_STORE}{folder.absolute()}"


def store_of(server: str) -> Path | None:
    """Return the folder of an engine's store; None for an Ollama."""
    return Path(server.removeprefix(_STORE)) if server.startswith(_STORE) else None


def server_name(server: str) -> str:
    """Return how a message calls a server of the record."""
    store = store_of(server)
    if store is None:
        return f"Ollama at {server}"
    return f"the embedded engine's store {paths.display(store)}"


def read() -> Made:
    """Return the record as it is; an unreadable one counts as none."""
    try:
        found = json.loads(file().read_text(encoding="utf-8"))
        return Made(
            {
                str(server): {str(name): _entry(entry) for name, entry in names.items()}
                for server, names in found["servers"].items()
            }
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return Made({})  # none yet, or damaged: what is there then is not known to be ours


@contextlib.contextmanager
def changing() -> Iterator[Made]:
    """Give the record to change, while no other process does.

    Raises:
        AssistantError: the state folder cannot be written, or another process does not end.
    """
    from local_assistant.engine.runfile import lock_on

    with lock_on(paths.state_dir() / "aliases.lock") as take:
        deadline = time.monotonic() + _WAIT_S
        while not take():
            if time.monotonic() > deadline:
                raise AssistantError(
                    "Another process of the assistant has been setting the model names for "
                    f"{_WAIT_S:.0f} seconds.",
                    "End it, then run the command again.",
                )
            time.sleep(0.05)
        yield read()


def _entry(found: dict[str, Any]) -> Entry:
    return Entry(
        [str(each) for each in found["digests"]], str(found["inputs"]), found["done"] is True
    )


def file() -> Path:
    """Return where the record is."""
    return paths.state_dir() / "aliases.json"


def _save(made: Made) -> None:
    from local_assistant.engine.runfile import write_private

    servers = {
        server: {name: asdict(entry) for name, entry in names.items()}
        for server, names in made.servers.items()
        if names
    }
    write_private(file(), json.dumps({"servers": servers}, indent=1) + "\n")
