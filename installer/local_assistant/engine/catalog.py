"""What the engine knows of its models, in the shapes of ``/api/tags`` and ``/api/show``.

Contract: reads the store and GGUF headers at each call (headers are cached while their files
do not change), so a model that was added or removed is seen without a restart.
"""

from __future__ import annotations

import json
from typing import Any

from local_assistant.engine import wire
from local_assistant.engine.gguf import BadGGUF, Header
from local_assistant.engine.store import Store, StoredModel

_FIM_TEMPLATE = (
    "{{- if .Suffix }}<prefix>{{ .Prompt }}<suffix>{{ .Suffix }}<middle>{{ else }}"
    "{{ .Prompt }}{{ end }}"
)


class Catalog:
    """The store, described."""

    def __init__(self, store: Store) -> None:
        self.store = store

    def find(self, name: str) -> StoredModel | None:
        return self.store.find(name)

    def tags(self) -> list[dict[str, Any]]:
        """Return the items of ``/api/tags``; a model whose file is damaged is left out."""
        items = []
        for model in self.store.list_models():
            try:
                header = model.header()
            except BadGGUF:
                continue
            items.append(
                {
                    **identity(model),
                    "modified_at": wire.timestamp(model.modified),
                    "details": details(header),
                    "capabilities": capabilities(header),
                }
            )
        return items

    def show(self, model: StoredModel) -> dict[str, Any]:
        """Return the answer of ``/api/show``."""
        header = model.header()
        info = {
            key: value
            for key, value in header.metadata.items()
            if key not in ("general.name", "tokenizer.chat_template")
        }
        info["general.parameter_count"] = header.parameters
        answer = {
            "modelfile": f"FROM {model.gguf}\n",
            "parameters": _parameters(model.params),
            "template": header.chat_template or "{{ .Prompt }}",
            "system": model.system,
            "messages": list(model.messages),
            "details": details(header),
            "model_info": info,
            "capabilities": capabilities(header),
            "modified_at": wire.timestamp(model.modified),
        }
        if header.inserts and not _mentions_suffix(header):
            # Clients look for ".Suffix" in the template to learn of fill-in-the-middle.
            answer["template"] = f"{_FIM_TEMPLATE}\n{answer['template']}"
        return {key: value for key, value in answer.items() if value or key == "model_info"}


def identity(model: StoredModel) -> dict[str, Any]:
    return {
        "name": model.display,
        "model": model.display,
        "size": model.size,
        "digest": model.digest,
    }


def details(header: Header) -> dict[str, Any]:
    return {
        "parent_model": "",
        "format": "gguf",
        "family": header.architecture,
        "families": [header.architecture],
        "parameter_size": header.parameter_size,
        "quantization_level": header.quantization,
        "context_length": header.context_length,
        "embedding_length": header.embedding_length,
    }


def capabilities(header: Header) -> list[str]:
    """Return what the model can do here.

    Unlike Ollama, ``insert`` follows the GGUF's own fill-in-the-middle tokens. Every model
    embeds here, but only one that does nothing else says so: the ``ollama`` command asks a
    model that lists ``embedding`` for vectors, even when it is told to chat.
    """
    if header.embeds_only:
        return ["embedding"]
    template = header.chat_template
    found = ["completion"]
    if "tools" in template:
        found.append("tools")
    if header.inserts:
        found.append("insert")
    if "<think>" in template and "</think>" in template:
        found.append("thinking")
    return found


def _mentions_suffix(header: Header) -> bool:
    return ".Suffix" in header.chat_template


def _parameters(params: dict[str, Any]) -> str:
    lines = []
    for key, value in sorted(params.items()):
        for item in value if isinstance(value, list) else [value]:
            lines.append(f"{key:<30} {json.dumps(item, ensure_ascii=False)}")
    return "\n".join(lines)
