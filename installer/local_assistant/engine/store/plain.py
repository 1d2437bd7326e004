"""A model that comes as a GGUF file alone: what belongs to it beside the file.

Contract: reading only. Such a model always gets the same manifest, so that the bundled demo
model, which has none on the disk, has the digest that any copy of it has.
"""

from __future__ import annotations

import functools
import hashlib
import json
from pathlib import Path
from typing import Any

from local_assistant import paths
from local_assistant.engine.gguf.header import Header, read_header, sha256_of
from local_assistant.engine.store import layers, names
from local_assistant.engine.store.layers import Layer, Manifest
from local_assistant.engine.store.stored import StoredModel
from local_assistant.errors import AssistantError

DEMO_NAME = "assistant-demo:latest"


def bundled_demo() -> StoredModel | None:
    """Return the demo model of this installation; ``None`` when it is missing or damaged."""
    try:
        path = paths.demo_gguf()
        stat = path.stat()
        header = read_header(path)
        weights = digest_of(path, stat.st_size, stat.st_mtime_ns)
    except (AssistantError, OSError):
        return None
    config = config_of(header)
    layer = Layer(layers.CONFIG, hashlib.sha256(config).hexdigest(), len(config))
    whole = manifest(header, weights, layer).dump()
    return StoredModel(
        names.parse(DEMO_NAME),
        path,
        hashlib.sha256(whole).hexdigest(),
        header.size,
        stat.st_mtime,
        weights=weights,
    )


def manifest(header: Header, digest: str, config: Layer) -> Manifest:
    """Return the manifest of a GGUF with this digest."""
    return Manifest((Layer(layers.MODEL, digest, header.size),), config)


def config_of(header: Header, more: dict[str, Any] | None = None) -> bytes:
    """Return the configuration of a GGUF, as Ollama would write it, and ``more``."""
    config: dict[str, Any] = {
        "model_format": "gguf",
        "model_family": header.architecture,
        "model_families": [header.architecture],
        "model_type": header.parameter_size,
        "file_type": header.quantization,
        "architecture": "amd64",
        "os": "linux",
        **(more or {}),
    }
    return json.dumps(config, separators=(",", ":")).encode() + b"\n"


@functools.lru_cache(maxsize=16)
def digest_of(path: Path, _size: int, _mtime_ns: int) -> str:
    """Return a file's sha256; read once while its size and time stay the same."""
    return sha256_of(path)
