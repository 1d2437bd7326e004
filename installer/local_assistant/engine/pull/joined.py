"""Models that come in several files: joined when all parts are there, and known again then.

Contract: the manifest's configuration notes the parts' digests, which are removed after the
join; so the same model is not fetched a second time.
"""

from __future__ import annotations

import json
from pathlib import PurePosixPath

from local_assistant.engine.gguf import split
from local_assistant.engine.gguf.header import Header, read_header
from local_assistant.engine.pull.errors import PullError
from local_assistant.engine.pull.quants import Quant
from local_assistant.engine.store import layers as kinds
from local_assistant.engine.store.layers import Layer, Manifest
from local_assistant.engine.store.names import Name
from local_assistant.engine.store.store import Store

_PARTS = "parts"


def manifest_of(
    store: Store,
    header: Header,
    model: Layer,
    extra: dict[str, bytes],
    parts: tuple[str, ...] = (),
) -> bytes:
    """Return the manifest of a model that is one blob.

    Args:
        extra: further layers by their kind.
        parts: digests of the files that it was joined of.

    Raises:
        OSError: the store cannot be written.
    """
    found = [model, *(store.add_blob(kind, data) for kind, data in extra.items())]
    noted = {_PARTS: list(parts)} if parts else {}
    return Manifest(tuple(found), store.config_layer(header, noted)).dump()


def there_already(store: Store, name: Name, quant: Quant) -> bytes | None:
    """Return the manifest of ``name`` where it is whole and was joined of these very files."""
    manifest = store.manifest(name)
    if manifest is None or manifest.config is None:
        return None
    paths = [store.files.find(layer.digest) for layer in manifest.all]
    config = store.files.find(manifest.config.digest)
    if config is None or not all(paths):
        return None
    try:
        noted = json.loads(config.read_bytes()).get(_PARTS)
    except (OSError, ValueError, AttributeError):
        return None
    return manifest.dump() if noted == [file.sha256 for file in quant.files] else None


def join(store: Store, quant: Quant, extra: dict[str, bytes]) -> bytes:
    """Join the parts, which are blobs; return the manifest of the whole.

    Raises:
        ApiError: they do not fit together.
        OSError: the store cannot be written.
    """
    parts = []
    for file in quant.files:
        path = store.files.find(file.sha256)
        if path is None:
            raise PullError("a part of the model has gone meanwhile", "Pull it again.")
        name = PurePosixPath(file.name).name
        split.group(name, read_header(path))
        parts.append((name, path))
    digest, path = split.merge(store.files, parts)
    model = Layer(kinds.MODEL, digest, path.stat().st_size)
    digests = tuple(file.sha256 for file in quant.files)
    return manifest_of(store, read_header(path), model, extra, digests)
