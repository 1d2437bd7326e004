"""From a model's name to a model that is listed: what ``/api/pull`` does.

Contract: :meth:`Puller.pull` runs in a thread of its own and tells its steps in Ollama's
words. The manifest is written last, so nothing is listed until all of it is there and its
digests are right. Two pulls that need the same file share one download, which ends when
nobody waits for it any more; what there is of it stays for the next.
"""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from local_assistant import paths
from local_assistant.engine.gguf.header import BadGGUF, read_header, sha256_of
from local_assistant.engine.pull import download as downloading
from local_assistant.engine.pull import joined
from local_assistant.engine.pull.download import Download
from local_assistant.engine.pull.errors import Cancelled, PullError
from local_assistant.engine.pull.hub import HOSTS, Hub, digest_of
from local_assistant.engine.pull.network import Network
from local_assistant.engine.pull.parts import PART_BYTES, there_already
from local_assistant.engine.pull.quants import Quant
from local_assistant.engine.pull.registry import Blob, Registry, blobs_of
from local_assistant.engine.pull.source import Source
from local_assistant.engine.pull.web import Patience, Scope
from local_assistant.engine.store import layers as kinds
from local_assistant.engine.store.layers import Layer
from local_assistant.engine.store.names import Name
from local_assistant.engine.store.store import Store
from local_assistant.engine.wire.shapes import ApiError
from local_assistant.setup.files import shown_bytes

Tell = Callable[[dict[str, Any]], None]

_TELL_S = 0.06
_SPARE_BYTES = 300_000_000
_STALE_S = 30 * 24 * 3600
_ROUNDS = 2


@dataclass(frozen=True)
class Wanted:
    """What is asked for.

    Attributes:
        name: the model.
        insecure: whether its registry is reached without encryption.
        network: how anything is reached.
        source: the name to get it by, where that is another one.
    """

    name: Name
    insecure: bool = False
    network: Network = field(default_factory=Network)
    source: Name | None = None


@dataclass(frozen=True)
class _Plan:
    """What is to be fetched, and the manifest that then stands for it.

    ``spare`` is what the making of it wants on the disk beside that.
    """

    blobs: list[tuple[Blob, Source]]
    manifest: Callable[[], bytes]
    spare: int = 0


class Puller:
    """All pulls into one store."""

    def __init__(
        self, store: Store, patience: Patience | None = None, part_bytes: int = PART_BYTES
    ) -> None:
        self._store = store
        self._part_bytes = part_bytes
        self._patience = patience or Patience()
        self._lock = threading.Lock()
        self._running: dict[str, tuple[Download, int]] = {}

    def scope(self, wanted: Wanted) -> Scope:
        """Return what ends a pull from outside."""
        return Scope(wanted.network, self._patience)

    def pull(self, wanted: Wanted, tell: Tell, scope: Scope) -> None:
        """Get a model.

        Raises:
            AssistantError: it cannot be had, and why.
            Cancelled: ``scope`` was.
        """
        self._clear_stale()
        name = self._store.canonical(wanted.name)
        tell({"status": "pulling manifest"})
        origin = wanted.source or name
        if origin.host.lower() in HOSTS:
            plan = self._from_hub(name, origin, scope)
        else:
            plan = self._from_registry(origin, wanted, scope)
        self._require_room(name, [blob for blob, _ in plan.blobs], plan.spare)
        for _ in range(_ROUNDS):  # again where another request has deleted a part meanwhile
            for blob, source in plan.blobs:
                self._fetch(blob, source, wanted, tell, scope)
            if all(self._has(blob) for blob, _ in plan.blobs):
                break
        tell({"status": "verifying sha256 digest"})
        manifest = plan.manifest()
        scope.check()
        before = self._store.manifest(name)
        tell({"status": "writing manifest"})
        self._store.put(name, manifest)
        self._store.prune({blob.digest for blob, _ in plan.blobs})  # parts that were joined
        if before is not None and before.digests - kinds.read(manifest).digests:
            tell({"status": "removing unused layers"})
        tell({"status": "success"})

    def _from_registry(self, name: Name, wanted: Wanted, scope: Scope) -> _Plan:
        registry = Registry(name, scope, insecure=wanted.insecure)
        manifest = registry.manifest()
        blobs = [(blob, registry.source(blob)) for blob in blobs_of(manifest)]
        return _Plan(blobs, lambda: manifest)

    def _from_hub(self, name: Name, origin: Name, scope: Scope) -> _Plan:
        hub = Hub(origin, scope)
        quant = hub.quant()
        extra = hub.overrides()
        if len(quant.files) > 1:
            return self._in_parts(name, hub, quant, extra)
        file = quant.files[0]
        small = b""
        if not file.sha256:  # a small file outside of the hub's large file storage
            small = hub.read(file)
        blob = Blob(file.sha256 or digest_of(small), file.size if file.sha256 else len(small))

        def manifest() -> bytes:
            if small:
                self._store.add_blob(kinds.MODEL, small)
            path = self._store.files.find(blob.digest)
            if path is None:
                raise PullError("the model's file has gone meanwhile", "Pull it again.")
            layer = Layer(kinds.MODEL, blob.digest, blob.size)
            return joined.manifest_of(self._store, read_header(path), layer, extra)

        blobs = [] if small else [(blob, hub.source(file))]
        return _Plan(blobs, lambda: self._made(manifest, quant, hub))

    def _in_parts(self, name: Name, hub: Hub, quant: Quant, extra: dict[str, bytes]) -> _Plan:
        """Plan a model in several files: they come as blobs, and become one in the end."""
        there = joined.there_already(self._store, name, quant)
        if there is not None:
            return _Plan([], lambda: there)
        if not all(file.sha256 for file in quant.files):
            raise PullError(
                f"{hub.repository} does not tell the digests of its files.", "Take another one."
            )
        blobs = [(Blob(file.sha256, file.size), hub.source(file)) for file in quant.files]

        def manifest() -> bytes:
            return joined.join(self._store, quant, extra)

        return _Plan(blobs, lambda: self._made(manifest, quant, hub), spare=quant.size)

    def _made(self, manifest: Callable[[], bytes], quant: Quant, hub: Hub) -> bytes:
        """Return a manifest; a file that is no model does not stay, unless another uses it."""
        try:
            return manifest()
        except (BadGGUF, ApiError) as error:
            self._store.prune({file.sha256 for file in quant.files if file.sha256})
            raise PullError(
                f"{quant.files[0].name} of {hub.repository} is not a GGUF file that can be used: "
                f"{error}",
                "Take another file of it, or another repository.",
            ) from error
        except OSError as error:
            raise paths.unwritable(self._store.root, error) from error

    def _has(self, blob: Blob) -> bool:
        """Whether a blob is there, in our store or another; one of ours that is cut goes.

        Raises:
            PullError: it is there, and whole, but of another size than is said.
        """
        path = self._store.files.find(blob.digest)
        if path is None or path.stat().st_size == blob.size:
            return path is not None
        if path == self._store.files.own(blob.digest):
            # Whoever says a wrong size must not take away what another model uses.
            if sha256_of(path) == blob.digest:
                raise _wrong_size(blob, path.stat().st_size)
            self._store.files.remove(blob.digest)
        return False

    def _require_room(self, name: Name, blobs: list[Blob], spare: int) -> None:
        files = self._store.files
        missing = [blob for blob in blobs if not self._has(blob)]
        need = sum(blob.size - there_already(files.own(blob.digest), blob.size) for blob in missing)
        folder = next(each for each in (files.folder, *files.folder.parents) if each.exists())
        free = shutil.disk_usage(folder).free
        need += spare
        if (missing or spare) and need + _SPARE_BYTES > free:
            raise PullError(
                f"{name.short} needs {shown_bytes(need)} of disk space; {shown_bytes(free)} are "
                f"free in {paths.display(self._store.root)}, "
                f"and {shown_bytes(_SPARE_BYTES)} are to stay free.",
                "Free some, or name another folder: models_dir in [engine] of assistant.toml.",
            )

    def _fetch(self, blob: Blob, source: Source, wanted: Wanted, tell: Tell, scope: Scope) -> None:
        """Have one blob, by a download that may be another pull's, too."""
        status = {"status": f"pulling {blob.digest[:12]}", "digest": f"sha256:{blob.digest}"}
        if self._has(blob):
            tell(_progress(status, blob.size, blob.size))
            return
        download = self._join(blob, source, wanted)
        try:
            while not download.done.wait(_TELL_S):
                scope.check()
                tell(_progress(status, blob.size, download.completed))
            scope.check()
            if isinstance(download.error, Cancelled):
                raise PullError("the download was given up", "Pull it again.")
            if download.error is not None:
                raise download.error
            tell(_progress(status, blob.size, blob.size))
        finally:
            self._leave(blob)

    def _join(self, blob: Blob, source: Source, wanted: Wanted) -> Download:
        while True:
            with self._lock:
                download, waiting = self._running.get(blob.digest, (None, 0))
                if download is None or download.done.is_set():
                    return self._begin(blob, source, wanted)
                if waiting:
                    self._running[blob.digest] = (download, waiting + 1)
                    return download
            download.done.wait(self._patience.stall_s)  # it was given up and closes its files

    def _begin(self, blob: Blob, source: Source, wanted: Wanted) -> Download:
        path, scope = self._store.files.own(blob.digest), Scope(wanted.network, self._patience)
        download = Download(source, path, blob.digest, blob.size, scope, self._part_bytes)
        # It may take the place of a link to a file that was changed.
        download.arrived = lambda: self._store.files.forget_link(blob.digest)
        self._running[blob.digest] = (download, 1)
        downloading.start(download)
        return download

    def _leave(self, blob: Blob) -> None:
        with self._lock:
            download, waiting = self._running[blob.digest]
            self._running[blob.digest] = (download, waiting - 1)
            if waiting == 1:
                download.cancel()
                if download.done.is_set():
                    del self._running[blob.digest]

    def _clear_stale(self) -> None:
        """Remove what is left of downloads that nobody went on with."""
        folder: Path = self._store.files.folder
        for journal in folder.glob("sha256-*-parts"):
            try:
                if time.time() - journal.stat().st_mtime > _STALE_S:
                    journal.with_name(journal.name.replace("-parts", "-partial")).unlink(True)
                    journal.unlink()
            except OSError:
                continue  # in use, or gone meanwhile


def _wrong_size(blob: Blob, size: int) -> PullError:
    return PullError(
        f"the manifest says {blob.size} bytes where sha256:{blob.digest[:12]}… has {size}",
        "The server's manifest is wrong: try again later, or take the model from elsewhere.",
    )


def _progress(status: dict[str, Any], total: int, completed: int) -> dict[str, Any]:
    """Return a line; what is zero is left out, as Go does."""
    numbers = {"total": total, "completed": completed}
    return status | {key: value for key, value in numbers.items() if value}
