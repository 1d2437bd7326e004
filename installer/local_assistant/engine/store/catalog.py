"""What the engine knows of its models, in the shapes of ``/api/tags`` and ``/api/show``.

Contract: reads the store and GGUF headers at each call (headers are cached while their files
do not change), so a model that was added or removed is seen without a restart.
"""

from __future__ import annotations

from typing import Any

from local_assistant.engine.gguf import details as gguf_details
from local_assistant.engine.gguf.header import BadGGUF, Header
from local_assistant.engine.store import modelfile, names
from local_assistant.engine.store.capabilities import capabilities, shown_template
from local_assistant.engine.store.store import Store, StoredModel
from local_assistant.engine.wire import shapes as wire
from local_assistant.engine.wire.shapes import ApiError

_FIM_TEMPLATE = (
    "{{- if .Suffix }}<prefix>{{ .Prompt }}<suffix>{{ .Suffix }}<middle>{{ else }}"
    "{{ .Prompt }}{{ end }}"
)
_NOT_SHOWN = ("general.name", "tokenizer.chat_template")


class Catalog:
    """The store, described."""

    def __init__(self, store: Store) -> None:
        self.store = store

    def find(self, name: str) -> StoredModel | None:
        """Return the model that a request wants to run; ``None`` if it is not there.

        Raises:
            ApiError: it cannot run here: a model in the cloud, or with an image projector.
        """
        model = self.look_up(name)
        if model is not None and model.projectors:
            raise ApiError(
                400,
                f"{model.name.full} has an image projector, which the embedded engine does not "
                "support: use a model for text",
            )
        return model

    def look_up(self, name: str) -> StoredModel | None:
        """Return a model by the name in a request, whether it can run here or not.

        Raises:
            ApiError: it is a model in the cloud.
            names.InvalidName: it is no name.
        """
        ref = names.parse_ref(name)
        model = self.store.find(ref.name)
        if model is None and ref.source == names.CLOUD:
            raise ApiError(
                403,
                f'ollama cloud is disabled: the embedded engine runs "{name}" on this machine '
                "or not at all",
            )
        return None if ref.source == names.CLOUD else model

    def tags(self) -> list[dict[str, Any]]:
        """Return the items of ``/api/tags``; a model whose file is damaged is left out."""
        items = []
        for model in self.store.list_models():
            try:
                header = model.header()
            except BadGGUF:
                continue
            lengths = {
                "context_length": header.context_length,
                "embedding_length": header.embedding_length,
            }
            items.append(
                {
                    **identity(model),
                    "modified_at": wire.timestamp(model.modified),
                    "details": details(model, header)
                    | {key: value for key, value in lengths.items() if value},
                    "capabilities": capabilities(model, header),
                }
            )
        return items

    def show(
        self,
        model: StoredModel,
        *,
        verbose: bool = False,
        system: str = "",
        options: dict[str, Any] | None = None,
    ) -> dict[str, Any]:
        """Return the answer of ``/api/show``; ``system`` and ``options`` stand in for its own."""
        header = model.header()
        full = gguf_details.read(model.gguf, arrays=verbose)
        system = system or model.system
        params = {**model.params, **(options or {})}
        answer = {
            "license": "\n".join(model.license),
            "modelfile": modelfile.text(model, system=system, params=params),
            "parameters": modelfile.parameters(model.params),
            "template": _template(model, header),
            "system": system,
            "details": details(model, header),
            "messages": [
                {"role": str(each.get("role", "")), "content": str(each.get("content") or "")}
                for each in model.messages
            ],
            "model_info": _info(full.metadata, header),
            "projector_info": _projector(model, verbose),
            "tensors": full.tensors,
            "capabilities": capabilities(model, header),
            "modified_at": wire.timestamp(model.modified),
            "requires": str(model.config.get("requires") or ""),
        }
        return {key: value for key, value in answer.items() if value or key == "model_info"}


def identity(model: StoredModel) -> dict[str, Any]:
    return {
        "name": model.display,
        "model": model.display,
        "size": model.size,
        "digest": model.digest,
    }


def details(model: StoredModel, header: Header) -> dict[str, Any]:
    """Return the details of a model: as its configuration says, else as its file does."""
    config = model.config
    level = config.get("file_type")
    return {
        "parent_model": model.parent,
        "format": config.get("model_format") or "gguf",
        "family": config.get("model_family") or header.architecture,
        "families": config.get("model_families") or [header.architecture],
        "parameter_size": config.get("model_type") or header.parameter_size,
        "quantization_level": header.quantization if level in (None, "", "unknown") else level,
    }


def _template(model: StoredModel, header: Header) -> str:
    text = shown_template(model, header) or modelfile.DEFAULT_TEMPLATE
    if header.inserts and ".Suffix" not in text:
        # Clients look for ".Suffix" in the template to learn of fill-in-the-middle.
        return f"{_FIM_TEMPLATE}\n{text}"
    return text


def _info(metadata: dict[str, Any], header: Header) -> dict[str, Any]:
    info = {key: value for key, value in metadata.items() if key not in _NOT_SHOWN}
    info["general.parameter_count"] = header.parameters
    return dict(sorted(info.items()))


def _projector(model: StoredModel, verbose: bool) -> dict[str, Any]:
    if not model.projectors:
        return {}
    found = gguf_details.read(model.projectors[0], arrays=verbose).metadata
    return dict(sorted(found.items()))
