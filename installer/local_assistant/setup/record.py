"""What ``install`` did for this user, in ``state/install.json``, so that it can be undone.

Contract: an entry is written before the change it describes (as in ``ledger``, which keeps what
was merged into files of others). A record that cannot be read is refused, not overwritten.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path

from local_assistant import paths
from local_assistant.setup.files import read_bytes, write_atomically
from local_assistant.setup.ledger import digest, unreadable

__all__ = ["Made", "Record", "digest", "load", "record_path", "save"]

VERSION = 1


@dataclass
class Made:
    """A file with our own name in one of the user's directories.

    Attributes:
        digest: of its bytes as we wrote them.
        folder: the uppermost folder that we made for it, if we made one.
    """

    digest: str
    folder: str | None = None


@dataclass
class Record:
    """The content of ``install.json``.

    Attributes:
        prefixes: the environments from which this user ran install.
        files: files with our own name, by path.
        config_path: the ``assistant.toml`` that we wrote, if we wrote one.
        config_digest: digest of its bytes as we left them.
        config_made: the uppermost folder that we made for it, if we made one.
    """

    prefixes: list[str] = field(default_factory=list)
    files: dict[str, Made] = field(default_factory=dict)
    config_path: str | None = None
    config_digest: str | None = None
    config_made: str | None = None


def record_path() -> Path:
    return paths.state_dir() / "install.json"


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
        if data.pop("version") != VERSION:
            raise ValueError("it is of another version")
        files = {str(path): Made(**made) for path, made in data.pop("files").items()}
        return Record(files=files, **data)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise unreadable(record_path(), error) from error


def save(record: Record) -> None:
    """Write the record atomically, readable by this user alone; nothing where it is the same."""
    content = (json.dumps({"version": VERSION, **asdict(record)}, indent=2) + "\n").encode()
    if read_bytes(record_path()) != content:
        paths.make_private_dir(record_path().parent)
        write_atomically(record_path(), content, 0o600)
