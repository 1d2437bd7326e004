"""What ``install`` wrote, kept in ``state/install.json`` so that ``uninstall`` undoes it.

Contract: an entry is written before the change it describes, so that a Ctrl-C between the
two leaves a record of something that did not happen (harmless: undoing looks at the file
first) and never a change without a record. A record that cannot be read is refused, not
overwritten.
"""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from local_assistant import paths
from local_assistant.errors import AssistantError
from local_assistant.setup.files import read_bytes, write_atomically

VERSION = 1


@dataclass
class MergedFile:
    """A file with a shared name into which we merged keys.

    Attributes:
        original: the bytes before our first change; ``None`` where there was no file.
        written: digest of the bytes that we wrote last.
        keys: our values, by dotted path of the key.
        old: the values that ours stand in for; a key that is not here was not there.
        package: which installation of the package shipped the file, if one did.
        pending: the write was begun; a Ctrl-C may have come before it was done.
    """

    original: bytes | None
    written: str = ""
    keys: dict[str, Any] = field(default_factory=dict)
    old: dict[str, Any] = field(default_factory=dict)
    package: str | None = None
    pending: bool = False


@dataclass
class Record:
    """The content of ``install.json``.

    Attributes:
        merged: path of a shared-name file -> what we merged into it.
        config_path: the ``assistant.toml`` that we wrote, if we wrote one.
        config_digest: digest of its bytes as we left them.
    """

    merged: dict[str, MergedFile] = field(default_factory=dict)
    config_path: str | None = None
    config_digest: str | None = None


def record_path() -> Path:
    return paths.state_dir() / "install.json"


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def load() -> Record:
    """Read the record; an empty one where there is none.

    Raises:
        AssistantError: the file is there and is not a record of this version.
    """
    content = read_bytes(record_path())
    if content is None:
        return Record()
    try:
        data = json.loads(content)
        if data["version"] != VERSION:
            raise ValueError(f"version {data['version']}")
        return Record(
            merged={path: _merged_from(entry) for path, entry in data["merged"].items()},
            config_path=data["config_path"],
            config_digest=data["config_digest"],
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise AssistantError(
            f"The record of what was installed, {record_path()}, cannot be read: {error}.",
            "Move that file away and run: jupyter assistant install",
        ) from error


def save(record: Record) -> None:
    """Write the record atomically, readable by this user alone; nothing where it is the same."""
    data = {
        "version": VERSION,
        "merged": {path: _merged_to(entry) for path, entry in sorted(record.merged.items())},
        "config_path": record.config_path,
        "config_digest": record.config_digest,
    }
    content = (json.dumps(data, indent=2) + "\n").encode()
    if read_bytes(record_path()) != content:
        paths.make_private_dir(record_path().parent)
        write_atomically(record_path(), content, 0o600)


def _merged_to(entry: MergedFile) -> dict[str, Any]:
    original = entry.original
    return {
        # Base64: the file may be in any encoding, and must come back byte for byte.
        "original": None if original is None else base64.b64encode(original).decode("ascii"),
        "written": entry.written,
        "keys": entry.keys,
        "old": entry.old,
        "package": entry.package,
        "pending": entry.pending,
    }


def _merged_from(data: dict[str, Any]) -> MergedFile:
    original = data["original"]
    return MergedFile(
        original=None if original is None else base64.b64decode(original),
        written=data["written"],
        keys=dict(data["keys"]),
        old=dict(data["old"]),
        package=data["package"],
        pending=data["pending"],
    )
