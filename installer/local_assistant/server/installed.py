"""Which models a server has, by name.

Contract: names are compared as Ollama does: ``x`` is ``x:latest``, case does not count.
Nothing is remembered between calls.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from local_assistant.errors import AssistantError
from local_assistant.server.own_names import is_alias

if TYPE_CHECKING:
    from local_assistant.config import AssistantConfig
    from local_assistant.server.endpoint import Endpoint

_SHOWN = 5


@dataclass(frozen=True)
class InstalledModel:
    """A model as ``/api/tags`` lists it.

    Attributes:
        name: as the server shows it, the tag always with it.
        size: bytes.
        details: what else the server tells (family, quantisation, …).
        remote_host: where it really runs, for a model that Ollama only passes on to.
        capabilities: what it can do, where the server lists that.
        digest: what two names of one model share.
    """

    name: str
    size: int = 0
    details: dict[str, Any] = field(default_factory=dict)
    remote_host: str = ""
    capabilities: tuple[str, ...] = ()
    digest: str = ""

    @property
    def ours(self) -> bool:
        """Whether it is one of our own names for a model, which no list shows."""
        return is_alias(self.name)


def installed(endpoint: Endpoint) -> list[InstalledModel]:
    """Return the models of a server, those under our own names among them."""
    from local_assistant.server.client import Client

    answer = Client(endpoint, timeout_s=30).get("/api/tags")
    listed = answer.get("models")
    return [_model(item) for item in listed or [] if isinstance(item, dict) and item.get("name")]


def _model(item: dict[str, Any]) -> InstalledModel:
    details = item.get("details")
    return InstalledModel(
        name=str(item["name"]),
        size=int(item.get("size") or 0),
        details=details if isinstance(details, dict) else {},
        remote_host=str(item.get("remote_host") or ""),
        capabilities=tuple(item.get("capabilities") or ()),
        digest=str(item.get("digest") or "").removeprefix("sha256:"),
    )


def key_of(name: str) -> str:
    """Return what all spellings of a model's name have in common.

    Raises:
        AssistantError: it is no model name.
    """
    from local_assistant.engine.store import names

    try:
        return names.parse(name.replace("huggingface.co/", "hf.co/")).key
    except names.InvalidName as error:
        raise AssistantError(
            f'"{name}" is not a model name.',
            "A name looks like qwen2.5-coder:1.5b or hf.co/USER/REPO:QUANT. "
            "See what is there with: jupyter assistant models",
        ) from error


def find(name: str, models: list[InstalledModel]) -> InstalledModel | None:
    """Return the model called ``name``, or None."""
    wanted = key_of(name)
    return next((model for model in models if key_of(model.name) == wanted), None)


def nearest(name: str, models: list[InstalledModel]) -> list[str]:
    """Return the names that are there, those that look like ``name`` first; none of ours."""
    names = list(dict.fromkeys(short(model.name) for model in models if not model.ours))
    close = difflib.get_close_matches(short(name), names, n=_SHOWN, cutoff=0.4)
    return [*close, *(each for each in names if each not in close)][:_SHOWN]


def short(name: str) -> str:
    """Return a name as people write it: without ``:latest``."""
    return name.removesuffix(":latest")


def store_folder(config: AssistantConfig) -> Path:
    """Return the folder of the embedded engine's models."""
    from local_assistant import paths

    named = config.engine.models_dir
    return Path(named) if named else paths.models_dir()


def in_our_store(config: AssistantConfig) -> list[InstalledModel]:
    """Return the models of the embedded engine, whether it runs or not."""
    from local_assistant.engine.store.store import Store

    stored = Store(store_folder(config)).list_models()
    return [InstalledModel(model.display, model.size, digest=model.digest) for model in stored]
