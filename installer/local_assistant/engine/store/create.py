"""Making a model out of another one, or of files: the layers, and the manifest at the end.

Contract: :func:`build` is a plain generator of status lines that writes blobs and, last, the
manifest; it runs in threads. Until then nothing is listed, and what is given up leaves only
blobs. The GGUF files themselves are taken as they are: nothing is quantized or converted.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from local_assistant import paths
from local_assistant.engine import gotemplate
from local_assistant.engine.gguf.header import Header, sha256_of
from local_assistant.engine.store import layers
from local_assistant.engine.store.create_files import model_files
from local_assistant.engine.store.create_request import CreateRequest
from local_assistant.engine.store.layers import Layer, Manifest
from local_assistant.engine.store.store import Store
from local_assistant.engine.wire import goencode
from local_assistant.engine.wire.shapes import ApiError

Status = dict[str, Any]

_QUANTIZED_TO = ("F32", "F16", "Q4_K_S", "Q4_K_M", "Q8_0")
_KNOWN_TYPES = {"Q4_K": "Q4_K_M", **{each: each for each in (*_QUANTIZED_TO, "BF16")}}
_KEPT = ("renderer", "parser", "requires", "model_format", "capabilities")


@dataclass
class Draft:
    """The model that is being made."""

    layers: list[Layer]
    headers: list[Header]
    """Of the model layers."""
    config: dict[str, Any]
    new: set[str]
    """Digests of the blobs that were written for it."""

    def put(self, store: Store, kind: str, data: bytes, *, instead: bool = True) -> None:
        """Add a layer, in place of those of its kind unless it stands beside them."""
        digest, new = store.files.write(data)
        if instead:
            old = (layers.TEMPLATE, layers.OLD_TEMPLATE) if kind == layers.TEMPLATE else (kind,)
            self.layers = [layer for layer in self.layers if layer.kind not in old]
        self.layers.append(Layer(kind, digest, len(data)))
        if new:
            self.new.add(digest)


def build(store: Store, request: CreateRequest) -> Iterator[Status]:
    """Make the model, and tell what is done.

    Raises:
        ApiError: it cannot be made of this.
        AssistantError: the store cannot be written.
    """
    try:
        yield from _build(store, request)
    except OSError as error:
        raise paths.unwritable(store.root, error) from error


def _build(store: Store, request: CreateRequest) -> Iterator[Status]:
    draft = Draft([], [], dict(request.config), set())
    if request.base is not None:
        _start_from(store, request, draft)
    elif request.files is not None:
        yield from model_files(store, request.files, draft.layers, draft.headers)
    if request.adapters is not None:
        adapters: list[Layer] = []
        yield from model_files(store, request.adapters, adapters, [], adapter=True)
        draft.layers += adapters
    for header in draft.headers:
        _check_quantize(request.quantize, header)
    _add_texts(store, request, draft)
    config = goencode.dumps(_config(draft), ordered=True)
    digest, _ = store.files.write(config)
    for layer in draft.layers:
        what = "creating new" if layer.digest in draft.new else "using existing"
        yield {"status": f"{what} layer sha256:{layer.digest}"}
    yield {"status": "writing manifest"}
    store.put(
        request.name,
        Manifest(tuple(draft.layers), Layer(layers.CONFIG, digest, len(config))),
    )
    yield {"status": "success"}


def _start_from(store: Store, request: CreateRequest, draft: Draft) -> None:
    assert request.base is not None
    model = store.find(request.base)
    if model is None:
        raise ApiError(404, f"model '{request.base.short}' not found, try pulling it first")
    manifest = store.manifest(model.name)
    if manifest is None or not manifest.layers:  # the bundled model: it has none
        digest = sha256_of(model.gguf)
        store.files.take(model.gguf, digest, link=False)
        manifest = Manifest((Layer(layers.MODEL, digest, model.gguf.stat().st_size),))
    draft.layers += [replace(each, origin=model.display) for each in manifest.layers]
    draft.headers.append(model.header())
    kept = {key: model.config[key] for key in _KEPT if model.config.get(key)}
    draft.config = kept | draft.config


def _add_texts(store: Store, request: CreateRequest, draft: Draft) -> None:
    if request.template:
        try:
            gotemplate.parse(request.template)
        except gotemplate.TemplateError as error:
            raise ApiError(400, f"template error: {error}") from error
        draft.put(store, layers.TEMPLATE, _bytes(request.template))
    if request.system:
        draft.put(store, layers.SYSTEM, _bytes(request.system))
    for text in request.licenses:
        draft.put(store, layers.LICENSE, _bytes(text), instead=False)
    params = _params(store, draft) | request.parameters
    if params:
        draft.put(store, layers.PARAMS, goencode.dumps(params))
    if request.messages:
        data = goencode.dumps(list(request.messages), ordered=True)
        draft.put(store, layers.MESSAGES, data)


def _params(store: Store, draft: Draft) -> dict[str, Any]:
    """Return the parameters that the base has."""
    found: dict[str, Any] = {}
    for layer in draft.layers:
        path = store.files.find(layer.digest) if layer.kind == layers.PARAMS else None
        read = json.loads(path.read_bytes()) if path else {}
        found |= read if isinstance(read, dict) else {}
    return found


def _config(draft: Draft) -> dict[str, Any]:
    """Return the configuration in the order in which Ollama writes it."""
    main = draft.headers[-1] if draft.headers else None
    of_model = {
        "model_format": draft.config.get("model_format") or "gguf",
        "model_family": main.architecture if main else "",
        "model_families": [header.architecture for header in draft.headers] or None,
        "model_type": main.parameter_size if main else "",
        "file_type": main.quantization if main else "",
    }
    more = {key: draft.config[key] for key in _KEPT if key in draft.config and key not in of_model}
    return {**of_model, **more, "architecture": "amd64", "os": "linux"}


def _check_quantize(wanted: str, header: Header) -> None:
    """Refuse to quantize: llama.cpp's own tool for it is not in the library."""
    if not wanted:
        return
    kind = _KNOWN_TYPES.get(wanted)
    if kind is None:
        known = ", ".join(_QUANTIZED_TO)
        raise ApiError(500, f"unsupported quantization type {wanted} - supported types are {known}")
    has = header.quantization
    if has not in ("F16", "BF16", "F32"):
        raise ApiError(500, "quantization is only supported for F16, BF16 and F32 models")
    if has != kind:
        raise ApiError(
            400,
            f"the embedded engine cannot quantize {has} to {kind}: create the model from a GGUF "
            f"file that is {kind} already (llama.cpp's llama-quantize makes one)",
        )


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "replace")
