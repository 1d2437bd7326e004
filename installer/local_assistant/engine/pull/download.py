"""One file, fetched in parts by several threads and digested on the way.

Contract: the blob appears under its name only when its digest is right; until then
:mod:`parts` keeps what is there, and the next :class:`Download` of the same blob goes on.
The first request finds out whether the server gives ranges; the other connections follow
only then. The digest follows the first gap and reads back what was just written, so it is
done when the last byte is.
"""

from __future__ import annotations

import errno
import hashlib
import math
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from local_assistant.engine.log import log
from local_assistant.engine.pull.errors import (
    Cancelled,
    PullError,
    Stalled,
    Status,
    WebError,
    whole_number,
)
from local_assistant.engine.pull.parts import PART_BYTES, Part, Parts
from local_assistant.engine.pull.source import Source, pause_for
from local_assistant.engine.pull.web import Response, Scope, Session
from local_assistant.errors import AssistantError

CONNECTIONS = 8
_BUFFER = 256 << 10
_FIRST_BUFFER = 16 << 10
_SLOW_READ_S = 1.0
_HASHED = 1 << 20
_PROGRESS = 64 << 10
_LOOK_S = 0.25
_BREATH_S = 0.05


class Download:
    """One blob on its way. :meth:`run` once, in a thread; the rest from any."""

    def __init__(
        self,
        source: Source,
        blob: Path,
        digest: str,
        size: int,
        scope: Scope,
        part_bytes: int = PART_BYTES,
    ) -> None:
        self.size = size
        self._part_bytes = part_bytes
        self.done = threading.Event()
        self.error: Exception | None = None
        self.arrived: Callable[[], None] = lambda: None
        """Called when the blob lies in its place."""
        self._source = source
        self._blob = blob
        self._digest = digest
        self._scope = scope
        self._parts = Parts(blob, size, part_bytes)
        self._workers: list[_Worker] = []
        self._failure: Exception | None = None
        self._lock = threading.Lock()

    @property
    def completed(self) -> int:
        return self._parts.completed

    def cancel(self) -> None:
        """Stop; what is there stays."""
        self._scope.cancel()
        self._parts.wake()

    def run(self) -> None:
        """Fetch the file; the outcome is in :attr:`error` when :attr:`done` is set."""
        try:
            self._fetch()
        except Exception as error:
            self.error = error
        finally:
            self._parts.close()
            self.done.set()

    def _fetch(self) -> None:
        self._blob.parent.mkdir(parents=True, exist_ok=True)
        self._parts.open()
        resumed = self._parts.completed > 0
        found = self._fetch_and_digest()
        if found != self._digest and resumed:
            # What an earlier try had left may be damaged (a machine that lost its power).
            log(f"{self._digest[:12]}: damaged, from an earlier try; fetched again")
            self._parts.discard()
            self._parts = Parts(self._blob, self.size, self._part_bytes)
            self._parts.open()
            found = self._fetch_and_digest()
        if found != self._digest:
            self._parts.discard()
            raise PullError(
                "digest mismatch, file must be downloaded again: "
                f"want sha256:{self._digest}, got sha256:{found}",
                "Try again later: the server gives other bytes than it promises.",
            )
        self._parts.finish(self._blob)
        self.arrived()

    def _fetch_and_digest(self) -> str:
        """Return the hex sha256 of what came."""
        self._workers, self._failure = [], None
        self._add_worker()
        try:
            return self._follow()
        finally:
            stopped = [worker.stop() for worker in self._workers]
            for worker in stopped:
                worker.join(2.0)

    def _follow(self) -> str:
        """Digest the file as it grows; look after the workers meanwhile."""
        digest, position, begun = hashlib.sha256(), 0, self._parts.begun
        view = memoryview(bytearray(_HASHED))
        looked = time.monotonic()
        with self._parts.data.open("rb", buffering=0) as file:
            while position < self.size or begun != self._parts.begun:
                reached = self._parts.wait_beyond(position, _LOOK_S)
                if begun != self._parts.begun:
                    # What was digested may be overwritten, and the new bytes may be others.
                    digest, position, begun = hashlib.sha256(), 0, self._parts.begun
                    file.seek(0)
                elif reached > position:
                    count = file.readinto(view[: min(_HASHED, reached - position)]) or 0
                    digest.update(view[:count])
                    position += count
                if time.monotonic() - looked >= _LOOK_S or reached <= position:
                    looked = time.monotonic()
                    self._look()
        return digest.hexdigest()

    def _look(self) -> None:
        """End what is silent; raise what has failed."""
        self._scope.check()
        self._raise_failure()
        limit = time.monotonic() - self._scope.patience.stall_s
        for worker in list(self._workers):
            if worker.moved < limit:
                worker.moved = math.inf
                worker.unstick()
        if not any(worker.is_alive() for worker in self._workers):
            self._raise_failure()
            if self._parts.completed < self.size:
                raise PullError("the download ended before all of it was there", "Pull again.")

    def _raise_failure(self) -> None:
        if self._failure is not None:
            raise self._failure

    def _add_worker(self) -> None:
        worker = _Worker(self)
        self._workers.append(worker)
        worker.start()

    # What the workers call.

    def ranges_work(self) -> None:
        """The first range came: use more connections."""
        with self._lock:
            if len(self._workers) == 1 and self._failure is None:
                rest = -(-(self.size - self._parts.completed) // (4 << 20))
                for _ in range(min(CONNECTIONS, rest) - 1):
                    self._add_worker()

    def alone(self) -> bool:
        """Whether there is one connection only."""
        with self._lock:
            return len(self._workers) == 1

    def failed(self, error: Exception) -> None:
        with self._lock:
            if self._failure is None or isinstance(self._failure, Cancelled):
                self._failure = error
        self._parts.wake()


class _Worker(threading.Thread):
    """Fetches one part after the other over one connection."""

    def __init__(self, download: Download) -> None:
        super().__init__(daemon=True, name="pull-part")
        self.moved = math.inf
        """When bytes last came; never, while none are waited for."""
        self._download = download
        self._parts = download._parts
        self._scope = download._scope
        self._session: Session | None = None
        self._stopped = False
        self._ranged = False
        self._part: Part
        self._view = memoryview(bytearray(_BUFFER))

    def stop(self) -> _Worker:
        self._stopped = True
        self.unstick()
        return self

    def unstick(self) -> None:
        """Make the read that it waits in fail."""
        session = self._session
        if session is not None:
            session.abort()

    def run(self) -> None:
        try:
            with (
                self._scope.session() as session,
                self._parts.data.open("r+b", buffering=0) as file,
            ):
                self._session = session
                while not self._stopped:
                    part = self._parts.take()
                    if part is None:
                        return
                    self._part = part
                    self._fetch(session, file)
        except OSError as error:
            self._download.failed(_disk_error(error, self._parts.data))
        except Exception as error:
            self._download.failed(error)
        finally:
            self.moved = math.inf
            self._session = None

    def _fetch(self, session: Session, file: BinaryIO) -> None:
        """Fetch one part, with as many tries as it deserves."""
        patience = self._scope.patience
        tries, pause_s = 0, patience.first_pause_s
        while not self._part.done:
            before = self._part.at
            try:
                self.moved = time.monotonic()
                self._try(session, file)
            except WebError as error:
                session.drop()
                if self._stopped:
                    raise Cancelled from error
                if self._ranged and self._part.at - before >= _PROGRESS:
                    tries, pause_s = 0, patience.first_pause_s
                    self._scope.pause(_BREATH_S)
                    continue
                tries += 1
                if tries >= patience.tries or not error.again:
                    raise self._given_up(error, tries) from error
                log(f"part {self._part.number}: {error}; trying again")
                self.moved = math.inf
                try:
                    wait_s = pause_for(error, pause_s, patience)
                except WebError:
                    raise self._given_up(error, tries) from error
                self._scope.pause(0 if isinstance(error, Stalled) else wait_s)
                pause_s *= 2
            finally:
                self.moved = math.inf

    def _given_up(self, error: WebError, tries: int) -> PullError:
        explain = self._download._source.explain
        if explain is not None and isinstance(error, Status) and not error.again:
            return explain(error)
        text = str(error) if tries == 1 else f"max retries exceeded: {error}"
        return PullError(
            text,
            "What is there already is kept: the same pull goes on where it stopped.",
            unreachable=error.unreachable,
        )

    def _try(self, session: Session, file: BinaryIO) -> None:
        """Fetch what is missing of the part, or the whole file in its place."""
        part = self._part
        response = self._download._source.open(session, part.at, part.end)
        self._ranged = response.status == 206
        if self._ranged:
            _check_range(response, part, self._parts.size)
            self._download.ranges_work()
        else:
            part = self._part = self._without_ranges(response, part)
        file.seek(part.at)
        want = _FIRST_BUFFER
        while not part.done:
            began = time.monotonic()
            count = response.readinto(self._view[: min(want, part.end - part.at)])
            if self._stopped or self._scope.cancelled:
                raise Cancelled
            if count == 0:
                raise WebError("the connection was cut")
            self.moved = time.monotonic()
            # Small while the line is slow: only a full buffer shows that bytes come.
            slow = self.moved - began > _SLOW_READ_S
            want = max(_FIRST_BUFFER, want // 2) if slow else min(_BUFFER, want * 2)
            _write(file, self._view[:count])
            self._parts.wrote(part, count)

    def _without_ranges(self, response: Response, part: Part) -> Part:
        """The server sends the whole file: take it from its beginning."""
        length = whole_number(response.headers.get("content-length", ""))
        if length is not None and length != self._parts.size:
            raise WebError(_other_size(length, self._parts.size), again=False)
        if part.start == 0 and part.end == self._parts.size:
            self._parts.restart(part)
            return part
        if not self._download.alone():
            raise WebError("the server has stopped to give ranges")
        return self._parts.whole()


def _write(file: BinaryIO, view: memoryview) -> None:
    while view:
        view = view[file.write(view) :]


def _check_range(response: Response, part: Part, size: int) -> None:
    """Raise WebError unless the answer is the range that was asked for."""
    said = response.headers.get("content-range", "")
    span, _, total = said.removeprefix("bytes ").partition("/")
    whole = whole_number(total)
    if whole is not None and whole != size:
        raise WebError(_other_size(whole, size), again=False)
    start, end = (whole_number(each) for each in span.partition("-")[::2])
    if start != part.at or end is None or end >= part.end:
        raise WebError(f"the server sends other bytes than those asked for ({said[:60]})")


def _other_size(has: int, promised: int) -> str:
    return f"the server has {has} bytes where the manifest says {promised}"


def _disk_error(error: OSError, path: Path) -> AssistantError:
    from local_assistant import paths

    if error.errno in (errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)):
        return PullError(
            "The disk is full.", "Free some space; the same pull then goes on where it was."
        )
    return paths.unwritable(path.parent, error)


def start(download: Download) -> None:
    """Run a download in a thread that does not keep the process alive."""
    name = f"pull-{os.path.basename(download._blob)[7:19]}"  # noqa: PTH119 - a name, no path
    threading.Thread(target=download.run, daemon=True, name=name).start()
