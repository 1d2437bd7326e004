"""The model store on disk, in Ollama's layout: ``manifests/HOST/NS/MODEL/TAG``, ``blobs/``.

Contract: writes in our own directory only. The models of an Ollama store on this machine
are listed after ours and used where they lie; they are never changed, and a copy of one
costs a manifest, no bytes. The bundled demo model is always listed as
``assistant-demo:latest`` and read where it lies, so it answers with a read-only or full data
directory too. Files are complete or absent: blobs and manifests are written beside their
place and renamed.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import threading
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from local_assistant import paths
from local_assistant.engine.gguf.header import Header, read_header
from local_assistant.engine.store import layers, names, plain, stored
from local_assistant.engine.store.blobs import Blobs
from local_assistant.engine.store.layers import Layer, Manifest
from local_assistant.engine.store.plain import DEMO_NAME, bundled_demo
from local_assistant.engine.store.stored import StoredModel
from local_assistant.errors import AssistantError

__all__ = ["DEMO_NAME", "ReadOnlyModel", "Store", "StoredModel", "bundled_demo"]


class ReadOnlyModel(AssistantError):
    """The model is not in our store, so it is not ours to remove."""


class Store:
    """Models under ``root``, those of other stores, and the bundled one.

    Args:
        root: our own store.
        others: stores to read; by default Ollama's, as found on this machine at each look.
    """

    def __init__(self, root: Path, others: Iterable[Path] | None = None) -> None:
        self.root = root
        self.manifests = root / "manifests"
        self._named = None if others is None else tuple(others)
        self.files = Blobs(root, self.others)
        self.blobs = self.files.folder
        self._lock = threading.RLock()
        self._known: dict[Path, tuple[tuple[int, int, int], StoredModel]] = {}

    def others(self) -> list[Path]:
        """Return the other stores: ours is none of them, by whatever path."""
        here = self.root.resolve()
        return [other for other in self._ollamas() if other.resolve() != here]

    def _ollamas(self) -> Iterable[Path]:
        return paths.ollama_stores() if self._named is None else self._named

    def _is_ollamas(self) -> bool:
        here = self.root.resolve()
        return any(other.resolve() == here for other in self._ollamas())

    def list_models(self) -> list[StoredModel]:
        """Return every whole model, newest first; a damaged manifest is left out."""
        found: dict[str, StoredModel] = {}
        for model in self._all():
            found.setdefault(model.name.key, model)
        return sorted(found.values(), key=lambda model: model.modified, reverse=True)

    def find(self, name: str | names.Name) -> StoredModel | None:
        """Return the model of that name in any spelling of case, or ``None``.

        Raises:
            names.InvalidName: the text is not a model name.
        """
        wanted = names.parse(name.strip()) if isinstance(name, str) else name
        own = self._read_at(self.root, wanted)
        if own is not None:
            return own
        demo = bundled_demo()
        if demo is not None and demo.name.key == wanted.key:
            return demo
        for other in self.others():
            model = self._read_at(other, wanted)
            if model is not None:
                return replace(model, elsewhere=other)
        return None

    def manifest(self, name: names.Name) -> Manifest | None:
        """Return the manifest of a model in our store or another; ``None`` if it has none."""
        for root in (self.root, *self.others()):
            path = _manifest_of(root, name)
            if path is not None:
                return _load(path)
        return None

    def add_gguf(self, name: str, path: Path, *, link: bool = True) -> str:
        """Store a GGUF file under ``name`` and return the display name.

        Args:
            link: take the file by a hard link where the file system allows it.

        Raises:
            AssistantError: the file is no whole GGUF, or the store cannot be written.
            names.InvalidName: the name does not fit.
        """
        target = names.parse(name.strip())
        header = read_header(path)
        try:
            digest = self.files.bring(path, link=link)
            config = self.config_layer(header)
        except OSError as error:
            raise paths.unwritable(self.root, error) from error
        self.put(target, plain.manifest(header, digest, config))
        return self.canonical(target).short

    def config_layer(self, header: Header, more: dict[str, Any] | None = None) -> Layer:
        """Store and return the configuration of a model that comes as a GGUF alone.

        Args:
            more: what else it says.

        Raises:
            OSError: the store cannot be written.
        """
        return self.add_blob(layers.CONFIG, plain.config_of(header, more))

    def add_blob(self, kind: str, data: bytes) -> Layer:
        """Store the bytes of a layer.

        Raises:
            OSError: the store cannot be written.
        """
        digest, _ = self.files.write(data)
        return Layer(kind, digest, len(data))

    def put(self, name: names.Name, manifest: Manifest | bytes) -> None:
        """Let ``name`` mean this manifest; what only its old one used goes.

        Raises:
            AssistantError: a blob is missing, or the store cannot be written.
        """
        raw = manifest if isinstance(manifest, bytes) else manifest.dump()
        meant = layers.read(raw)
        with self._lock:
            for layer in meant.all:
                if self.files.find(layer.digest) is None:
                    raise AssistantError(
                        f"A part of {name.short} is missing (sha256:{layer.digest[:12]}…).",
                        "Get the model again.",
                    )
                self.files.adopt(layer.digest)
            path = self._path_for(name)
            before = _load(path).digests
            try:
                _write(path, raw)
            except OSError as error:
                raise paths.unwritable(self.root, error) from error
            self.prune(before)

    def copy(self, source: str, destination: str) -> None:
        """Give the model ``source`` a second name; only a manifest is written.

        Raises:
            AssistantError: ``source`` is not there, or the store cannot be written.
            names.InvalidName: a name does not fit.
        """
        target, origin = names.parse(destination), names.parse(source)
        if origin.key == target.key:
            return
        model = self.find(origin)
        if model is None:
            raise AssistantError(f'There is no model "{source}".', "See: jupyter assistant models")
        path = _manifest_of(model.elsewhere or self.root, origin)
        if path is None:  # the bundled model: a file of the installation, which may be replaced
            self.add_gguf(destination, model.gguf, link=False)
            return
        self.put(target, path.read_bytes())

    def remove(self, name: str) -> bool:
        """Remove a model and the blobs that no other uses; False if it was not there.

        Raises:
            ReadOnlyModel: it is the bundled model, or another store's.
            AssistantError: the store cannot be written.
        """
        wanted = names.parse(name.strip())
        with self._lock:
            path = _manifest_of(self.root, wanted)
            if path is None:
                self._refuse(wanted)
                return False
            digests = _load(path).digests
            try:
                path.unlink()
            except OSError as error:
                raise paths.unwritable(self.root, error) from error
            for parent in list(path.parents)[:3]:
                with contextlib.suppress(OSError):  # it still holds another model
                    parent.rmdir()
            self.prune(digests)
        return True

    def tidy(self) -> None:
        """Remove what uploads and pulls have left that were given up long ago.

        Nothing is removed while a manifest is damaged, closed to us or of an unknown form: who
        knows what it names. Where the store is Ollama's as well, that is left to Ollama.
        """
        with contextlib.suppress(OSError), self._lock:  # what cannot be read is not tidied
            if not self._is_ollamas() and _all_understood(self.manifests):
                self.files.remove_unused(self._used())

    def canonical(self, name: names.Name) -> names.Name:
        """Return the name with each part spelled as our store spells it already."""
        known = [found for found, _ in _manifests(self.root)]
        spelled = {}
        for part in ("host", "namespace", "model", "tag"):
            wanted = getattr(name, part)
            there = {str(getattr(each, part)) for each in known}
            same = sorted(each for each in there if each.lower() == wanted.lower())
            spelled[part] = wanted if wanted in there or not same else same[0]
        return replace(name, **spelled)

    def owns(self, model: StoredModel) -> bool:
        """Return whether the model is in our own store, so that it can be removed."""
        return _manifest_of(self.root, model.name) is not None

    def _refuse(self, name: names.Name) -> None:
        """Say so where a model is there, but not ours."""
        model = self.find(name)
        if model is None:
            return
        if model.elsewhere is None:
            raise ReadOnlyModel(
                f"{DEMO_NAME} is part of this installation and cannot be removed.",
                "Choose another model: jupyter assistant use MODEL",
            )
        raise ReadOnlyModel(
            f"{model.display} belongs to Ollama ({paths.display(model.elsewhere)}), "
            "which is only read here.",
            f"Remove it there: ollama rm {model.display}",
        )

    def _all(self) -> Iterator[StoredModel]:
        for name, path in _manifests(self.root):
            model = self._read(name, path)
            if model is not None:
                yield model
        demo = bundled_demo()
        if demo is not None:
            yield demo
        for other in self.others():
            for name, path in _manifests(other):
                model = self._read(name, path)
                if model is not None:
                    yield replace(model, elsewhere=other)

    def _read_at(self, root: Path, name: names.Name) -> StoredModel | None:
        path = _manifest_of(root, name)
        if path is None:
            return None
        spelled = names.from_path(path.relative_to(root / "manifests"))
        return self._read(spelled or name, path)

    def _read(self, name: names.Name, path: Path) -> StoredModel | None:
        """Return the model of a manifest; what was read is kept while the file is the same."""
        try:
            stat = path.stat()
        except OSError:
            return None
        version = (stat.st_mtime_ns, stat.st_size, stat.st_ino)
        known = self._known.get(path)
        if known is not None and known[0] == version and known[1].is_whole:
            changed = self.files.changed(known[1].gguf)
            return replace(known[1], changed=changed) if changed else known[1]
        model = stored.read(name, path, self.files.find_any, self.files.changed)
        if model is not None and not model.changed:
            self._known[path] = (version, model)
        return model

    def prune(self, digests: set[str]) -> None:
        """Remove those of the blobs that no model of ours uses."""
        used = self._used()
        for digest in digests - used:
            self.files.remove(digest)

    def _used(self) -> set[str]:
        """Return the digests that our manifests name."""
        used: set[str] = set()
        for _, path in _manifests(self.root):
            used |= _load(path).digests
        return used

    def _path_for(self, name: names.Name) -> Path:
        return _manifest_of(self.root, name) or self.manifests / self.canonical(name).path


def _manifests(root: Path) -> Iterator[tuple[names.Name, Path]]:
    """Yield the manifests of a store; what is no file of that depth and form is left out."""
    folder = root / "manifests"
    for path in sorted(folder.glob("*/*/*/*")):
        name = names.from_path(path.relative_to(folder))
        with contextlib.suppress(OSError):  # it went away, or is closed to us
            if name is not None and path.is_file():
                yield name, path


def _all_understood(manifests: Path) -> bool:
    """Whether all that is there are manifests that can be read.

    Raises:
        OSError: a folder cannot be looked into.
    """

    def fail(error: OSError) -> None:
        raise error

    for folder, _, files in os.walk(manifests, onerror=fail):
        for file in files:
            path = Path(folder, file)
            known = names.from_path(path.relative_to(manifests)) and _load(path).all
            if not known and not file.startswith("."):
                return False
    return True


def _manifest_of(root: Path, name: names.Name) -> Path | None:
    """Return the manifest of that name, in its own spelling or another."""
    exact = root / "manifests" / name.path
    with contextlib.suppress(OSError):  # closed to us: it is then not in the list either
        if exact.is_file():
            return exact
    found = [root / "manifests"]
    for part in name.path.parts:
        found = [path for folder in found for path in _spelled(folder, part)]
    return next((path for path in found if path.is_file()), None)


def _spelled(folder: Path, name: str) -> list[Path]:
    """Return the entries of a folder with that name in any spelling of case."""
    try:
        return [path for path in sorted(folder.iterdir()) if path.name.lower() == name.lower()]
    except OSError:  # not there, no folder, or closed to us
        return []


def _load(path: Path) -> Manifest:
    try:
        return layers.read(path.read_bytes())
    except OSError:
        return Manifest()


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.parent.parent / f".{path.name[:40]}-{secrets.token_hex(4)}"
    try:
        temporary.write_bytes(data)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
