"""Taking back what we made in model servers: our names, and nothing else.

Contract: a name goes only where the record says that it is ours and it still means what we made
it mean. The engine's store is read as it lies, so the engine need not run; an Ollama that does
not answer keeps its names, and :func:`left` says which. Models themselves stay.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from local_assistant.errors import AssistantError
from local_assistant.models import made
from local_assistant.models.made import Made
from local_assistant.server.installed import find, installed

if TYPE_CHECKING:
    from local_assistant.server import InstalledModel


def remove(*, dry_run: bool = False) -> list[tuple[str, str]]:
    """Delete every name of ours; return what was deleted, each with its server.

    An Ollama that does not answer keeps them: see :func:`left`.
    """
    record = made.read()
    if dry_run or not record.servers:
        return _take(record, dry_run=True)
    with made.changing() as record:
        return _take(record, dry_run=False)


def _take(record: Made, *, dry_run: bool) -> list[tuple[str, str]]:
    done: list[tuple[str, str]] = []
    for server in list(record.servers):
        try:
            taken = _taken_from(server, record, dry_run=dry_run)
        except AssistantError:
            continue  # it does not answer, or refuses: the names stay in the record
        done += [(name, made.server_name(server)) for name in taken]
    return done


def left() -> list[tuple[str, str]]:
    """Return the names of ours that :func:`remove` could not delete, each with its server."""
    record = made.read()
    return [
        (name, made.server_name(at))
        for at in record.servers
        for name, entry in record.on(at).items()
        if entry.digests or not entry.done  # else it was found to be needless, and not made
    ]


def _taken_from(server: str, record: Made, *, dry_run: bool) -> list[str]:
    store = made.store_of(server)
    there, delete = _ollama(server) if store is None else _store(store)
    taken = []
    for name, entry in list(record.on(server).items()):
        model = find(name, there)
        ours = model is not None and entry.means(model)
        if ours:
            taken.append(name)
        if dry_run:
            continue
        if ours:
            delete(name)
        record.forget(server, name)
    return taken


def _ollama(url: str) -> tuple[list[InstalledModel], Callable[[str], object]]:
    from local_assistant.config import is_loopback
    from local_assistant.server import Client, Endpoint

    local = is_loopback(url)
    endpoint = Endpoint("ollama", url, None if local else _key_for(url), "", local, "")
    client = Client(endpoint, timeout_s=30)
    there = installed(endpoint)
    return there, lambda name: client.request("DELETE", "/api/delete", {"model": name})


def _key_for(url: str) -> str | None:
    """Return the user's key for a server: for the one in use, no other's business."""
    from local_assistant.config import ConfigError, load_config
    from local_assistant.server.states import users_key

    try:
        return users_key() if load_config().config.server.url == url else None
    except ConfigError:
        return None


def _store(folder: Path) -> tuple[list[InstalledModel], Callable[[str], object]]:
    """The engine's store, read as it lies: the engine need not run for this."""
    from local_assistant.engine.store.store import Store
    from local_assistant.server import InstalledModel

    store = Store(folder, others=())
    there = [InstalledModel(each.display, digest=each.digest) for each in store.list_models()]
    return there, store.remove


def stored_files(folder: Path) -> Iterator[tuple[str, str, dict[Path, int]]]:
    """Yield the models of an engine's store: name, digest, and the files that each needs."""
    from local_assistant.engine.store.store import Store

    store = Store(folder, others=())
    for model in store.list_models():
        manifest = store.manifest(model.name)
        if manifest is None or not store.owns(model):
            continue
        files = [store.files.find(layer.digest) for layer in manifest.all]
        files.append(store.manifests / model.name.path)
        sizes = {file: file.stat().st_size for file in files if file is not None}
        yield model.display, model.digest, sizes
