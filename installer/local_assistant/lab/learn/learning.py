"""Learn files: read, cut, embed, keep; only what is new or has changed.

Contract: :func:`learn` blocks; call it in a thread. The embedding model is the slow part, so
a second thread reads and cuts ahead of it, and passages of many files go to it in one
request. A file is kept when all its passages are embedded; stopping loses the rest only.
"""

from __future__ import annotations

import contextlib
import hashlib
import queue
import threading
import time
from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from local_assistant.lab.learn.finding import files_of
from local_assistant.lab.learn.index import Index, KnownFile, NewFile
from local_assistant.lab.learn.passages import Passage, whole
from local_assistant.lab.learn.reading import Unreadable, read_passages

if TYPE_CHECKING:
    from local_assistant.lab.learn.embedding import Embedder

BATCH = 64
"""Passages in one request: enough that the way there costs nothing beside the model's work."""

READER = "local-assistant-learn"
"""The name of the reading thread."""

_AHEAD_FILES = 32
"""Files that are read and cut before the model has taken those in front."""


@dataclass
class Learned:
    """What came of it; bytes are those of the files that were embedded."""

    files: int = 0
    passages: int = 0
    bytes: int = 0
    unchanged: int = 0
    forgotten: int = 0
    skipped: list[tuple[str, str]] = field(default_factory=list)
    seconds: float = 0.0
    stopped: bool = False


OnProgress = Callable[[Learned, str], None]


@dataclass(eq=False)
class _File:
    """A file on its way."""

    entry: KnownFile
    passages: list[Passage]
    vectors: list[Any] = field(default_factory=list)


def learn(
    roots: Iterable[Path],
    index: Index,
    embedder: Embedder,
    on_progress: OnProgress,
    stop: threading.Event,
) -> Learned:
    """Bring the index up to date with the files under ``roots`` and return what was done.

    Args:
        roots: files and folders. What is known below a folder and no longer there is forgotten.
        index: where it is kept.
        embedder: makes the vectors.
        on_progress: called as files are kept, with the state so far and the last file's path.
        stop: when set, ends after the request in flight; what was learned stays.

    Raises:
        AssistantError: the model server or the index fails; what was learned stays.
    """
    began = time.monotonic()
    done = Learned()
    named = list(roots)
    waiting: list[tuple[_File, Passage]] = []

    def embed(count: int) -> None:
        batch = waiting[:count]
        del waiting[:count]
        whole = _embedded(batch, embedder)
        if whole:
            _keep(whole, index, done)
            on_progress(done, whole[-1].entry.path)

    with contextlib.closing(_ahead(_changed(named, index, done))) as files:
        for file in files:
            if stop.is_set():
                break
            if not file.passages:
                _keep([file], index, done)
            waiting += [(file, passage) for passage in file.passages]
            while len(waiting) >= BATCH and not stop.is_set():
                embed(BATCH)
    while waiting and not stop.is_set():
        embed(BATCH)
    done.stopped = stop.is_set()
    if not done.stopped:
        _forget_missing(named, index, done)
    done.seconds = time.monotonic() - began
    return done


def _embedded(batch: list[tuple[_File, Passage]], embedder: Embedder) -> list[_File]:
    """Embed passages and return the files that are whole now."""
    rows = embedder.documents([_embedded_text(file, passage) for file, passage in batch])
    for (file, _), row in zip(batch, rows, strict=True):
        file.vectors.append(row)
    files = dict.fromkeys(file for file, _ in batch)
    return [file for file in files if len(file.vectors) == len(file.passages)]


def _embedded_text(file: _File, passage: Passage) -> str:
    """Return what the model reads: a passage alone often does not say what it is about."""
    return " › ".join(filter(None, (Path(file.entry.path).name, passage.heading))) + (
        "\n" + passage.text
    )


def _keep(files: list[_File], index: Index, done: Learned) -> None:
    import numpy as np

    index.put(
        [
            NewFile(file.entry, file.passages, np.stack(file.vectors) if file.vectors else None)
            for file in files
        ]
    )
    done.files += len(files)
    done.passages += sum(len(file.passages) for file in files)
    done.bytes += sum(file.entry.size for file in files)


def _changed(named: list[Path], index: Index, done: Learned) -> Iterator[_File]:
    """Yield the files that are not known as they are now.

    Runs in the reading thread, which alone counts ``unchanged`` and ``skipped``.
    """
    known = index.known()
    seen: set[str] = set()
    for path in (file for name in named for file in files_of(name)):
        if str(path) in seen:
            continue
        seen.add(str(path))
        try:
            file = _read(path, known.get(str(path)), index)
        except Unreadable as reason:
            done.skipped.append((whole(str(path)), str(reason)))
            continue
        if file is None:
            done.unchanged += 1
        else:
            yield file


def _read(path: Path, before: KnownFile | None, index: Index) -> _File | None:
    """Return the file with its passages, or None where it is known as it is."""
    if whole(str(path)) != str(path):
        raise Unreadable("its name is not UTF-8")
    try:
        status = path.stat()
    except OSError as error:
        raise Unreadable(error.strerror or "cannot be read") from error
    stamp = (status.st_size, status.st_mtime_ns)
    if before is not None and (before.size, before.mtime_ns) == stamp:
        return None
    content, passages = read_passages(path)
    digest = hashlib.sha256(content).hexdigest()
    if before is not None and before.digest == digest:
        index.touch(str(path), *stamp)
        return None
    return _File(KnownFile(str(path), digest, *stamp, len(passages)), passages)


def _ahead(files: Iterator[_File]) -> Generator[_File, None, None]:
    """Yield ``files``, read by another thread a little ahead."""
    ready: queue.Queue[_File | BaseException | None] = queue.Queue(_AHEAD_FILES)
    left = threading.Event()

    def put(item: _File | BaseException | None) -> None:
        while not left.is_set():
            with contextlib.suppress(queue.Full):  # the model is slower: wait for it
                ready.put(item, timeout=0.1)
                return

    def read() -> None:
        try:
            for file in files:
                put(file)
                if left.is_set():
                    return
        except BaseException as error:
            put(error)  # raised where the files are used
        put(None)

    reader = threading.Thread(target=read, name=READER, daemon=True)
    reader.start()
    try:
        while (item := ready.get()) is not None:
            if isinstance(item, BaseException):
                raise item
            yield item
    finally:
        left.set()
        reader.join()


def _forget_missing(named: list[Path], index: Index, done: Learned) -> None:
    """Forget what was learned from files that are gone, under what was named."""
    for path in index.known():
        file = Path(path)
        below = any(file == name or file.is_relative_to(name) for name in named)
        if below and not file.exists():
            index.forget(path)
            done.forgotten += 1
