"""The names that the assistant gives to models in a model server.

Contract: pure, standard library only. Three fixed names mean whatever answers for a role, so
that programs whose settings name a model (Jupyter AI's own parts) need them written only once.
A variant is a model with our settings beside its base; its name says so in its tag. Both kinds
are ours: no list, picker or suggestion shows them as models to choose.
"""

from __future__ import annotations

from local_assistant.errors import AssistantError

ALIASES = {
    "chat": "assistant-chat",
    "completion": "assistant-completion",
    "embedding": "assistant-embed",
}
"""The fixed name of each role."""

_ENDINGS = {"chat": "-assistant", "completion": "-assistant-completion"}
_TRIAL = "-new-assistant"


def is_alias(name: str) -> bool:
    """Return whether a model's name is one of ours: a fixed one, or a variant's."""
    model, _, tag = _parts(name)
    return model in ALIASES.values() or tag.endswith(tuple(_ENDINGS.values()))


def variant_name(base: str, role: str) -> str:
    """Return what the variant of ``base`` for ``role`` is called."""
    model, separator, tag = base.rpartition(":")
    if not separator or "/" in tag:
        model, tag = base, "latest"
    return f"{model}:{tag}{_ENDINGS[role]}"


def trial_name(name: str) -> str:
    """Return what a model is called while it is tried out, before it gets its own name."""
    model, separator, tag = name.rpartition(":")
    if not separator or "/" in tag:
        model, tag = name, "latest"
    return f"{model}:{tag}{_TRIAL}"


def is_trial(name: str) -> bool:
    return name.endswith(_TRIAL)


def base_of(name: str) -> str:
    """Return the model that a variant was made of; any other name as it is."""
    for ending in sorted(_ENDINGS.values(), key=len, reverse=True):
        if ":" in name and name.endswith(ending):
            return name.removesuffix(ending)
    return name


def refuse_own(name: str) -> None:
    """Raise where somebody wants to use one of our names: it would mean itself."""
    if not is_alias(name):
        return
    base = base_of(name)
    what = "the model in use" if base == name else f"its variant of {base}"
    raise AssistantError(
        f"{name.removesuffix(':latest')} is a name that the assistant itself gives to {what}.",
        "See the models with: jupyter assistant models"
        if base == name
        else f"Use the model itself: jupyter assistant use {base}",
    )


def _parts(name: str) -> tuple[str, str, str]:
    text = name.strip().lower()
    model, separator, tag = text.rpartition(":")
    if not separator or "/" in tag:
        return text, "", "latest"
    return model, separator, tag
