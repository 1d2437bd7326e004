"""Settings for Jupyter under the environment's prefix.

Two kinds. Files with our own name come with the wheel and are only looked for. Files with
a shared name are merged key by key and undone key by key: what the user has set, there or
in the user's own config directories, is left out.

Contract: nothing outside ``prefix/etc`` is written. Undoing restores a merged file byte for
byte where nobody else changed it since, and otherwise puts back our keys alone.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from local_assistant import paths
from local_assistant.setup import record as records
from local_assistant.setup import tree
from local_assistant.setup.files import read_bytes, write_atomically
from local_assistant.setup.tree import MISSING

OWN_FILES = (
    "etc/ipython/startup/zz-local-assistant.py",
    "etc/jupyter/jupyter_server_config.d/zz-local-assistant.json",
    "etc/jupyter/labconfig/default_setting_overrides.d/zz-local-assistant.json",
)
"""The wheel's shared data, relative to the prefix (a test compares it with the tree)."""


@dataclass(frozen=True)
class SharedFile:
    """A file whose name is not ours, and what we want in it.

    Attributes:
        path: the file.
        wanted: our values, by dotted key.
        shipped: values with which a package installs the file; they are no user's choice.
        package: identifies that package's installation; ``None`` where it is not installed.
    """

    path: Path
    wanted: Mapping[str, Any]
    shipped: Mapping[str, Any] = field(default_factory=dict)
    package: str | None = None


@dataclass(frozen=True)
class Undone:
    """What became of a shared-name file."""

    action: Literal["removed", "restored"]
    detail: str


def missing_own_files(prefix: Path) -> list[Path]:
    """Return which of our own files are not under ``prefix``."""
    return [prefix / name for name in OWN_FILES if not (prefix / name).is_file()]


def shared_files(prefix: Path) -> list[SharedFile]:
    """Return the shared-name files of this environment.

    What a package ships and switches on is left out where that package is not installed.
    """
    from local_assistant.lab.chat.defaults import SHARED_CONFIG, SHIPPED_VALUES

    found = []
    for name, data in SHARED_CONFIG.items():
        shipped = SHIPPED_VALUES.get(name, {})
        package = _installation(Path(name).stem) if shipped else None
        if package is not None or not shipped:
            path = prefix / "etc" / "jupyter" / name
            found.append(SharedFile(path, dict(tree.flatten(data)), shipped, package))
    return found


def merge(file: SharedFile, record: records.Record) -> tuple[list[str], bool]:
    """Bring our keys into a file.

    Returns:
        The keys that were left to the user, and whether the file changed.

    Raises:
        AssistantError: the file is not JSON, or cannot be written.
    """
    path = file.path
    before = read_bytes(path)
    content = tree.parse(path, before)
    fresh = records.MergedFile(original=before, package=file.package)
    known = record.merged.get(str(path), fresh)
    written_by_us = before is not None and records.digest(before) == known.written
    if known.package != file.package or (known.pending and not written_by_us):
        # The package was installed anew and put its file back, or a Ctrl-C came before our
        # write: as if seen for the first time.
        known = fresh
    ours, left = _split(file, content, known)
    after = copy.deepcopy(content)
    _put_back(after, {key: known.keys[key] for key in known.keys if key not in ours}, known.old)
    base = copy.deepcopy(content)
    _put_back(base, known.keys, known.old)
    old = {key: tree.get(base, key) for key in ours if tree.get(base, key) is not MISSING}
    for key, value in ours.items():
        tree.put(after, key, value)
    if after == content:
        _note(record, path, replace(known, pending=False))
        return left, False
    # Where somebody else changed the file since, uninstall restores what they left.
    original = known.original if written_by_us else _without(path, before, known)
    new = tree.dump(after)
    entry = records.MergedFile(original, records.digest(new), ours, old, file.package)
    _note(record, path, replace(entry, pending=True))
    write_atomically(path, new)
    _note(record, path, entry)
    return left, True


def _note(record: records.Record, path: Path, entry: records.MergedFile) -> None:
    if entry.keys or str(path) in record.merged:
        record.merged[str(path)] = entry
        records.save(record)


def unmerge(path: Path, entry: records.MergedFile, *, dry_run: bool) -> Undone | None:
    """Take our keys out of ``path``; return what was done, or ``None`` where nothing was."""
    before = read_bytes(path)
    if before is None:
        return None
    if records.digest(before) == entry.written:
        after, how = entry.original, "as it was"
    else:
        after, how = _without(path, before, entry), "our keys taken out"
    if after == before:
        return None
    if not dry_run:
        _write_or_remove(path, after)
    return Undone("removed", "install made it") if after is None else Undone("restored", how)


def user_sets(shared: Path, key: str) -> Path | None:
    """Return the user's own config file that sets ``key`` of ``shared``, if there is one.

    Jupyter reads an extension's settings from its own file, from the server's and from the
    server's ``.d``. A Python file is searched for the names: it cannot be evaluated here.
    """
    for directory in paths.jupyter_user_config_dirs():
        if shared.resolve().is_relative_to(directory.resolve()):
            continue  # JUPYTER_CONFIG_PATH may name the environment itself.
        stems = (shared.stem, "jupyter_server_config", "jupyter_config")
        files = [directory / f"{stem}.json" for stem in stems]
        files += sorted((directory / "jupyter_server_config.d").glob("*.json"))
        for file in files:
            data = read_bytes(file)
            if data is not None and tree.get(tree.parse_or_empty(data), key) is not MISSING:
                return file
        for stem in stems:
            script = read_bytes(directory / f"{stem}.py")
            if script is not None and _assigned(script, key):
                return directory / f"{stem}.py"
    return None


def _installation(package: str) -> str | None:
    """Return what tells one installation of a package from the next.

    The version alone would not: reinstalling puts the package's files back, too.
    """
    from importlib import metadata

    try:
        found = metadata.distribution(package)
    except metadata.PackageNotFoundError:
        return None
    location = getattr(found, "_path", None)
    try:
        stamp = (Path(location) / "RECORD").stat().st_mtime_ns if location else 0
    except OSError:
        stamp = 0  # Not installed by pip: the version has to do.
    return f"{found.version}@{stamp}"


def _assigned(script: bytes, key: str) -> bool:
    lines = script.decode("utf-8", "replace").splitlines()
    code = "\n".join(line for line in lines if not line.lstrip().startswith("#"))
    return all(part in code for part in key.split("."))


def _split(
    file: SharedFile, content: dict[str, Any], known: records.MergedFile
) -> tuple[dict[str, Any], list[str]]:
    """Return the keys that are ours to set, and those that the user has set otherwise."""
    ours: dict[str, Any] = {}
    left: list[str] = []
    for key, value in file.wanted.items():
        present = tree.get(content, key)
        # Where a value of ours was recorded, whatever else stands there now is a choice;
        # so a shipped value counts as nobody's only the first time.
        nobodys = known.keys.get(key, file.shipped.get(key, MISSING))
        free = present is MISSING or present == nobodys
        if user_sets(file.path, key) or (not free and present != value):
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


def _without(path: Path, content: bytes | None, entry: records.MergedFile) -> bytes | None:
    """Return ``content`` with our keys undone; ``None`` where nothing but them was there."""
    if content is None or not entry.keys:
        return content
    data = tree.parse(path, content)
    after = copy.deepcopy(data)
    _put_back(after, entry.keys, entry.old)
    if after == data:
        return content
    return None if not after and entry.original is None else tree.dump(after)


def _write_or_remove(path: Path, content: bytes | None) -> None:
    if content is not None:
        write_atomically(path, content)
        return
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise paths.unwritable(path, error) from error
