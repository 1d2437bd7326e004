"""Which model answers, and where: settings and presets against what is installed.

Contract: :func:`choose` never answers with another model than the one that was named. Where
only a preset decides and its model is not there yet, the demo model answers in the embedded
engine, and ``notice`` says so with the one command that gets a better one. ``notice`` also
says when answers come from off this machine. Cheap at import.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from local_assistant.errors import AssistantError
from local_assistant.server.endpoint import Endpoint
from local_assistant.server.installed import (
    InstalledModel,
    find,
    in_our_store,
    installed,
    key_of,
    nearest,
    short,
)
from local_assistant.server.resolve import engine_endpoint, find_server

if TYPE_CHECKING:
    from local_assistant.config import AssistantConfig, Role
    from local_assistant.models.presets import ModelSpec, Sizing

DEMO_MODEL = "assistant-demo"


@dataclass(frozen=True)
class Choice:
    """What answers for a role.

    Attributes:
        endpoint: the server.
        model: the model's name there.
        role: what for.
        notice: a sentence or two for the user, or None.
    """

    endpoint: Endpoint
    model: str
    role: Role
    notice: str | None = None


def choose(
    role: Role, config: AssistantConfig, *, model: str | None = None, start: bool = True
) -> Choice:
    """Return the model that answers for ``role``.

    Args:
        role: what is wanted of it.
        config: the configuration in force.
        model: a model named for this one request; else the configuration decides.
        start: whether to start a server where none runs.

    Raises:
        AssistantError: no server can be used, or a model that was named is not there.
    """
    from local_assistant.config import is_gguf_path

    wanted = model or config.models.for_role(role)
    if wanted is None:
        return _by_preset(role, config, start)
    if is_gguf_path(wanted):
        from local_assistant.server.gguf import store_file

        name = store_file(Path(wanted), config)
        return Choice(engine_endpoint(config, start=start), name, role)
    if key_of(wanted) == key_of(DEMO_MODEL):  # no other server has it
        return Choice(engine_endpoint(config, start=start), DEMO_MODEL, role)
    return _by_name(role, wanted, config, start)


def _by_name(role: Role, wanted: str, config: AssistantConfig, start: bool) -> Choice:
    endpoint = find_server(config, start=start)
    models = installed(endpoint)
    there = find(wanted, models)
    if there is not None:
        return _choice(endpoint, there, role)
    ours = [] if endpoint.kind == "embedded" else in_our_store(config)
    stored = find(wanted, ours)
    if stored is not None:
        return Choice(engine_endpoint(config, start=start), stored.name, role)
    raise _not_installed(wanted, endpoint, [*models, *ours])


def _by_preset(role: Role, config: AssistantConfig, start: bool) -> Choice:
    from local_assistant.models.machine import read_machine
    from local_assistant.models.presets import DEMO_PRESET, choose_preset

    sizing = choose_preset(config.models.preset, read_machine())
    if config.models.preset == DEMO_PRESET:
        return Choice(engine_endpoint(config, start=start), DEMO_MODEL, role)
    endpoint = find_server(config, start=start)
    models = installed(endpoint)
    candidates = _candidates(role, config, sizing, endpoint)
    for spec in candidates:
        there = find(spec.name, models)
        if there is not None:
            return _choice(endpoint, there, role)
    if sizing.preset.name == DEMO_PRESET:
        notice = (
            f"The demo model answers, because this machine's memory is small ({sizing.reason}). "
            "See what else there is with: jupyter assistant models"
        )
        return _demo(role, config, start, endpoint, notice)
    missing = candidates[0].name
    where = "" if endpoint.local else f" at {endpoint.url}"
    notice = (
        f"The demo model answers, because {missing} is not installed{where} yet. "
        f"Get it with: jupyter assistant pull {missing}"
    )
    return _demo(role, config, start, endpoint, notice)


def _candidates(
    role: Role, config: AssistantConfig, sizing: Sizing, endpoint: Endpoint
) -> list[ModelSpec]:
    """Return the models that a preset allows, the best first.

    ``auto`` also takes the model of a smaller preset that is there already. Of a server
    elsewhere the memory is not known: there it takes the best that somebody installed.
    """
    from local_assistant.models.presets import AUTO, PRESETS, with_smaller

    if config.models.preset != AUTO:
        return [sizing.preset.models[role]]
    if endpoint.local:
        return [preset.models[role] for preset in with_smaller(sizing.preset)]
    return [preset.models[role] for preset in with_smaller(PRESETS["large"])]


def _demo(
    role: Role, config: AssistantConfig, start: bool, endpoint: Endpoint, notice: str
) -> Choice:
    if endpoint.kind != "embedded":
        try:
            endpoint = engine_endpoint(config, start=start, reason=notice)
        except AssistantError as error:
            # What would have helped is the model, not the demo: say that first.
            reason, _, command = notice.partition("because ")[2].partition(". ")
            raise AssistantError(
                f"No model can answer: {reason}, and not even the demo model: {error.message}",
                command or error.fix,
            ) from error
    return Choice(endpoint, DEMO_MODEL, role, notice)


def _choice(endpoint: Endpoint, model: InstalledModel, role: Role) -> Choice:
    notice = None
    if model.remote_host:
        host = model.remote_host.partition("://")[2] or model.remote_host
        notice = f"The answers of {short(model.name)} come from {host}, not from this machine."
    elif not endpoint.local:
        notice = f"The answers come from {endpoint.url}, not from this machine."
    return Choice(endpoint, model.name, role, notice)


def _not_installed(wanted: str, endpoint: Endpoint, models: list[InstalledModel]) -> AssistantError:
    names = nearest(wanted, models)
    there = f" Installed: {', '.join(names)}." if names else " No model is installed."
    where = "" if endpoint.local else f" at {endpoint.url}"
    return AssistantError(
        f'The model "{short(wanted)}" is not installed{where}.{there}',
        f"Get it with: jupyter assistant pull {short(wanted)}, "
        "or see all with: jupyter assistant models",
    )
