"""What was learned, in one SQLite file: files, their passages, vectors and codes.

Contract: one file per embedding model, because vectors of two models cannot be compared. A
file's passages come and go in one transaction, so a reader, or a kill, sees a file whole or
not at all. May be used from any thread, one at a time. Every failure of the disk or of
SQLite is an :class:`AssistantError`.
"""

from __future__ import annotations

import contextlib
import re
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from local_assistant import paths
from local_assistant.errors import AssistantError
from local_assistant.lab.learn.passages import Passage

if TYPE_CHECKING:
    from local_assistant.lab.learn.vectors import Codes, Floats

_SCHEMA = """
CREATE TABLE IF NOT EXISTS files (
    id INTEGER PRIMARY KEY, path TEXT NOT NULL UNIQUE, digest TEXT NOT NULL,
    size INTEGER NOT NULL, mtime_ns INTEGER NOT NULL,
    first INTEGER NOT NULL, passages INTEGER NOT NULL, codes BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS passages (
    id INTEGER PRIMARY KEY, file INTEGER NOT NULL, place TEXT NOT NULL,
    heading TEXT NOT NULL, text TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS vectors (id INTEGER PRIMARY KEY, vector BLOB NOT NULL);
"""
_WAIT_S = 30.0
_CANDIDATES = 1_000
"""How many of the nearest codes are compared exactly; see ``vectors``."""


@dataclass(frozen=True)
class KnownFile:
    """A learned file; ``digest`` is the SHA-256 of its bytes when it was."""

    path: str
    digest: str
    size: int
    mtime_ns: int
    passages: int


@dataclass(frozen=True)
class NewFile:
    """What is to be kept of a file: its passages, and a vector (n, d) for each; None for none."""

    entry: KnownFile
    passages: Sequence[Passage]
    vectors: Floats | None


@dataclass(frozen=True)
class Hit:
    """A passage that answers a question; ``score`` is the cosine of the two vectors."""

    path: str
    passage: Passage
    score: float


def index_file(model: str) -> Path:
    """Return where the index of an embedding model lies."""
    name = re.sub(r"[^A-Za-z0-9_.-]+", "_", model.removesuffix(":latest"))
    return paths.learned_dir() / f"{name}.sqlite"


def indexes() -> list[Path]:
    """Return the index files that there are."""
    return sorted(paths.learned_dir().glob("*.sqlite"))


class Index:
    """One index file, made when it is first opened."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.RLock()
        self._cached: tuple[Any, Any, Codes] | None = None
        self._changes = 0
        with self._failing():
            paths.make_private_dir(path.parent)
            self._db = sqlite3.connect(path, timeout=_WAIT_S, check_same_thread=False)
            try:
                self._db.executescript(_SCHEMA)
            except BaseException:
                self._db.close()
                raise

    def close(self) -> None:
        with self._lock:
            self._db.close()

    def known(self) -> dict[str, KnownFile]:
        """Return the learned files by path, in its order."""
        with self._using() as db:
            rows = db.execute(
                "SELECT path, digest, size, mtime_ns, passages FROM files ORDER BY path"
            )
            return {row[0]: KnownFile(*row) for row in rows}

    def put(self, files: Sequence[NewFile]) -> None:
        """Keep files, each in place of what was known of it, in one transaction.

        One for many: a disk takes some ten milliseconds to keep a transaction for good.
        """
        with self._using() as db, db:
            for file in files:
                self._forget(db, file.entry.path)
                _insert(db, file)
            self._changes += 1

    def touch(self, path: str, size: int, mtime_ns: int) -> None:
        """Note that a file was written anew with the same content."""
        with self._using() as db, db:
            db.execute(
                "UPDATE files SET size = ?, mtime_ns = ? WHERE path = ?", (size, mtime_ns, path)
            )

    def forget(self, path: str) -> None:
        """Drop what is known of one file."""
        with self._using() as db, db:
            self._forget(db, path)
            self._changes += 1

    def search(self, vector: Floats, count: int) -> list[Hit]:
        """Return the ``count`` passages whose vectors are nearest to ``vector`` (d,)."""
        import numpy as np

        from local_assistant.lab.learn.vectors import codes_of, nearest

        with self._using() as db:
            ids, codes = self._codes(db)
            wanted = codes_of(vector[np.newaxis, :])[0]
            if len(ids) and codes.shape[1] != len(wanted):
                raise AssistantError(
                    "The embedding model gives vectors of another size than when the documents "
                    "were learned.",
                    "Learn them again: /learn --forget all, then /learn PATH",
                )
            rows = nearest(codes, wanted, max(_CANDIDATES, 10 * count))
            found = _vectors(db, [int(ids[row]) for row in rows])
            if not found:
                return []
            keys = list(found)
            scores = np.stack([found[key] for key in keys]) @ vector
            best = np.argsort(-scores, kind="stable")[:count]
            return [_hit(db, keys[place], float(scores[place])) for place in best]

    def _codes(self, db: sqlite3.Connection) -> tuple[Any, Codes]:
        """Return the ids of all passages and their codes, read anew where something changed."""
        import numpy as np

        # Tells of other connections' changes only; our own are counted.
        state = (db.execute("PRAGMA data_version").fetchone()[0], self._changes)
        if self._cached is None or self._cached[0] != state:
            rows = db.execute("SELECT first, passages, codes FROM files WHERE passages > 0")
            ids, blobs = [np.empty(0, np.int64)], []
            for first, count, blob in rows:
                ids.append(np.arange(first, first + count))
                blobs.append(blob)
            flat = np.frombuffer(b"".join(blobs), dtype=np.uint64)
            numbers = np.concatenate(ids)
            codes = flat.reshape(len(numbers), -1) if len(numbers) else flat.reshape(0, 1)
            self._cached = (state, numbers, codes)
        return self._cached[1], self._cached[2]

    def _forget(self, db: sqlite3.Connection, path: str) -> None:
        row = db.execute(
            "SELECT id, first, first + passages FROM files WHERE path = ?", (path,)
        ).fetchone()
        if row is not None:
            for table in ("passages", "vectors"):
                # The name is one of ours.
                sql = f"DELETE FROM {table} WHERE id >= ? AND id < ?"  # noqa: S608
                db.execute(sql, row[1:])
            db.execute("DELETE FROM files WHERE id = ?", row[:1])

    @contextlib.contextmanager
    def _using(self) -> Iterator[sqlite3.Connection]:
        with self._lock, self._failing():
            yield self._db

    @contextlib.contextmanager
    def _failing(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, sqlite3.Warning) as error:
            raise AssistantError(
                f"What was learned ({paths.display(self.path)}) cannot be used: {error}.",
                "Free disk space if that is short; else delete that file and learn again.",
            ) from error


def _insert(db: sqlite3.Connection, file: NewFile) -> None:
    from local_assistant.lab.learn.vectors import codes_of

    entry, count = file.entry, len(file.passages)
    codes = b"" if file.vectors is None else codes_of(file.vectors).tobytes()
    first = db.execute("SELECT COALESCE(MAX(first + passages), 1) FROM files").fetchone()[0]
    cursor = db.execute(
        "INSERT INTO files (path, digest, size, mtime_ns, first, passages, codes)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)",
        (entry.path, entry.digest, entry.size, entry.mtime_ns, first, count, codes),
    )
    db.executemany(
        "INSERT INTO passages VALUES (?, ?, ?, ?, ?)",
        [
            (key, cursor.lastrowid, each.place, each.heading, each.text)
            for key, each in enumerate(file.passages, first)
        ],
    )
    if file.vectors is not None:
        rows = [(key, row.tobytes()) for key, row in enumerate(file.vectors, first)]
        db.executemany("INSERT INTO vectors VALUES (?, ?)", rows)


def _vectors(db: sqlite3.Connection, ids: list[int]) -> dict[int, Any]:
    import numpy as np

    marks = ",".join("?" * len(ids))
    sql = f"SELECT id, vector FROM vectors WHERE id IN ({marks})"  # noqa: S608 - only marks
    return {key: np.frombuffer(blob, dtype=np.float32) for key, blob in db.execute(sql, ids)}


def _hit(db: sqlite3.Connection, key: int, score: float) -> Hit:
    path, text, place, heading = db.execute(
        "SELECT files.path, text, place, heading FROM passages"
        " JOIN files ON files.id = passages.file WHERE passages.id = ?",
        (key,),
    ).fetchone()
    return Hit(path, Passage(text, place, heading), score)
