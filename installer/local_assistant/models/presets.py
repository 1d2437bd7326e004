"""Presets, and which one is in force: what the other parts ask.

Contract: :func:`presets_of` knows the user's own, too; :func:`sizing_of` says which one is in
force here and why, in one line. The data is ``known``'s, the arithmetic ``sizing``'s; both are
exported here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from local_assistant.models.known import (
    AUTO,
    DEMO_PRESET,
    MODELS,
    PRESETS,
    ROLES,
    ModelSpec,
    Preset,
)
from local_assistant.models.sizing import Kind, Sizing, choose_preset

if TYPE_CHECKING:
    from local_assistant.config import AssistantConfig

__all__ = [
    "AUTO",
    "DEMO_PRESET",
    "MODELS",
    "PRESETS",
    "ROLES",
    "Kind",
    "ModelSpec",
    "Preset",
    "Sizing",
    "anywhere",
    "choose_preset",
    "kind_of",
    "presets_of",
    "sizing_of",
]


def presets_of(config: AssistantConfig) -> Mapping[str, Preset]:
    """Return the presets by name: ours, the smallest first, then the user's own."""
    own = {}
    for name, said in config.presets.items():
        models = {role: _spec(getattr(said, role)) for role in ROLES}
        own[name] = Preset(name, said.summary, models, memory_gb=said.memory_gb, own=True)
    return {**PRESETS, **own} if own else PRESETS


def _spec(name: str) -> ModelSpec:
    return MODELS.get(name.removesuffix(":latest")) or ModelSpec(name)


def sizing_of(
    config: AssistantConfig, kind: Kind | None = None, *, name: str | None = None
) -> Sizing:
    """Return the preset in force on this machine.

    Args:
        config: the configuration in force.
        kind: the server that answers, where the caller knows it.
        name: another preset than the one that the configuration names.
    """
    from local_assistant.machine import read_machine

    return choose_preset(
        name or config.models.preset,
        read_machine(),
        kind=kind or kind_of(config),
        presets=presets_of(config),
        context=config.chat.context_tokens,
    )


def kind_of(config: AssistantConfig) -> Kind:
    """Return which server will answer, without asking any.

    An Ollama that is installed but does not run is started when it is needed.
    """
    from local_assistant.config import is_loopback
    from local_assistant.server.ollama import find_binary

    if config.server.kind != "auto":
        return config.server.kind
    return "ollama" if not is_loopback(config.server.url) or find_binary() else "embedded"


def anywhere(role: str) -> list[ModelSpec]:
    """Return what our presets have for a role, the best first: for a machine not known."""
    ours = [preset for preset in reversed(list(PRESETS.values())) if preset.name != DEMO_PRESET]
    variants = [*(preset.for_gpu() for preset in ours), *ours]
    return list({each.models[role].name: each.models[role] for each in variants}.values())
