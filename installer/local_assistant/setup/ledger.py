"""Files that belong to others and hold keys of ours: what was there before, and what we wrote.

Contract: an entry is written before the change it describes, so that a kill between the two
leaves a record of something that did not happen (harmless: undoing looks at the file first)
and never a change without a record. What we merged into an environment is recorded in that
environment, so that neither a user who deletes the assistant's data nor one who shares the
environment with others is left with settings that nobody can take back; what we merged into
the user's own directories, beside the rest of the user's record. A ledger that cannot be read
is refused, not overwritten.
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
from local_assistant.setup.files import read_bytes, remove, write_atomically

VERSION = 1
IN_PREFIX = "etc/jupyter-local-assistant.json"


@dataclass
class MergedFile:
    """A file with a shared name into which we merged keys.

    Attributes:
        original: the bytes before our first change; ``None`` where there was no file.
        written: digest of the bytes that we wrote last.
        keys: our values, by dotted path of the key.
        old: the values that ours stand in for; a key that is not here was not there.
        package: which installation of the package shipped the file, if one did.
        pending: the write was begun; a kill may have come before it was done.
        made: the uppermost folder that we made for the file, if we made one.
    """

    original: bytes | None
    written: str = ""
    keys: dict[str, Any] = field(default_factory=dict)
    old: dict[str, Any] = field(default_factory=dict)
    package: str | None = None
    pending: bool = False
    made: str | None = None


@dataclass
class Ledger:
    """The merged files of one place.

    Attributes:
        file: where this is kept.
        root: paths below it are kept relative to it: an environment may have two names.
        merged: by path.
        homes: the data directories of the users who installed here.
        mode: of the file.
    """

    file: Path
    root: Path | None = None
    merged: dict[str, MergedFile] = field(default_factory=dict)
    homes: list[str] = field(default_factory=list)
    mode: int = 0o600

    def get(self, path: Path) -> MergedFile | None:
        return self.merged.get(self._key(path))

    def put(self, path: Path, entry: MergedFile) -> None:
        """Note an entry, on disk, before or after the change that it describes."""
        self.merged[self._key(path)] = entry
        self.save()

    def forget(self, path: Path) -> None:
        """Note that a change was undone."""
        if self.merged.pop(self._key(path), None) is not None:
            self.save()

    def join(self, home: Path) -> None:
        """Note that the user with this data directory uses what is merged here."""
        if self.merged and str(home) not in self.homes:
            self.homes = sorted([*self.homes, str(home)])
            self.save()

    def leave(self, home: Path) -> list[str]:
        """Take a user off the list; return the data directories of those who stay."""
        self.homes = [each for each in self.homes if each != str(home) and _may_be(Path(each))]
        return self.homes

    def files(self) -> list[tuple[Path, MergedFile]]:
        """Return the files and their entries."""
        root = self.root or Path()
        return [(root / name, entry) for name, entry in self.merged.items()]

    def save(self) -> None:
        """Write it, or remove the file where there is nothing to keep."""
        if not self.merged:
            remove(self.file)
            return
        data = {
            "version": VERSION,
            "homes": self.homes,
            "merged": {path: _dump(entry) for path, entry in sorted(self.merged.items())},
        }
        content = (json.dumps(data, indent=2) + "\n").encode()
        if read_bytes(self.file) != content:
            if self.root is None:
                paths.make_private_dir(self.file.parent)
            write_atomically(self.file, content, self.mode)

    def _key(self, path: Path) -> str:
        if self.root is not None and path.is_relative_to(self.root):
            return path.relative_to(self.root).as_posix()
        return str(path)


def of_prefix(prefix: Path) -> Ledger:
    """Read what was merged into an environment."""
    return _load(Ledger(prefix / IN_PREFIX, prefix, mode=0o644))


def of_user() -> Ledger:
    """Read what was merged into this user's own directories."""
    return _load(Ledger(paths.state_dir() / "merged.json"))


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def unreadable(file: Path, error: Exception) -> AssistantError:
    """Return the error for a record of ours that is damaged."""
    return AssistantError(
        f"The record of what was installed, {file}, cannot be read: {error}.",
        "Move that file away and run: jupyter assistant install",
    )


def _may_be(home: Path) -> bool:
    """Return whether a user's data directory is there, for all that this user can see."""
    try:
        home.stat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        return True  # closed to us
    return True


def _load(ledger: Ledger) -> Ledger:
    content = read_bytes(ledger.file)
    if content is None:
        return ledger
    try:
        data = json.loads(content)
        if data["version"] != VERSION:
            raise ValueError(f"version {data['version']}")
        ledger.homes = [str(home) for home in data["homes"]]
        ledger.merged = {str(path): _parse(entry) for path, entry in data["merged"].items()}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise unreadable(ledger.file, error) from error
    return ledger


def _dump(entry: MergedFile) -> dict[str, Any]:
    original = entry.original
    return {
        # Base64: the file may be in any encoding, and must come back byte for byte.
        "original": None if original is None else base64.b64encode(original).decode("ascii"),
        "written": entry.written,
        "keys": entry.keys,
        "old": entry.old,
        "package": entry.package,
        "pending": entry.pending,
        "made": entry.made,
    }


def _parse(data: dict[str, Any]) -> MergedFile:
    original = data["original"]
    return MergedFile(
        original=None if original is None else base64.b64decode(original),
        written=data["written"],
        keys=dict(data["keys"]),
        old=dict(data["old"]),
        package=data["package"],
        pending=data["pending"],
        made=data["made"],
    )
