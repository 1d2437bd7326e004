"""The GGUF files of a ``/api/create``: what kind each is, and the layers that they make.

Contract: a plain generator of status lines; the files are blobs that were uploaded before.
A model in several files (``NAME-00001-of-00003.gguf`` …) becomes one blob.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

from local_assistant.engine.gguf import split as gguf_split
from local_assistant.engine.gguf.header import BadGGUF, Header, read_header
from local_assistant.engine.store import layers
from local_assistant.engine.store.layers import Layer
from local_assistant.engine.store.store import Store
from local_assistant.engine.wire.shapes import ApiError

Status = dict[str, Any]


def model_files(
    store: Store,
    files: dict[str, str],
    found: list[Layer],
    headers: list[Header],
    *,
    adapter: bool = False,
) -> Iterator[Status]:
    """Add the files' layers to ``found``, and the headers of models to ``headers``.

    Raises:
        ApiError: the files make no model, or none that this engine runs.
    """
    _check_type(store, files)
    if adapter and len(files) > 1:
        raise ApiError(400, "only one adapter is currently supported")
    parts: dict[str, list[tuple[str, Path]]] = {}
    for name in sorted(files):
        yield {"status": "parsing GGUF"}
        digest, path = _blob(store, files[name])
        header = _header(path)
        if adapter and header.kind != "adapter":
            raise ApiError(400, f"{PurePosixPath(name).name} is not a LoRA adapter in GGUF format")
        if gguf_split.count(header) > 1:
            parts.setdefault(gguf_split.group(name, header), []).append((name, path))
            continue
        kind = _kind(header)
        found.append(Layer(kind, digest, header.size))
        if kind == layers.MODEL:
            headers.append(header)
    for group in parts.values():
        yield {"status": "merging GGUF files"}
        digest, path = gguf_split.merge(store.files, group)
        header = _header(path)
        found.append(Layer(_kind(header), digest, header.size))
        headers.append(header)
    if len(headers) > 1:
        raise ApiError(400, "more than one model in the files")


def _check_type(store: Store, files: dict[str, str]) -> None:
    for name in sorted(files):
        if name.endswith(".safetensors"):
            raise ApiError(
                400,
                "the embedded engine does not convert safetensors: create the model from a "
                "GGUF file",
            )
        if name.endswith(".gguf"):
            return
        digest = layers.hex_of(files[name])
        path = store.files.find(digest) if digest else None
        if path is None:
            break
        with path.open("rb") as file:
            if file.read(4) == b"GGUF":
                return
    raise ApiError(400, "unknown type")


def _blob(store: Store, wanted: str) -> tuple[str, Path]:
    digest = layers.hex_of(wanted)
    if digest is None:
        raise ApiError(400, "invalid digest format")
    path = store.files.find(digest)
    if path is None:
        raise ApiError(400, f'blob "{wanted}" not found: upload it first (/api/blobs)')
    return digest, path


def _header(path: Path) -> Header:
    with path.open("rb") as file:
        if file.read(4) != b"GGUF":
            raise ApiError(400, "supplied file was not in GGUF format")
    try:
        return read_header(path)
    except BadGGUF as error:
        raise ApiError(400, str(error)) from error


def _kind(header: Header) -> str:
    if header.kind == "projector":
        raise ApiError(400, "the embedded engine does not support image projectors")
    return layers.ADAPTER if header.kind == "adapter" else layers.MODEL
