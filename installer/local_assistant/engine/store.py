"""The model store on disk, in Ollama's layout: ``manifests/HOST/NS/MODEL/TAG``, ``blobs/``.

Contract: our own directory only; an Ollama store elsewhere is never written through this.
The bundled demo model is always listed as ``assistant-demo:latest`` and read where it lies,
so it answers with a read-only or full data directory too. Files are complete or absent:
blobs and manifests are written beside their place and renamed.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import json
import os
import re
import secrets
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local_assistant import paths
from local_assistant.engine import names
from local_assistant.engine.gguf import Header, read_header, sha256_of
from local_assistant.errors import AssistantError

DEMO_NAME = "assistant-demo:latest"

_MODEL_TYPE = "application/vnd.ollama.image.model"
_MANIFEST_TYPE = "application/vnd.docker.distribution.manifest.v2+json"
_CONFIG_TYPE = "application/vnd.docker.container.image.v1+json"
_DIGEST = re.compile(r"sha256[:-]([0-9a-f]{64})")


@dataclass(frozen=True)
class StoredModel:
    """One model as it lies in the store."""

    name: names.Name
    gguf: Path
    digest: str
    """Hex sha256 of the manifest file (of the GGUF for the bundled model)."""
    size: int
    modified: float
    params: dict[str, Any]
    system: str
    messages: tuple[dict[str, str], ...]

    @property
    def display(self) -> str:
        return self.name.short

    def header(self) -> Header:
        return read_header(self.gguf)


class Store:
    """Models under ``root``, and the bundled one."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.manifests = root / "manifests"
        self.blobs = root / "blobs"

    def list_models(self) -> list[StoredModel]:
        """Return every whole model, newest first; a damaged manifest is left out."""
        found = {model.name.key: model for model in self._stored()}
        demo = bundled_demo()
        if demo is not None:
            found.setdefault(demo.name.key, demo)
        return sorted(found.values(), key=lambda model: model.modified, reverse=True)

    def find(self, name: str) -> StoredModel | None:
        """Return the model of that name in any spelling of case, or ``None``.

        Raises:
            names.InvalidName: the text is not a model name.
        """
        wanted = names.parse(name)
        path = self._manifest_of(wanted)
        if path is not None:
            model = self._read(path)
            if model is not None:
                return model
        demo = bundled_demo()
        return demo if demo is not None and demo.name.key == wanted.key else None

    def add_gguf(self, name: str, path: Path, *, link: bool = True) -> str:
        """Store a GGUF file under ``name`` and return the display name.

        Args:
            link: take the file by a hard link where the file system allows it.

        Raises:
            AssistantError: the file is no whole GGUF, or the store cannot be written.
            names.InvalidName: the name does not fit.
        """
        target = names.parse(name)
        header = read_header(path)
        stat = path.stat()
        digest = _digest_cached(path, stat.st_size, stat.st_mtime_ns)
        try:
            self.blobs.mkdir(parents=True, exist_ok=True)
            self._take(path, self.blobs / f"sha256-{digest}", link=link)
            config = _config_of(header)
            config_digest = hashlib.sha256(config).hexdigest()
            self._write(self.blobs / f"sha256-{config_digest}", config)
            manifest = {
                "schemaVersion": 2,
                "mediaType": _MANIFEST_TYPE,
                "config": {
                    "mediaType": _CONFIG_TYPE,
                    "digest": f"sha256:{config_digest}",
                    "size": len(config),
                },
                "layers": [
                    {"mediaType": _MODEL_TYPE, "digest": f"sha256:{digest}", "size": header.size}
                ],
            }
            text = json.dumps(manifest, separators=(",", ":")) + "\n"
            self._point(target, text.encode())
        except OSError as error:
            raise paths.unwritable(self.root, error) from error
        return target.short

    def copy(self, source: str, destination: str) -> None:
        """Give the model ``source`` a second name; only a manifest is written.

        Raises:
            AssistantError: ``source`` is not there, or the store cannot be written.
            names.InvalidName: a name does not fit.
        """
        target = names.parse(destination)
        origin = names.parse(source)
        if origin.key == target.key:
            return
        path = self._manifest_of(origin)
        if path is None:
            model = self.find(source)
            if model is None:
                raise AssistantError(
                    f'There is no model "{source}".', "See: jupyter assistant models"
                )
            self.add_gguf(destination, model.gguf, link=False)
            return
        try:
            self._point(target, path.read_bytes())
        except OSError as error:
            raise paths.unwritable(self.root, error) from error

    def remove(self, name: str) -> bool:
        """Remove a model and the blobs that no other uses; False if it was not there.

        Raises:
            AssistantError: it is the bundled model, or the store cannot be written.
        """
        path = self._manifest_of(names.parse(name))
        if path is None:
            if self.find(name) is not None:
                raise AssistantError(
                    f"{DEMO_NAME} is part of this installation and cannot be removed.",
                    "Choose another model: jupyter assistant use MODEL",
                )
            return False
        try:
            digests = _digests(_load(path))
            path.unlink()
            for parent in list(path.parents)[:3]:
                with contextlib.suppress(OSError):  # it still holds another model
                    parent.rmdir()
            self._prune(digests)
        except OSError as error:
            raise paths.unwritable(self.root, error) from error
        return True

    def _point(self, name: names.Name, manifest: bytes) -> None:
        """Let ``name`` mean this manifest; what only its old one used goes."""
        path = self._path_for(name)
        before = _digests(_load(path))
        self._write(path, manifest)
        with contextlib.suppress(OSError):  # in use, on Windows: it costs room, no more
            self._prune(before)

    def _prune(self, digests: set[str]) -> None:
        """Remove those of the blobs that no model uses."""
        used = {d for other in self._manifest_paths() for d in _digests(_load(other))}
        for digest in digests - used:
            self._blob(digest).unlink(missing_ok=True)

    def _stored(self) -> list[StoredModel]:
        read = (self._read(path) for path in self._manifest_paths())
        return [model for model in read if model is not None]

    def _manifest_paths(self) -> list[Path]:
        return [path for path in self.manifests.glob("*/*/*/*") if path.is_file()]

    def _path_for(self, name: names.Name) -> Path:
        existing = self._manifest_of(name)
        if existing is not None:
            return existing
        return self.manifests / name.host / name.namespace / name.model / name.tag

    def _manifest_of(self, name: names.Name) -> Path | None:
        exact = self.manifests / name.host / name.namespace / name.model / name.tag
        if exact.is_file():
            return exact
        for path in self._manifest_paths():
            parts = path.relative_to(self.manifests).parts
            if f"{parts[0]}/{parts[1]}/{parts[2]}:{parts[3]}".lower() == name.key:
                return path
        return None

    def _blob(self, digest: str) -> Path:
        return self.blobs / f"sha256-{digest}"

    def _read(self, path: Path) -> StoredModel | None:
        """Return the model of a manifest; ``None`` when it or its GGUF is not whole."""
        manifest = _load(path)
        layers = {kind.rpartition(".")[2]: digest for kind, digest in _layers(manifest)}
        gguf = self._blob(layers["model"]) if "model" in layers else None
        host, namespace, model, tag = path.relative_to(self.manifests).parts
        try:
            if gguf is None or not gguf.is_file():
                return None
            raw, stat = path.read_bytes(), path.stat()
            size = sum(self._size(digest) for digest in _digests(manifest))
            params = self._json(layers.get("params"))
            messages = self._json(layers.get("messages"))
            system = self._text(layers.get("system"))
        except (OSError, ValueError):
            return None
        return StoredModel(
            names.Name(host, namespace, model, tag),
            gguf,
            hashlib.sha256(raw).hexdigest(),
            size,
            stat.st_mtime,
            params if isinstance(params, dict) else {},
            system,
            tuple(messages) if isinstance(messages, list) else (),
        )

    def _size(self, digest: str) -> int:
        path = self._blob(digest)
        return path.stat().st_size if path.is_file() else 0

    def _text(self, digest: str | None) -> str:
        return self._blob(digest).read_text(encoding="utf-8") if digest else ""

    def _json(self, digest: str | None) -> Any:
        return json.loads(self._text(digest)) if digest else None

    def _take(self, source: Path, blob: Path, *, link: bool) -> None:
        if blob.is_file() and blob.stat().st_size == source.stat().st_size:
            return
        temporary = blob.with_name(f"{blob.name}-{secrets.token_hex(4)}")
        try:
            if link:
                with contextlib.suppress(OSError):  # another file system: copied below
                    os.link(source.resolve(), temporary)
            if not temporary.exists():
                shutil.copyfile(source, temporary)
            temporary.replace(blob)
        finally:
            temporary.unlink(missing_ok=True)

    def _write(self, path: Path, data: bytes) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.parent.parent / f".{path.name[:40]}-{secrets.token_hex(4)}"
        try:
            temporary.write_bytes(data)
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)


def bundled_demo() -> StoredModel | None:
    """Return the demo model of this installation; ``None`` when it is missing or damaged."""
    try:
        path = paths.demo_gguf()
        stat = path.stat()
        header = read_header(path)
        digest = _digest_cached(path, stat.st_size, stat.st_mtime_ns)
    except (AssistantError, OSError):
        return None
    return StoredModel(names.parse(DEMO_NAME), path, digest, header.size, stat.st_mtime, {}, "", ())


@functools.lru_cache(maxsize=16)
def _digest_cached(path: Path, _size: int, _mtime_ns: int) -> str:
    return sha256_of(path)


def _config_of(header: Header) -> bytes:
    config = {
        "model_format": "gguf",
        "model_family": header.architecture,
        "model_families": [header.architecture],
        "model_type": header.parameter_size,
        "file_type": header.quantization,
        "context_length": header.context_length,
        "embedding_length": header.embedding_length,
        "architecture": "amd64",
        "os": "linux",
    }
    return json.dumps(config, separators=(",", ":")).encode()


def _load(path: Path) -> dict[str, Any]:
    try:
        data = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}
    return data if isinstance(data, dict) else {}


def _layers(manifest: dict[str, Any]) -> list[tuple[str, str]]:
    """Return media type and digest of each layer; digests in another form are left out."""
    listed = manifest.get("layers")
    found = []
    for layer in listed if isinstance(listed, list) else []:
        if isinstance(layer, dict):
            digest = _DIGEST.fullmatch(str(layer.get("digest")))
            if digest:
                found.append((str(layer.get("mediaType")), digest[1]))
    return found


def _digests(manifest: dict[str, Any]) -> set[str]:
    digests = {digest for _, digest in _layers(manifest)}
    config = manifest.get("config")
    if isinstance(config, dict):
        digest = _DIGEST.fullmatch(str(config.get("digest")))
        if digest:
            digests.add(digest[1])
    return digests
