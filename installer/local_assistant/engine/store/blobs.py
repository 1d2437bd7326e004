"""The files of a store by their digest: ``blobs/sha256-HEX``.

Contract: writes in its own folder only; other stores' blobs are found and read, so that
nothing is on the disk twice. A blob is whole or absent: it is written beside its place and
renamed. A file of the user's is taken by a hard link where the disk allows it; what it was
then is noted under ``linked/``, so that a change of the file is noticed.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import secrets
import shutil
import time
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from local_assistant.engine.gguf.header import sha256_of
from local_assistant.engine.store.layers import hex_of

_STALE_S = 24 * 3600
_BLOCK = 1 << 20


class DigestMismatch(Exception):
    """The bytes are not those that were promised; the text is the digest they have."""


class Blobs:
    """Blobs of the store under ``root``, and those of the stores in ``others``."""

    def __init__(self, root: Path, others: Callable[[], Iterable[Path]]) -> None:
        self.folder = root / "blobs"
        self._linked = root / "linked"
        self._uploads = root / "uploads"
        self._others = others
        self._differs: dict[tuple[str, int, int], bool] = {}

    def own(self, digest: str) -> Path:
        return self.folder / f"sha256-{digest}"

    def find(self, digest: str) -> Path | None:
        """Return where a blob lies, ours first; ``None`` if it is nowhere.

        A link to a file that somebody has changed since is no such blob: whoever finds none
        brings it anew, and that takes the link's place.
        """
        path = self.find_any(digest)
        try:
            return None if path is None or self.changed(path) else path
        except OSError:  # it has gone this moment
            return None

    def find_any(self, digest: str) -> Path | None:
        """As :meth:`find`, but a changed link counts, so that somebody can say that it is one."""
        own = self.own(digest)
        if _readable(own):
            return own
        # The others are looked for only now: that costs more than a look at our own.
        for folder in (self.folder, *(other / "blobs" for other in self._others())):
            for name in (f"sha256-{digest}", f"sha256:{digest}"):
                if _readable(folder / name):
                    return folder / name
        return None

    def take(self, source: Path, digest: str, *, link: bool) -> bool:
        """Have the file as a blob of ours; False if it was there already.

        Raises:
            OSError: it cannot be read, or not be written.
        """
        blob = self.own(digest)
        if blob.is_file() and blob.stat().st_size == source.stat().st_size:
            if not self.changed(blob):
                return False
            blob.unlink()
        self.folder.mkdir(parents=True, exist_ok=True)
        temporary = self._beside(blob)
        try:
            if link:
                with contextlib.suppress(OSError):  # another file system: copied below
                    os.link(source.resolve(), temporary)
                    self._note(temporary, digest)
            if not temporary.exists():
                shutil.copyfile(source, temporary)
                self.forget_link(digest)
            temporary.replace(blob)
        finally:
            temporary.unlink(missing_ok=True)
        return True

    def bring(self, source: Path, *, link: bool) -> str:
        """Have a file of any content as a blob of ours, read once; return its digest.

        Args:
            link: take it by a hard link where the file system allows it.

        Raises:
            OSError: it cannot be read, or not be written.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        if link and self._can_link(source):
            digest = sha256_of(source)
            self.take(source, digest, link=True)
            return digest
        upload = self.upload()
        try:
            _pour(source, upload)
            return upload.finish()
        finally:
            upload.discard()

    def _can_link(self, source: Path) -> bool:
        trial = self.folder / f".{secrets.token_hex(8)}"
        try:
            os.link(source.resolve(), trial)
        except OSError:  # another file system, or one without links
            return False
        trial.unlink()
        return True

    def adopt(self, digest: str) -> None:
        """Link another store's blob into ours, if the disk lets us: it then outlives theirs."""
        path, blob = self.find(digest), self.own(digest)
        if path is None or path == blob:
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(OSError):  # read where it lies, as long as it is there
            os.link(path.resolve(), blob)

    def write(self, data: bytes) -> tuple[str, bool]:
        """Store some bytes; return their digest, and whether they are new.

        Raises:
            OSError: they cannot be written.
        """
        digest = hashlib.sha256(data).hexdigest()
        blob = self.own(digest)
        if blob.is_file() and blob.stat().st_size == len(data) and not self.changed(blob):
            return digest, False
        self.folder.mkdir(parents=True, exist_ok=True)
        temporary = self._beside(blob)
        try:
            temporary.write_bytes(data)
            temporary.replace(blob)
            self.forget_link(digest)
        finally:
            temporary.unlink(missing_ok=True)
        return digest, True

    def upload(self) -> Upload:
        """Return a new file to be filled piece by piece.

        Raises:
            OSError: it cannot be made.
        """
        self._uploads.mkdir(parents=True, exist_ok=True)
        for left in self._uploads.iterdir():
            with contextlib.suppress(OSError):  # another process was faster, or is at it
                if time.time() - left.stat().st_mtime > _STALE_S:
                    left.unlink()
        return Upload(self._uploads / secrets.token_hex(8), self)

    def remove(self, digest: str) -> None:
        """Remove a blob of ours, if it is there."""
        with contextlib.suppress(OSError):  # in use, on Windows: it costs room, no more
            self.own(digest).unlink(missing_ok=True)
            self._note_of(digest).unlink(missing_ok=True)

    def remove_unused(self, used: set[str]) -> None:
        """Remove blobs of ours that nobody has named for a day: uploads that led to nothing."""
        entries = self.folder.iterdir() if self.folder.is_dir() else ()
        for path in entries:
            digest = hex_of(path.name)
            if digest is None or digest in used:
                continue
            with contextlib.suppress(OSError):  # another process was faster
                stat = path.stat()
                if time.time() - max(stat.st_mtime, stat.st_ctime) > _STALE_S:
                    self.remove(digest)

    def changed(self, blob: Path) -> bool:
        """Whether a blob is a link to a file that somebody has changed since."""
        if blob.parent != self.folder:
            return False
        try:
            noted = json.loads(self._note_of(blob.name.partition("-")[2]).read_bytes())
        except (OSError, ValueError):
            return False  # it is no link
        stat = blob.stat()
        now = [stat.st_size, stat.st_mtime_ns]
        if noted == now:
            return False
        if not isinstance(noted, list) or noted[:1] != now[:1]:
            return True
        return self._has_other_bytes(blob, stat)

    def _has_other_bytes(self, blob: Path, stat: os.stat_result) -> bool:
        """Read a file of another time: who copies or touches it changes that, too."""
        digest = blob.name.partition("-")[2]
        key = (digest, stat.st_size, stat.st_mtime_ns)
        if key not in self._differs:
            self._differs[key] = sha256_of(blob) != digest
            if not self._differs[key]:
                with contextlib.suppress(OSError):  # a full disk: read again by the next engine
                    self._note(blob, digest)
        return self._differs[key]

    def forget_link(self, digest: str) -> None:
        """Say that a blob is a file of its own: what a link of that name was does not count."""
        self._note_of(digest).unlink(missing_ok=True)

    def _note(self, link: Path, digest: str) -> None:
        stat = link.stat()
        self._linked.mkdir(parents=True, exist_ok=True)
        self._note_of(digest).write_text(json.dumps([stat.st_size, stat.st_mtime_ns]))

    def _note_of(self, digest: str) -> Path:
        return self._linked / digest

    def _beside(self, blob: Path) -> Path:
        return blob.with_name(f"{blob.name}-{secrets.token_hex(4)}")


class Upload:
    """A blob that arrives in pieces, of any length; digested while the disk is written."""

    def __init__(self, path: Path, blobs: Blobs) -> None:
        self._path = path
        self._blobs = blobs
        self._file = path.open("wb", buffering=0)
        self._digest = hashlib.sha256()
        self._digesting = ThreadPoolExecutor(1)
        self._last: Future[None] | None = None

    def add(self, data: bytes | memoryview) -> None:
        """Append some bytes, which must stay as they are until the next call has returned.

        Raises:
            OSError: they cannot be written.
        """
        before, self._last = self._last, self._digesting.submit(self._digest.update, data)
        view = memoryview(data)
        while view:
            view = view[self._file.write(view) :]
        if before is not None:
            before.result()

    def finish(self, digest: str | None = None) -> str:
        """Make it a blob, and return its digest.

        Args:
            digest: what it should be.

        Raises:
            DigestMismatch: it is another one; nothing is kept.
        """
        self._file.close()
        self._digesting.shutdown()
        has = self._digest.hexdigest()
        if digest is not None and has != digest:
            raise DigestMismatch(has)
        self._blobs.folder.mkdir(parents=True, exist_ok=True)
        self._path.replace(self._blobs.own(has))
        self._blobs.forget_link(has)
        return has

    def discard(self) -> None:
        """Leave nothing behind of what was not finished."""
        self._digesting.shutdown()
        with contextlib.suppress(OSError):  # the disk is full: the rest cannot be flushed
            self._file.close()
        self._path.unlink(missing_ok=True)


def _pour(source: Path, upload: Upload) -> None:
    buffers = [memoryview(bytearray(_BLOCK)) for _ in range(2)]
    with source.open("rb", buffering=0) as file:
        while count := file.readinto(buffers[0]):
            upload.add(buffers[0][:count])
            buffers.reverse()


def _readable(path: Path) -> bool:
    try:
        return path.is_file() and os.access(path, os.R_OK)
    except OSError:  # in a folder that we may not look into
        return False
