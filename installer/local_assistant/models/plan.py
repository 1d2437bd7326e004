"""What a name means, found out before anything is fetched.

Contract: :func:`make` changes nothing; it says where a model comes from, how large it is and
whether the server's memory holds it, as far as that can be told.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from local_assistant.config import AssistantConfig
    from local_assistant.models.hub import Repository
    from local_assistant.models.known import ModelSpec
    from local_assistant.models.progress import Progress
    from local_assistant.models.sizing import Rating
    from local_assistant.server import Endpoint
    from local_assistant.server.gguf_look import LocalModel

Way = Literal["demo", "file", "registry", "hub", "import"]
"""``hub``: the server gets it from Hugging Face; ``import``: we do, and give it to the server."""


@dataclass(frozen=True)
class Plan:
    """How one model is had.

    Attributes:
        name: as it was asked for.
        model: what the server will call it.
        way: where it comes from.
        source: what to ask for there.
        size: bytes of the model, where they are known.
        fit: how well the memory of its server holds it.
        about: what it is, in a line; may be empty.
        repository: what Hugging Face offers, where it comes from there.
        local: the files, where it comes from this machine.
    """

    name: str
    model: str
    way: Way
    source: str
    size: int | None = None
    fit: Rating = "unknown"
    about: str = ""
    repository: Repository | None = None
    local: LocalModel | None = None


def make(name: str, endpoint: Endpoint, progress: Progress, *, insecure: bool = False) -> Plan:
    """Find out how a model is had.

    Args:
        insecure: whether a registry may be asked without encryption.

    Raises:
        PullCancelled: nobody wants it any more.
        AssistantError: it cannot be had, and why.
    """
    from local_assistant.config import is_gguf_path
    from local_assistant.models import hub
    from local_assistant.server.choice import DEMO_MODEL
    from local_assistant.server.installed import key_of
    from local_assistant.server.own_names import refuse_own

    if is_gguf_path(name):
        return _file(name, endpoint, progress)
    refuse_own(name)
    if key_of(name) == key_of(DEMO_MODEL):
        return Plan(name, DEMO_MODEL, "demo", name)
    if hub.is_hub(name):
        return _repository(name, endpoint, progress)
    known = _known(name)
    size = _size(name, endpoint, progress, insecure=insecure) or (known.size if known else None)
    fit: Rating = "unknown" if size is None else hub.fit(size, endpoint, known)
    return Plan(name, name, "registry", name, size, fit)


def _file(name: str, endpoint: Endpoint, progress: Progress) -> Plan:
    from local_assistant.models import hub
    from local_assistant.server.gguf import absolute, name_for
    from local_assistant.server.gguf_look import look

    progress.say("reading the file's header")
    path = absolute(Path(name))
    local = look(path, engine=endpoint.kind == "embedded")
    fit = hub.fit(local.size, endpoint)
    return Plan(name, name_for(path), "file", str(path), local.size, fit, local.about, local=local)


def _repository(name: str, endpoint: Endpoint, progress: Progress) -> Plan:
    from local_assistant.models import hub

    try:
        found = hub.look(name, endpoint, progress)
    except hub.Unreachable:
        if endpoint.kind == "embedded":
            raise
        return Plan(name, name, "hub", name)  # Ollama may be on another network
    chosen = found.chosen
    source = f"hf.co/{found.name}:{chosen.quant.tag}"
    ours = endpoint.kind == "ollama" and (
        found.closed or chosen.quant.parts > 1 or bool(os.environ.get("HF_ENDPOINT"))
    )
    way: Way = "import" if ours else "hub"
    about = f"{chosen.quant.tag} of {found.name}"
    return Plan(name, name, way, source, chosen.quant.size, chosen.fit, about, found)


def _size(name: str, endpoint: Endpoint, progress: Progress, *, insecure: bool) -> int | None:
    """Return how large a model of a registry is; None where that cannot be found out quickly.

    The server asks the registry, too: who cannot reach it is told so there, in its words.
    """
    from local_assistant.models import room

    blobs = room.blobs_of(name, progress, insecure=insecure) if endpoint.local else None
    if blobs is None:
        return None
    room.require(name, blobs, endpoint)
    return sum(blob.size for blob in blobs)


def _known(name: str) -> ModelSpec | None:
    """Return what our table says about a preset's model."""
    from local_assistant.models.presets import MODELS
    from local_assistant.server.installed import key_of

    return next((spec for spec in MODELS.values() if key_of(spec.name) == key_of(name)), None)


def expand(names: Iterable[str], config: AssistantConfig, endpoint: Endpoint) -> list[str]:
    """Return ``names`` with presets replaced by their models for that server, each once."""
    from local_assistant.models.presets import AUTO, presets_of, sizing_of

    found: list[str] = []
    for name in names:
        if name == AUTO or name in presets_of(config):
            preset = sizing_of(config, endpoint.kind, name=name).preset
            found += [spec.name for spec in preset.models.values()]
        else:
            found.append(name.strip())
    return list(dict.fromkeys(found))


def other_source(name: str) -> str | None:
    """Return where a preset's model is on Hugging Face."""
    known = _known(name)
    return known.source or None if known else None
