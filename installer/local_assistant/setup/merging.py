"""Keys of ours in a JSON file that belongs to others: brought in, and taken out again.

Contract: a key that somebody else has set is left to them; of a value that stands there
nobody's or ours, the one before is recorded before the file is written. Undoing restores the
file byte for byte where nobody else changed it since, and otherwise puts back our keys alone.
The file keeps its mode, and a symbolic link stays one.
"""

from __future__ import annotations

import copy
import stat
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from local_assistant import paths
from local_assistant.setup import tree
from local_assistant.setup.files import read_bytes, remove, write_atomically
from local_assistant.setup.ledger import Ledger, MergedFile, digest
from local_assistant.setup.tree import MISSING


def _nowhere(_path: Path, _key: str) -> Path | None:
    return None


@dataclass(frozen=True)
class SharedFile:
    """A file whose name is not ours, and what we want in it.

    Attributes:
        path: the file.
        wanted: our values, by dotted key.
        shipped: values with which a package installs the file; they are no user's choice.
        package: identifies that package's installation; ``None`` where it is not installed.
        nobodys: by key, values that are never a choice, whenever they are met.
        elsewhere: says which other file of the user's sets a key, if one does.
        mode: of the file, where we make it.
    """

    path: Path
    wanted: Mapping[str, Any]
    shipped: Mapping[str, Any] = field(default_factory=dict)
    package: str | None = None
    nobodys: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)
    elsewhere: Callable[[Path, str], Path | None] = _nowhere
    mode: int = 0o644


@dataclass(frozen=True)
class Undone:
    """What became of a shared-name file."""

    action: Literal["removed", "restored"]
    detail: str


def merge(file: SharedFile, ledger: Ledger) -> tuple[list[str], bool]:
    """Bring our keys into a file, and note that in ``ledger``.

    Returns:
        The keys that were left to the user, and whether the file changed.

    Raises:
        AssistantError: the file is not JSON, or cannot be written.
    """
    path = file.path
    before = read_bytes(path)
    content = tree.parse(path, before)
    known, written_by_us = _known(file, before, ledger)
    ours, left = _split(file, content, known)
    after = copy.deepcopy(content)
    _put_back(after, {key: known.keys[key] for key in known.keys if key not in ours}, known.old)
    base = copy.deepcopy(content)
    _put_back(base, known.keys, known.old)
    old = {key: tree.get(base, key) for key in ours if tree.get(base, key) is not MISSING}
    for key, value in ours.items():
        tree.put(after, key, value)
    if after == content:
        _note(ledger, path, replace(known, pending=False))
        return left, False
    # Where somebody else changed the file since, uninstall restores what they left.
    original = known.original if written_by_us else _without(path, before, known)
    new = tree.dump(after)
    entry = MergedFile(
        original, digest(new), ours, old, file.package, made=known.made or folders_for(path)
    )
    _note(ledger, path, replace(entry, pending=True))
    _write(path, new, file.mode)
    _note(ledger, path, entry)
    return left, True


def outlook(file: SharedFile, ledger: Ledger) -> tuple[list[str], list[str]]:
    """Return the keys that :func:`merge` would write, and those that it leaves to the user.

    Raises:
        AssistantError: the file is not JSON.
    """
    before = read_bytes(file.path)
    content = tree.parse(file.path, before)
    ours, left = _split(file, content, _known(file, before, ledger)[0])
    return [key for key, value in ours.items() if tree.get(content, key) != value], left


def _known(file: SharedFile, before: bytes | None, ledger: Ledger) -> tuple[MergedFile, bool]:
    """Return what is recorded of a file, and whether its bytes are as we wrote them."""
    noted = ledger.get(file.path)
    made = noted.made if noted else None
    fresh = MergedFile(original=before, package=file.package, made=made)
    known = noted or fresh
    written_by_us = before is not None and digest(before) == known.written
    if known.package != file.package or (known.pending and not written_by_us):
        # The package was installed anew and put its file back, or a Ctrl-C came before our
        # write: as if seen for the first time.
        return fresh, written_by_us
    return known, written_by_us


Tidy = Callable[[dict[str, Any], dict[str, Any]], None]


def _as_it_is(_before: dict[str, Any], _after: dict[str, Any]) -> None:
    pass


def unmerge(
    path: Path, entry: MergedFile, *, dry_run: bool, tidy: Tidy = _as_it_is
) -> Undone | None:
    """Take our keys out of ``path``; return what was done, or ``None`` where nothing was.

    Args:
        tidy: mends what others have built on our keys, in a file that they changed since;
            called with its settings before and after.

    Raises:
        AssistantError: the file is not JSON any more, or cannot be written.
    """
    before = read_bytes(path)
    if before is None:
        return None
    if digest(before) == entry.written:
        after, how = entry.original, "as it was"
    else:
        after, how = _without(path, before, entry, tidy), "our keys taken out"
    if after == before:
        return None
    if not dry_run:
        _write_or_remove(path, after, entry)
    return Undone("removed", "install made it") if after is None else Undone("restored", how)


def _note(ledger: Ledger, path: Path, entry: MergedFile) -> None:
    if entry.keys or ledger.get(path) is not None:
        ledger.put(path, entry)


def _split(
    file: SharedFile, content: dict[str, Any], known: MergedFile
) -> tuple[dict[str, Any], list[str]]:
    """Return the keys that are ours to set, and those that the user has set otherwise."""
    ours: dict[str, Any] = {}
    left: list[str] = []
    for key, value in file.wanted.items():
        present = tree.get(content, key)
        # Where a value of ours was recorded, whatever else stands there now is a choice;
        # so a shipped value counts as nobody's only the first time.
        nobodys = known.keys.get(key, file.shipped.get(key, MISSING))
        free = present is MISSING or present == nobodys or present in file.nobodys.get(key, ())
        if file.elsewhere(file.path, key) or (not free and present != value):
            left.append(key)
        elif free:
            ours[key] = value
    return ours, left


def _put_back(data: dict[str, Any], keys: Mapping[str, Any], old: Mapping[str, Any]) -> None:
    """Undo in ``data`` those of our keys that still have our value."""
    for key, value in keys.items():
        if tree.get(data, key) != value:
            continue
        if key in old:
            tree.put(data, key, old[key])
        else:
            tree.drop(data, key)


def _without(
    path: Path, content: bytes | None, entry: MergedFile, tidy: Tidy = _as_it_is
) -> bytes | None:
    """Return ``content`` with our keys undone; ``None`` where nothing but them was there."""
    if content is None or not entry.keys:
        return content
    data = tree.parse(path, content)
    after = copy.deepcopy(data)
    _put_back(after, entry.keys, entry.old)
    tidy(data, after)
    if after == data:
        return content
    return None if not after and entry.original is None else tree.dump(after)


def folders_for(path: Path) -> str | None:
    """Return the uppermost folder that writing ``path`` will make, if it makes one."""
    missing = [folder for folder in path.parents if not folder.exists()]
    return str(missing[-1]) if missing else None


def _write(path: Path, content: bytes, mode: int) -> None:
    try:
        target = path.resolve()  # a link is somebody's arrangement: what it names is written
        if target.exists():
            mode = stat.S_IMODE(target.stat().st_mode)
    except OSError as error:
        raise paths.unwritable(path, error) from error
    write_atomically(target, content, mode)


def _write_or_remove(path: Path, content: bytes | None, entry: MergedFile) -> None:
    if content is not None:
        _write(path, content, 0o644)
        return
    remove(path.resolve())  # a link is the user's, and was there before
    remove_folders(path, entry.made)


def remove_folders(path: Path, made: str | None) -> None:
    """Remove the folders that writing ``path`` made, as far as nothing else is in them."""
    if made is None:
        return
    for folder in path.parents:
        if not folder.is_relative_to(made):
            return
        try:
            folder.rmdir()
        except OSError:
            return  # others keep files there
