"""Which model answers, and where: settings and presets against what is installed.

Contract: :func:`choose` never answers with another model than the one that was named. Where
only a preset decides and its model is not there yet, the demo model answers in the embedded
engine, and ``notice`` says so with the one command that gets a better one. ``notice`` also
says when answers come from off this machine. Cheap at import.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from local_assistant.errors import AssistantError
from local_assistant.server.endpoint import Endpoint, NotRunning
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
    from local_assistant.server.states import ServerState

DEMO_MODEL = "assistant-demo"


class NotInstalled(AssistantError):
    """A model that was named is not there; ``model`` is its name, so that it can be got."""

    def __init__(self, message: str, fix: str | None, model: str) -> None:
        super().__init__(message, fix)
        self.model = model


@dataclass(frozen=True)
class Choice:
    """What answers for a role.

    Attributes:
        endpoint: the server.
        model: the model's name there.
        role: what for.
        notice: a sentence or two for the user, or None.
        remote_host: where it really runs, for a model that Ollama only passes on to: whoever
            asks it anything, asks somebody off this machine.
    """

    endpoint: Endpoint
    model: str
    role: Role
    notice: str | None = None
    remote_host: str = ""


class Look:
    """One look at the servers, for several roles: each server is asked once.

    Args:
        config: the configuration in force.
        start: whether to start a server where none runs.
        seen: Ollama's state, where that was looked at just now.
    """

    def __init__(
        self, config: AssistantConfig, *, start: bool = True, seen: ServerState | None = None
    ) -> None:
        self.config = config
        self.start = start
        self._seen = seen
        self._server: Endpoint | AssistantError | None = None
        self._engine: Endpoint | AssistantError | None = None
        self._models: list[InstalledModel] | None = None

    def server(self) -> Endpoint:
        """Return the server that answers, as :func:`find_server`; that none does is kept, too."""
        if self._server is None:
            try:
                self._server = find_server(self.config, start=self.start, seen=self._seen)
            except AssistantError as error:
                self._server = error
        if isinstance(self._server, AssistantError):
            raise self._server
        return self._server

    def models(self) -> list[InstalledModel]:
        """Return the models of that server."""
        if self._models is None:
            self._models = installed(self.server())
        return self._models

    def engine(self, reason: str | None = None) -> Endpoint:
        """Return the embedded engine, whichever server answers."""
        if self._engine is None:
            try:
                self._engine = engine_endpoint(self.config, start=self.start)
            except AssistantError as error:
                self._engine = error
        if isinstance(self._engine, AssistantError):
            raise self._engine
        return replace(self._engine, detail=reason) if reason else self._engine


def choose(
    role: Role,
    config: AssistantConfig,
    *,
    model: str | None = None,
    start: bool = True,
    look: Look | None = None,
) -> Choice:
    """Return the model that answers for ``role``.

    Args:
        role: what is wanted of it.
        config: the configuration in force.
        model: a model named for this one request; else the configuration decides.
        start: whether to start a server where none runs.
        look: shared by the questions for several roles at one time.

    Raises:
        NotInstalled: a model that was named is not there.
        AssistantError: no server can be used.
    """
    from local_assistant.config import is_gguf_path

    look = look or Look(config, start=start)
    wanted = config.models.for_role(role) if model is None else model
    if wanted is None:
        return _by_preset(role, look)
    if is_gguf_path(wanted):
        return _by_file(role, Path(wanted), look)
    if key_of(wanted) == key_of(DEMO_MODEL):  # no other server has it
        return Choice(look.engine(), DEMO_MODEL, role)
    choice = _by_name(role, wanted, look)
    if choice.remote_host and model is None and config.named_by_a_project(role):
        raise _sent_away(choice)
    return choice


def _sent_away(choice: Choice) -> AssistantError:
    name = short(choice.model)
    return AssistantError(
        f"The project's assistant.toml names {name}, whose answers come from "
        f"{choice.remote_host.partition('://')[2] or choice.remote_host}, not from this machine: "
        "a folder from elsewhere must not decide where your code is sent.",
        f"If you want that, choose it yourself: jupyter assistant use {name} --for {choice.role}; "
        "and take it out of the project's file.",
    )


def _by_file(role: Role, path: Path, look: Look) -> Choice:
    """The Ollama that answers, where it was given the file (`pull`, `use`); else the engine."""
    from local_assistant.server.gguf import imported, known_elsewhere, store_file

    if known_elsewhere(path):
        try:
            endpoint, models = look.server(), look.models()
        except AssistantError:
            endpoint, models = None, []
        name = imported(path, endpoint, models) if endpoint else None
        if endpoint and name:
            return _choice(endpoint, InstalledModel(name), role)
    name = store_file(path, look.config)
    return Choice(look.engine(), name, role)


def _by_name(role: Role, wanted: str, look: Look) -> Choice:
    endpoint, models = look.server(), look.models()
    there = find(wanted, models)
    if there is not None:
        return _choice(endpoint, there, role)
    ours = [] if endpoint.kind == "embedded" else in_our_store(look.config)
    stored = find(wanted, ours)
    if stored is not None:
        return Choice(look.engine(), stored.name, role)
    raise _not_installed(wanted, endpoint, [*models, *ours])


def _by_preset(role: Role, look: Look) -> Choice:
    from local_assistant.config import is_gguf_path
    from local_assistant.models.presets import DEMO_PRESET, sizing_of

    config = look.config
    if config.models.preset == DEMO_PRESET:
        return Choice(look.engine(), DEMO_MODEL, role)
    endpoint, models = look.server(), look.models()
    sizing = sizing_of(config, endpoint.kind)
    candidates = _candidates(role, config, sizing, endpoint)
    for spec in candidates:
        if is_gguf_path(spec.name):  # of a preset of the user's own
            return _by_file(role, Path(spec.name), look)
        there = find(spec.name, models)
        if there is not None:
            return _choice(endpoint, there, role)
    if sizing.preset.name == DEMO_PRESET:
        notice = (
            f"The demo model answers, because this machine's memory is small ({sizing.reason}). "
            "See what else there is with: jupyter assistant models"
        )
        return _demo(role, look, endpoint, notice)
    missing = candidates[0].name
    where = "" if endpoint.local else f" at {endpoint.url}"
    notice = (
        f"The demo model answers, because {missing} is not installed{where} yet. "
        f"Get it with: jupyter assistant pull {missing}"
    )
    return _demo(role, look, endpoint, notice)


def _candidates(
    role: Role, config: AssistantConfig, sizing: Sizing, endpoint: Endpoint
) -> list[ModelSpec]:
    """Return the models that a preset allows, the best first.

    ``auto`` also takes the model of a smaller preset that is there already. Of a server
    elsewhere the memory is not known: there it takes the best that somebody installed.
    """
    from local_assistant.models.presets import AUTO, anywhere

    if config.models.preset != AUTO:
        return [sizing.preset.models[role]]
    if endpoint.local:
        return [preset.models[role] for preset in sizing.candidates]
    return anywhere(role)


def _demo(role: Role, look: Look, endpoint: Endpoint, notice: str) -> Choice:
    if endpoint.kind != "embedded":
        try:
            endpoint = look.engine(notice)
        except NotRunning as idle:
            raise NotRunning(idle.kind, notice, idle.fix or "") from None
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
    return Choice(endpoint, model.name, role, notice, model.remote_host)


def _not_installed(wanted: str, endpoint: Endpoint, models: list[InstalledModel]) -> NotInstalled:
    names = nearest(wanted, models)
    there = f" Installed: {', '.join(names)}." if names else " No model is installed."
    where = "" if endpoint.local else f" at {endpoint.url}"
    return NotInstalled(
        f'The model "{short(wanted)}" is not installed{where}.{there}',
        f"Get it with: jupyter assistant pull {short(wanted)}, "
        "or see all with: jupyter assistant models",
        short(wanted),
    )
