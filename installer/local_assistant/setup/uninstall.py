"""Take back what ``install`` and the running assistant changed on this machine.

Contract: only what was recorded, or lies in the assistant's own data directory, is touched;
what is kept is said. The record goes last, so that a run after a Ctrl-C goes on. Where
another environment of this user has the assistant installed too, or an engine of theirs runs on
another machine with the same home, what they share stays.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from local_assistant import paths, temporary
from local_assistant.engine import runfile
from local_assistant.errors import AssistantError, quoted
from local_assistant.models import made, unmaking
from local_assistant.setup import changes, dropins, jupyter_ai, merging, own_data, own_files
from local_assistant.setup import ledger as ledgers
from local_assistant.setup import record as records
from local_assistant.setup.files import read_bytes, remove, shown_bytes
from local_assistant.setup.ledger import Ledger
from local_assistant.setup.names_step import names_bytes, remove_names

_STARTING_S = 15.0
_SHOWN_MODELS = 3
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

    prefix: Path = field(default_factory=paths.prefix)
    dry_run: bool = False
    models: bool = False


def uninstall(options: UninstallOptions) -> Iterator[Item]:
    """Undo everything, yielding each item as it is done."""
    record = records.load()
    others = other_prefixes(options.prefix, record)
    for prefix in (options.prefix, *_gone(record, (options.prefix, *others))):
        yield from undo_settings(prefix, dry_run=options.dry_run)
    if not (others and own_files.ipython_looks_in(options.prefix)):
        yield from undo_startup(options, record)
    if hosts := runfile.other_hosts():
        detail = f"your engine runs on {', '.join(hosts)}: there jupyter assistant stop, then again"
        yield Item("state", str(paths.home()), "kept", detail)
    elif others:
        if not options.dry_run and str(options.prefix) in record.prefixes:
            record.prefixes.remove(str(options.prefix))
            records.save(record)
        shared = f"the assistant is installed in {', '.join(map(str, others))} too"
        yield Item("state", str(paths.home()), "kept", shared)
    else:
        yield from undo_in_home(options)
        yield from remove_names(dry_run=options.dry_run)  # while the servers answer
        yield from say_ollamas_models()
        yield from stop_servers(options)
        yield from remove_config(options, record)
        yield from remove_data(options)
    if not paths.in_checkout():  # whose `make uninstall` goes on to remove it
        package = changes.by_id("package")
        what = f"the package in {options.prefix}"
        yield Item("package", what, "kept", f"remove it with: {package.undo}")


def other_prefixes(prefix: Path, record: records.Record) -> list[Path]:
    """Return the other environments of this user that have the assistant."""
    there = [Path(name) for name in record.prefixes if (Path(name) / paths.DROP_IN).exists()]
    return sorted(each for each in there if each != prefix)


def _gone(record: records.Record, there: tuple[Path, ...]) -> list[Path]:
    """Return the environments from which pip has taken the package before we were asked."""
    return [Path(name) for name in record.prefixes if Path(name) not in there]


def undo_settings(prefix: Path, *, dry_run: bool) -> Iterator[Item]:
    """Take our keys out of the shared-name files of an environment, if nobody else needs them."""
    ledger = ledgers.of_prefix(prefix)
    if not dry_run:
        temporary.sweep(ledger.file)
    if not ledger.merged:
        return
    if not dropins.writable(ledger.file.parent):
        detail = "you cannot write it; who owns it runs there: jupyter assistant uninstall"
        yield Item("settings", str(ledger.file), "kept", detail)
        return
    stay = ledger.leave(paths.home())
    if stay:
        if not dry_run:
            ledger.save()
        yield Item("settings", str(ledger.file), "kept", f"also for who has {', '.join(stay)}")
        return
    yield from _unmerge(ledger, dry_run=dry_run)


def undo_in_home(options: UninstallOptions) -> Iterator[Item]:
    """Take our keys out of files in the user's own directories."""
    for path, done in jupyter_ai.remove(dry_run=options.dry_run):
        if done is None:
            yield Item("jupyter-ai", str(path), "kept", "it cannot be read as JSON any more")
        else:
            yield Item("jupyter-ai", str(path), done.action, done.detail)
    ledger = ledgers.of_user()
    for path in jupyter_ai.files(ledger):
        ledger.merged.pop(str(path))  # done with above, or kept
    yield from _unmerge(ledger, dry_run=options.dry_run)


def _unmerge(ledger: Ledger, *, dry_run: bool) -> Iterator[Item]:
    for path, entry in ledger.files():
        done = merging.unmerge(path, entry, dry_run=dry_run)
        if not dry_run:
            temporary.sweep(path.resolve())
            ledger.forget(path)
        if done is not None:
            yield Item("settings", str(path), done.action, done.detail)


def undo_startup(options: UninstallOptions, record: records.Record) -> Iterator[Item]:
    """Remove our file from the user's IPython profile."""
    for path, ours in own_files.remove_startup(record, dry_run=options.dry_run):
        if ours:
            yield Item("startup", str(path), "removed", "as install wrote it")
        else:
            yield Item("startup", str(path), "kept", "it was changed since")


def say_ollamas_models() -> Iterator[Item]:
    """Say which models stay in an Ollama that answers here; who pulled which is not known."""
    from local_assistant.config import is_loopback, load_config
    from local_assistant.server import Endpoint, installed
    from local_assistant.server.installed import short

    try:
        url = load_config().config.server.url
        if not is_loopback(url):
            return
        there = installed(Endpoint("ollama", url, None, "", True, ""))
    except AssistantError:
        return  # none answers
    ours = made.read().on(url)
    names = sorted(short(each.name) for each in there if short(each.name) not in ours)
    if names:
        undo = changes.by_id("ollama-models").undo
        shown = ", ".join(names[:_SHOWN_MODELS]) + (", …" if names[_SHOWN_MODELS:] else "")
        detail = f"{shown}; remove what you do not want with: {undo}"
        yield Item("ollama-models", f"Ollama at {url}", "kept", detail)


def stop_servers(options: UninstallOptions) -> Iterator[Item]:
    """Stop the engine, and an Ollama that we started; nobody else's."""
    from local_assistant.engine.launch import stop_engine
    from local_assistant.server import ollama

    started = ollama.started_by_us()
    if started is not None:
        if not options.dry_run:
            ollama.stop()
        yield Item("ollama", started.url, "stopped", f"our Ollama, process {started.pid}")
    # Also one that hangs or is just starting: it must not outlive its files.
    engine = runfile.awaited(_STARTING_S)
    if engine is not None:
        for name in _holders():
            detail = "it uses the assistant and would start the engine again: end it"
            yield Item("engine", name, "kept", detail)
        if not options.dry_run:
            stop_engine()
        yield Item("engine", engine.url, "stopped", f"the embedded engine, process {engine.pid}")
    elif pid := runfile.starting():
        if not options.dry_run:
            stop_engine()
        yield Item("engine", f"process {pid}", "stopped", "the embedded engine, which was starting")


def _holders() -> list[str]:
    """Return who keeps the engine alive, as far as it answers."""
    from local_assistant.engine.launch import holders

    return [name.replace("jupyter-", "JupyterLab, process ") for name in holders()]


def remove_config(options: UninstallOptions, record: records.Record) -> Iterator[Item]:
    """Remove ``assistant.toml`` where it is as we wrote it."""
    path = paths.user_config_file()
    content = read_bytes(path)
    if not options.dry_run:
        temporary.sweep(path.resolve())
    if content is None:
        return
    noted = record.config_path == str(path)
    as_left = noted and record.config_digest == records.digest(content)
    if not as_left and not _is_template(content, begun=noted):
        yield Item("config", str(path), "kept", "it has settings of yours")
        return
    if not options.dry_run:
        remove(path.resolve())  # a link is the user's, and was there before
        merging.remove_folders(path, record.config_made)
    yield Item("config", str(path), "removed", "as install wrote it")


def _is_template(content: bytes, *, begun: bool) -> bool:
    """Return whether it is the template; of one that we began to write, a kill may have left less.

    An empty file of the user's (or a link to no file at all) is none.
    """
    from local_assistant.config import TEMPLATE

    whole = TEMPLATE.encode()
    return content == whole or (begun and whole.startswith(content))


def remove_data(options: UninstallOptions) -> Iterator[Item]:
    """Remove run files, logs, what was learned, the record and, if asked for, the models; then
    what is empty."""
    for name, folder in (
        ("engine", paths.run_dir()),
        ("logs", paths.logs_dir()),
        ("learned", paths.learned_dir()),
        ("downloads", paths.downloads_dir()),
    ):
        yield from _folder(name, folder, options)
    yield from _models(options)
    # The record, but of names that could not be removed: the next run needs that.
    kept = {made.file(), made.file().with_suffix(".lock")} if unmaking.left() else set()
    yield from _folder("state", paths.state_dir(), options, keep=frozenset(kept))
    yield from _home(options)


def _folder(
    name: str,
    folder: Path,
    options: UninstallOptions,
    *,
    keep: frozenset[Path] = frozenset(),
    detail: str = "",
) -> Iterator[Item]:
    """Remove what is ours in a folder, and say what is not."""
    if not folder.exists():
        return
    others = own_data.strangers(folder)
    if not others or len(others) < len(list(folder.iterdir())):
        if not options.dry_run:
            own_data.remove_ours(folder, keep=keep)
        yield Item(name, str(folder), "removed", "what is ours in it" if others else detail)
    if others:
        yield Item(name, str(folder), "kept", f"not ours: {', '.join(others)}")


def _home(options: UninstallOptions) -> Iterator[Item]:
    """Remove the data directory itself; what is in it and not ours is kept and said."""
    home, note = paths.home(), paths.folders_note()
    ours = {*paths.own_dirs(), note}
    there = set(home.glob("*")) if home.is_dir() else set()
    if others := sorted(path.name for path in there - ours):
        yield Item("state", str(home), "kept", f"not ours: {', '.join(others)}")
    if options.dry_run or there - {note} or not home.is_dir():
        return
    above = paths.folders_made()
    own_data.remove_ours(note)
    if not home.is_symlink() and not note.exists():
        home.rmdir()
        merging.remove_folders(home, str(above[-1]) if above else None)


def _models(options: UninstallOptions) -> Iterator[Item]:
    store = paths.models_dir()
    size = tree_size(store) - (names_bytes(store) if options.dry_run else 0)
    if size and store.is_symlink():
        # Somebody's arrangement: others may keep models in that folder, too.
        behind = f"{shown_bytes(size)} behind a link, in {store.resolve()}; yours to remove"
        yield Item("models", str(store), "kept", behind)
    elif size and any(store.resolve() == each.resolve() for each in paths.ollama_stores()):
        yield Item("models", str(store), "kept", "Ollama keeps its models there")
    elif size and not options.models:
        # `make uninstall` goes on to remove the command that would do it.
        by_hand = f"rm -r {quoted(str(store))}" if paths.in_checkout() else None
        undo = by_hand or changes.by_id("models").undo
        detail = f"{shown_bytes(size)}; remove them with: {undo}"
        yield Item("models", str(store), "kept", detail)
    elif size:
        yield from _folder("models", store, options, detail=shown_bytes(size))
    elif store.exists() and not options.dry_run:
        own_data.remove_ours(store)


def tree_size(directory: Path) -> int:
    """Return the bytes of all files below ``directory``; 0 where there is none."""
    return sum(file.lstat().st_size for file in directory.rglob("*") if file.is_file())
