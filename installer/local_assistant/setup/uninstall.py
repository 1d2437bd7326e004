"""Take back what ``install`` and the running assistant changed on this machine.

Contract: only what was recorded, or lies in the assistant's own data directory, is touched;
what is kept is said. The record goes last, so that a run after a Ctrl-C goes on. Where
another environment of this user has the assistant installed too, what they share stays.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from local_assistant import paths
from local_assistant.setup import changes, dropins
from local_assistant.setup import record as records
from local_assistant.setup.files import read_bytes, shown_bytes

Action = Literal["removed", "restored", "stopped", "kept"]


@dataclass(frozen=True)
class Item:
    """One thing and what happened to it (or would, in a dry run)."""

    id: str
    what: str
    action: Action
    detail: str

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True)
class UninstallOptions:
    """What ``uninstall`` was asked for."""

    prefix: Path = field(default_factory=lambda: Path(sys.prefix))
    dry_run: bool = False
    models: bool = False


def uninstall(options: UninstallOptions) -> Iterator[Item]:
    """Undo everything, yielding each item as it is done."""
    record = records.load()
    yield from undo_settings(options, record)
    others = other_prefixes(options.prefix, record)
    if others:
        shared = f"the assistant is installed in {', '.join(map(str, others))} too"
        yield Item("state", str(paths.home()), "kept", shared)
    else:
        yield from stop_servers(options)
        yield from remove_config(options, record)
        yield from remove_data(options)
    package = changes.by_id("package")
    yield Item("package", str(options.prefix), "kept", f"remove it with: {package.undo}")


def undo_settings(options: UninstallOptions, record: records.Record) -> Iterator[Item]:
    """Take our keys out of the shared-name files of this prefix."""
    for name, entry in list(record.merged.items()):
        path = Path(name)
        if _prefix_of(path) != options.prefix and path.exists():
            continue  # Another environment's; of a deleted one only the record is left.
        done = dropins.unmerge(path, entry, dry_run=options.dry_run)
        if not options.dry_run:
            del record.merged[name]
            records.save(record)
        if done is not None:
            yield Item("settings", name, done.action, done.detail)


def other_prefixes(prefix: Path, record: records.Record) -> list[Path]:
    """Return the other environments of this user that have our settings."""
    there = {_prefix_of(Path(name)) for name in record.merged if Path(name).exists()}
    return sorted(there - {prefix})


def _prefix_of(settings_file: Path) -> Path:
    """Return the environment of ``PREFIX/etc/jupyter/…``."""
    parents = settings_file.parents
    return next((up.parent for up in parents if up.name == "etc"), parents[0])


def stop_servers(options: UninstallOptions) -> Iterator[Item]:
    """Stop the engine, and an Ollama that we started; nobody else's."""
    from local_assistant.engine import runfile
    from local_assistant.engine.launch import stop_engine
    from local_assistant.server import ollama

    started = ollama.started_by_us()
    if started is not None:
        if not options.dry_run:
            ollama.stop()
        yield Item("ollama", started.url, "stopped", f"our Ollama, process {started.pid}")
    engine = runfile.believed()  # also one that hangs: it must not outlive its files
    if engine is not None:
        if not options.dry_run:
            stop_engine()
        yield Item("engine", engine.url, "stopped", f"the embedded engine, process {engine.pid}")


def remove_config(options: UninstallOptions, record: records.Record) -> Iterator[Item]:
    """Remove ``assistant.toml`` where it is as we wrote it."""
    path = paths.user_config_file()
    content = read_bytes(path)
    if content is None:
        return
    ours = record.config_path == str(path) and record.config_digest == records.digest(content)
    if not ours and not _is_template(content):
        yield Item("config", str(path), "kept", "it has settings of yours")
        return
    if not options.dry_run:
        _unlink(path)
    yield Item("config", str(path), "removed", "as install wrote it")


def _is_template(content: bytes) -> bool:
    from local_assistant.config import TEMPLATE

    return content == TEMPLATE.encode()


def remove_data(options: UninstallOptions) -> Iterator[Item]:
    """Remove run files, logs, the record and, if asked for, the models; then what is empty."""
    for name, directory in (("engine", paths.run_dir()), ("logs", paths.logs_dir())):
        if directory.exists():
            if not options.dry_run:
                _remove_tree(directory)
            yield Item(name, str(directory), "removed", "")
    yield from _models(options)
    state = paths.state_dir()
    if state.exists():
        if not options.dry_run:
            _remove_tree(state)
        yield Item("state", str(state), "removed", "")
    yield from _home(options)


def _home(options: UninstallOptions) -> Iterator[Item]:
    """Remove the data directory itself; what is in it and not ours is kept and said."""
    home = paths.home()
    ours = (paths.run_dir(), paths.logs_dir(), paths.state_dir(), paths.models_dir())
    others = [path.name for path in sorted(home.glob("*")) if path not in ours]
    if others:
        yield Item("state", str(home), "kept", f"not ours: {', '.join(others)}")
    elif home.is_dir() and not options.dry_run and not any(home.iterdir()):
        home.rmdir()


def _models(options: UninstallOptions) -> Iterator[Item]:
    store = paths.models_dir()
    size = tree_size(store)
    if size:
        if options.models and not options.dry_run:
            _remove_tree(store)
        detail = shown_bytes(size)
        if options.models:
            yield Item("models", str(store), "removed", detail)
        else:
            undo = changes.by_id("models").undo
            yield Item("models", str(store), "kept", f"{detail}; remove them with: {undo}")
    elif store.exists() and not options.dry_run:
        _remove_tree(store)


def tree_size(directory: Path) -> int:
    """Return the bytes of all files below ``directory``; 0 where there is none."""
    return sum(file.lstat().st_size for file in directory.rglob("*") if file.is_file())


def _remove_tree(directory: Path) -> None:
    try:
        shutil.rmtree(directory)
    except FileNotFoundError:
        return
    except OSError as error:
        raise paths.unwritable(directory, error) from error


def _unlink(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise paths.unwritable(path, error) from error
