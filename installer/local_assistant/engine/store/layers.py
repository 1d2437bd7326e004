"""What a manifest says: the layers of a model, and the configuration of the whole.

Contract: pure; reads and writes the bytes of a manifest file, touches no disk. Digests that
are not sha256 in hex are left out when reading, so that each digest here is safe in a path.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

MODEL = "application/vnd.ollama.image.model"
PROJECTOR = "application/vnd.ollama.image.projector"
ADAPTER = "application/vnd.ollama.image.adapter"
TEMPLATE = "application/vnd.ollama.image.template"
SYSTEM = "application/vnd.ollama.image.system"
PARAMS = "application/vnd.ollama.image.params"
MESSAGES = "application/vnd.ollama.image.messages"
LICENSE = "application/vnd.ollama.image.license"
CONFIG = "application/vnd.docker.container.image.v1+json"
MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
OLD_TEMPLATE = "application/vnd.ollama.image.prompt"
"""What a template layer was called once."""

_DIGEST = re.compile(r"sha256[:-]([0-9a-fA-F]{64})")


@dataclass(frozen=True)
class Layer:
    """One blob of a model, and what it is."""

    kind: str
    digest: str
    """Hex sha256 of the blob."""
    size: int = 0
    origin: str = ""
    """Of a model layer: the model or file that it was made from (``from`` in the file)."""
    name: str = ""

    def as_json(self) -> dict[str, Any]:
        plain: dict[str, Any] = {
            "mediaType": self.kind,
            "digest": f"sha256:{self.digest}",
            "size": self.size,
        }
        more = {"from": self.origin, "name": self.name}
        return plain | {key: value for key, value in more.items() if value}


@dataclass(frozen=True)
class Manifest:
    """The layers of a model in their order."""

    layers: tuple[Layer, ...] = ()
    config: Layer | None = None

    @property
    def digests(self) -> set[str]:
        return {layer.digest for layer in self.all}

    @property
    def all(self) -> tuple[Layer, ...]:
        return (*self.layers, self.config) if self.config else self.layers

    @property
    def size(self) -> int:
        return sum(layer.size for layer in self.all)

    def of_kind(self, *kinds: str) -> list[Layer]:
        return [layer for layer in self.layers if layer.kind in kinds]

    def last(self, *kinds: str) -> Layer | None:
        """Return the layer that counts where there should be one of these kinds."""
        found = self.of_kind(*kinds)
        return found[-1] if found else None

    def dump(self) -> bytes:
        """Return the bytes that Ollama would write."""
        data: dict[str, Any] = {"schemaVersion": 2, "mediaType": MANIFEST}
        data["config"] = (
            self.config.as_json() if self.config else {"mediaType": "", "digest": "", "size": 0}
        )
        data["layers"] = [layer.as_json() for layer in self.layers]
        return json.dumps(data, separators=(",", ":"), ensure_ascii=False).encode() + b"\n"


def hex_of(digest: str) -> str | None:
    """Return the hex part of ``sha256:HEX`` or ``sha256-HEX``; ``None`` if it is neither."""
    found = _DIGEST.fullmatch(digest)
    return found[1].lower() if found else None


def read(raw: bytes) -> Manifest:
    """Return what the bytes of a manifest file say; nothing where they make no sense."""
    try:
        data = json.loads(raw)
    except (ValueError, RecursionError):
        return Manifest()
    if not isinstance(data, dict):
        return Manifest()
    listed = data.get("layers")
    read_layers = [_layer(item) for item in (listed if isinstance(listed, list) else [])]
    return Manifest(
        tuple(layer for layer in read_layers if layer is not None), _layer(data.get("config"))
    )


def _layer(item: Any) -> Layer | None:
    if not isinstance(item, dict):
        return None
    digest = hex_of(str(item.get("digest")))
    if digest is None:
        return None
    size, origin, name = item.get("size"), item.get("from"), item.get("name")
    return Layer(
        str(item.get("mediaType")),
        digest,
        size if isinstance(size, int) and 0 < size < 2**63 else 0,
        origin if isinstance(origin, str) else "",
        name if isinstance(name, str) else "",
    )
