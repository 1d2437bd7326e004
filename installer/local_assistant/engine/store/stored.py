"""One model as it lies in a store.

Contract: reading only. A model is read from its manifest and the blobs that this names,
wherever they lie; one whose GGUF is missing is no model.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from local_assistant.engine.gguf.header import BadGGUF, Header, read_header
from local_assistant.engine.store import layers, names

FindBlob = Callable[[str], "Path | None"]

_MOST_TEXT = 8 << 20
"""A manifest from elsewhere may call any blob its template; gigabytes are none."""


@dataclass(frozen=True)
class StoredModel:
    """A name, and all that belongs to it."""

    name: names.Name
    gguf: Path
    digest: str
    """Hex sha256 of the manifest file (of what it would be for the bundled model)."""
    size: int
    modified: float
    params: dict[str, Any] = field(default_factory=dict)
    system: str = ""
    messages: tuple[dict[str, Any], ...] = ()
    template: str = ""
    """The Go template layer, empty where there is none: then the GGUF's own template counts."""
    license: tuple[str, ...] = ()
    adapters: tuple[Path, ...] = ()
    projectors: tuple[Path, ...] = ()
    config: dict[str, Any] = field(default_factory=dict)
    parent: str = ""
    """The model or file that this one was made from."""
    changed: bool = False
    """Whether the file that the GGUF is a link to has been changed since."""
    elsewhere: Path | None = None
    """The store that it lies in, where that is not ours: it is only read there."""
    weights: str = ""
    """Hex sha256 of the GGUF."""

    @property
    def display(self) -> str:
        return self.name.short

    @property
    def load_key(self) -> str:
        """What two names share when one process can serve both."""
        weights = self.weights or str(self.gguf.resolve())
        return "\n".join((weights, *(str(path.resolve()) for path in self.adapters)))

    @property
    def is_whole(self) -> bool:
        """Whether its big files are still there."""
        return all(path.is_file() for path in (self.gguf, *self.adapters, *self.projectors))

    def header(self) -> Header:
        """Return what the GGUF says of itself.

        Raises:
            BadGGUF: it is damaged, or not the file any more that was stored.
        """
        if self.changed:
            raise BadGGUF(
                self.gguf, f"the file that {self.display} was made from has been changed since"
            )
        return read_header(self.gguf)


def read(
    name: names.Name, path: Path, find: FindBlob, is_changed: Callable[[Path], bool]
) -> StoredModel | None:
    """Return the model of the manifest ``path``; ``None`` when that or its GGUF is not whole."""
    try:
        raw, stat = path.read_bytes(), path.stat()
        manifest = layers.read(raw)
        weights = manifest.last(layers.MODEL)
        gguf = find(weights.digest) if weights else None
        if weights is None or gguf is None:
            return None
        reader = _Reader(manifest, find)
        params, messages = reader.json(layers.PARAMS), reader.json(layers.MESSAGES)
        return StoredModel(
            name,
            gguf,
            hashlib.sha256(raw).hexdigest(),
            manifest.size,
            stat.st_mtime,
            params=params if isinstance(params, dict) else {},
            system=reader.text(layers.SYSTEM),
            messages=_messages(messages),
            template=reader.text(layers.TEMPLATE, layers.OLD_TEMPLATE),
            license=tuple(reader.texts(layers.LICENSE)),
            adapters=tuple(reader.files(layers.ADAPTER)),
            projectors=tuple(reader.files(layers.PROJECTOR)),
            config=reader.config(),
            parent=weights.origin,
            changed=is_changed(gguf),
            weights=weights.digest,
        )
    except (OSError, ValueError, RecursionError):
        return None


def _messages(found: Any) -> tuple[dict[str, Any], ...]:
    listed = found if isinstance(found, list) else []
    return tuple(item for item in listed if isinstance(item, dict))


class _Reader:
    """The contents of a manifest's layers; a blob that is missing is a ValueError."""

    def __init__(self, manifest: layers.Manifest, find: FindBlob) -> None:
        self._manifest = manifest
        self._find = find

    def _path(self, layer: layers.Layer) -> Path:
        path = self._find(layer.digest)
        if path is None:
            raise ValueError(f"blob {layer.digest} is missing")
        return path

    def files(self, kind: str) -> list[Path]:
        return [self._path(layer) for layer in self._manifest.of_kind(kind)]

    def texts(self, kind: str) -> list[str]:
        return [_bytes(path).decode("utf-8", "replace") for path in self.files(kind)]

    def text(self, *kinds: str) -> str:
        layer = self._manifest.last(*kinds)
        return _bytes(self._path(layer)).decode("utf-8") if layer else ""

    def json(self, kind: str) -> Any:
        text = self.text(kind)
        return json.loads(text) if text else None

    def config(self) -> dict[str, Any]:
        path = self._find(self._manifest.config.digest) if self._manifest.config else None
        found = json.loads(_bytes(path)) if path else None
        items = found.items() if isinstance(found, dict) else ()
        return {key: value for key, value in items if _is_text(value)}


def _is_text(value: Any) -> bool:
    """Whether it is of a type that what we read of a configuration has.

    Anything else, shown in a list, would make the whole list unreadable for a client.
    """
    listed = value if isinstance(value, list) else [value]
    return all(isinstance(each, str) for each in listed)


def _bytes(path: Path) -> bytes:
    if path.stat().st_size > _MOST_TEXT:
        raise ValueError(f"{path.name} is too long for a text")
    return path.read_bytes()
