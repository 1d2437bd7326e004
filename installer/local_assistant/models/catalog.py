"""All models there are for a user: installed ones, and those that the presets name.

Contract: :func:`catalog` never raises because no server runs; it says so in ``problem`` and
lists what lies in our own store. It starts nothing unless asked to.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from local_assistant.errors import AssistantError
from local_assistant.machine import Machine, read_machine
from local_assistant.models import sizing
from local_assistant.models.displacing import Running, displaced, running
from local_assistant.models.presets import (
    DEMO_PRESET,
    MODELS,
    ROLES,
    Kind,
    ModelSpec,
    Preset,
    Sizing,
    choose_preset,
    kind_of,
    presets_of,
)
from local_assistant.models.sizing import Rating, Room

if TYPE_CHECKING:
    from local_assistant.config import AssistantConfig
    from local_assistant.server import Endpoint, InstalledModel

_ACTIVE = re.compile(r"-a(\d+(?:\.\d+)?)b", re.IGNORECASE)
_COUNT = re.compile(r"(\d+(?:\.\d+)?)([KMB])")
_UNITS = {"K": 1e3, "M": 1e6, "B": 1e9}


@dataclass(frozen=True)
class CatalogEntry:
    """One model.

    Attributes:
        name: as people write it.
        server: ``ollama`` or ``embedded`` where it is installed, else None.
        size: bytes on disk; of the download where it is not installed.
        roles: what it answers now.
        presets: the presets that name it.
        fit: how well it runs with the server that has it, or would get it.
        need: about how many bytes of memory it takes.
        speed: about how many tokens a second it writes on the processor; 0: not known.
        loaded: whether it is in memory now.
        displaces: the loaded models that would leave the memory for it, in that order.
        good_at: what it is for, in a few words; may be empty.
        licence: its licence; empty where not known.
        remote_host: where it really runs, for a model that Ollama only passes on to.
        abilities: what it can do (``completion``, ``insert``, ``embedding``, …), where the
            server tells that.
    """

    name: str
    server: str | None
    size: int
    roles: tuple[str, ...] = ()
    presets: tuple[str, ...] = ()
    fit: Rating = "unknown"
    need: int = 0
    speed: float = 0.0
    loaded: bool = False
    displaces: tuple[str, ...] = ()
    good_at: str = ""
    licence: str = ""
    remote_host: str = ""
    abilities: tuple[str, ...] = ()

    @property
    def installed(self) -> bool:
        return self.server is not None

    @property
    def fits(self) -> bool | None:
        """Whether memory holds it at all; None where that is not known."""
        return None if self.fit == "unknown" else self.fit != "no"


@dataclass(frozen=True)
class Catalog:
    """The list, and what it was made for.

    Attributes:
        entries: installed models first.
        sizing: the preset in force and why.
        machine: this machine.
        endpoint: the server that answers, or None.
        problem: why none does.
        answers: for each role the model that answers, or None.
        own_names: the names of ours that are installed; they are other models by another name.
        folder: where models come to lie; None on a server elsewhere.
        disk_used: bytes of the installed models.
        disk_free: bytes that are free there; None where that is not known.
    """

    entries: tuple[CatalogEntry, ...]
    sizing: Sizing
    machine: Machine
    endpoint: Endpoint | None = None
    problem: AssistantError | None = None
    answers: Mapping[str, str | None] = field(default_factory=dict)
    own_names: tuple[str, ...] = ()
    folder: Path | None = None
    disk_used: int = 0
    disk_free: int | None = None


@dataclass(frozen=True)
class _Found:
    """What is installed, and what runs.

    Attributes:
        models: by the name that people write: whose it is, and the model.
        own_names: ours.
        used: bytes on disk; what several names share counts once.
        loaded: what each server holds in memory.
    """

    models: dict[str, tuple[Kind, InstalledModel]]
    own_names: tuple[str, ...]
    used: int
    loaded: Mapping[Kind, list[Running]]


def catalog(
    config: AssistantConfig, *, start: bool = False, machine: Machine | None = None
) -> Catalog:
    """Return all models.

    Args:
        config: the configuration in force.
        start: whether to start a server where none runs, to ask it.
        machine: this machine, if its size is known already.
    """
    from local_assistant.models.answering import answers

    machine = machine or read_machine()
    look = answers(config, start=start)
    endpoint, problem = None, None
    try:
        endpoint = look.look.server()
    except AssistantError as error:
        problem = error
    found = _found(config, endpoint, look.look.models() if endpoint else [])
    kind = endpoint.kind if endpoint else _would_answer(problem) or kind_of(config)
    presets, context = presets_of(config), config.chat.context_tokens
    preset = choose_preset(
        config.models.preset, machine, kind=kind, presets=presets, context=context
    )
    chosen = {str(role): choice.model for role, choice in look.choices.items()}
    answered = {role: _answering(role, config, chosen, found, preset) for role in ROLES}
    local = endpoint is None or endpoint.local
    make = _Entries(config, found, answered, presets, machine, kind, local)
    folder = _folder(config, endpoint)
    return Catalog(
        make.all(),
        preset,
        machine,
        endpoint,
        problem,
        answered,
        found.own_names,
        folder,
        found.used,
        _free(folder),
    )


def _would_answer(problem: AssistantError | None) -> Kind | None:
    """Return the server that the next question would start."""
    from local_assistant.server.endpoint import NotRunning

    return problem.kind if isinstance(problem, NotRunning) else None


def _found(
    config: AssistantConfig, endpoint: Endpoint | None, listed: list[InstalledModel]
) -> _Found:
    from local_assistant.server import in_our_store
    from local_assistant.server.installed import short

    models: dict[str, tuple[Kind, InstalledModel]] = {}
    everything: list[tuple[Kind, InstalledModel]] = []
    if endpoint is not None:
        everything += [(endpoint.kind, model) for model in listed]
    if endpoint is None or endpoint.kind != "embedded":
        everything += [("embedded", model) for model in in_our_store(config)]
    for kind, model in everything:
        if not model.ours:
            models.setdefault(short(model.name), (kind, model))
    own = tuple(dict.fromkeys(short(model.name) for _, model in everything if model.ours))
    sizes = {model.digest or model.name: model.size for _, model in everything}
    return _Found(models, own, sum(sizes.values()), _loaded(endpoint))


def _loaded(endpoint: Endpoint | None) -> dict[Kind, list[Running]]:
    """Return what the servers hold in memory: the one that answers, and our engine beside it."""
    from local_assistant.engine.launch import running_engine
    from local_assistant.server import Endpoint

    servers = [endpoint] if endpoint else []
    info = running_engine() if endpoint is None or endpoint.kind != "embedded" else None
    if info is not None:
        servers.append(Endpoint("embedded", info.url, info.token, info.version, True, ""))
    loaded: dict[Kind, list[Running]] = {}
    for server in servers:
        try:
            loaded[server.kind] = running(server)
        except AssistantError:
            loaded[server.kind] = []  # it ended just now
    return loaded


def _answering(
    role: str,
    config: AssistantConfig,
    chosen: Mapping[str, str],
    found: _Found,
    preset: Sizing,
) -> str | None:
    """Return the model that answers for ``role``; with no server, the one that would."""
    from local_assistant.server import DEMO_MODEL
    from local_assistant.server.installed import short

    if role in chosen:
        return short(chosen[role])
    named = getattr(config.models, role)
    if named is not None:
        return short(named) if short(named) in found.models else None
    wanted = preset.preset.models[role].name
    return wanted if wanted in found.models else DEMO_MODEL


@dataclass(frozen=True)
class _Entries:
    """Makes the entries of one catalogue."""

    config: AssistantConfig
    found: _Found
    answers: Mapping[str, str | None]
    presets: Mapping[str, Preset]
    machine: Machine
    kind: Kind
    local: bool

    def all(self) -> tuple[CatalogEntry, ...]:
        """Return the installed models, then those that presets name."""
        from local_assistant.config import is_gguf_path

        named = {name: spec for each in self._variants() for name, spec in each.distinct.items()}
        installed = [
            self._entry(name, named.get(name) or MODELS.get(name), kind, model)
            for name, (kind, model) in self.found.models.items()
        ]
        missing = [
            spec
            for name, spec in named.items()
            if name not in self.found.models and not is_gguf_path(name)  # a file is here already
        ]
        return (*installed, *(self._entry(spec.name, spec, self.kind, None) for spec in missing))

    def _variants(self) -> list[Preset]:
        """Return each preset, and what it is where all of it fits a card."""
        return [each for preset in self.presets.values() for each in (preset, preset.for_gpu())]

    def _entry(
        self, name: str, spec: ModelSpec | None, kind: Kind, model: InstalledModel | None
    ) -> CatalogEntry:
        known = _described(name, spec, model)
        embeds = self._embeds(name, model)
        need = sizing.model_bytes(known, self.config.chat.context_tokens, embeds=embeds)
        there = sizing.room(self.machine, kind)
        # Of a server elsewhere the memory is not known; a model elsewhere takes none here.
        here = (self.local or kind == "embedded") and need > 0 and not (model and model.remote_host)
        presets = [each.name for each in self._variants() if name in each.distinct]
        loaded = self._loaded(name, kind, model)
        fit = sizing.rate(need, self.machine, kind, known.active) if here else "unknown"
        return CatalogEntry(
            name=name,
            server=kind if model is not None else None,
            size=known.size,
            roles=tuple(role for role in ROLES if self.answers[role] == name),
            presets=tuple(dict.fromkeys(presets)),
            fit=fit,
            need=need,
            speed=round(sizing.speed(known, self.machine.cores), 1) if here else 0.0,
            loaded=loaded,
            displaces=self._displaces(need, there, kind) if here and not loaded else (),
            good_at=known.good_at,
            licence=known.licence,
            remote_host=model.remote_host if model else "",
            abilities=model.capabilities if model else (),
        )

    def _embeds(self, name: str, model: InstalledModel | None) -> bool:
        """Return whether a model only makes vectors."""
        if model is not None and model.capabilities:
            return "completion" not in model.capabilities
        ours = [preset for preset in self.presets.values() if preset.name != DEMO_PRESET]
        roles = {role for each in ours for role, spec in each.models.items() if spec.name == name}
        return roles == {"embedding"}

    def _loaded(self, name: str, kind: Kind, model: InstalledModel | None) -> bool:
        if model is None:
            return False
        return any(name in self._names(each) for each in self.found.loaded.get(kind, ()))

    def _names(self, process: Running) -> list[str]:
        """Return the models that a process answers for, by the names that people know."""
        from local_assistant.server.installed import short
        from local_assistant.server.own_names import base_of

        name = short(base_of(process.name))
        if name in self.found.models:
            return [name]
        same = self.found.models.items()
        return [each for each, (_, model) in same if model.digest == process.digest] or [name]

    def _displaces(self, need: int, there: Room, kind: Kind) -> tuple[str, ...]:
        if need > there.hard + there.graphics:
            return ()  # it fits in no case
        gone = displaced(need, self.found.loaded.get(kind, ()), there, kind)
        return tuple(dict.fromkeys(self._names(each)[0] for each in gone))


def _described(name: str, spec: ModelSpec | None, model: InstalledModel | None) -> ModelSpec:
    """Return what is known of a model, its size on disk as the server tells it."""
    known = spec or ModelSpec(name)
    if model is None:
        return known
    active = known.active or _active(name, str(model.details.get("parameter_size") or ""))
    return replace(known, size=model.size or known.size, active=active)


def _active(name: str, told: str) -> int:
    """Return how many parameters work on each token, by a model's name and what it tells."""
    mixture = _ACTIVE.search(name)
    if mixture:
        return int(float(mixture[1]) * 1e9)
    count = _COUNT.fullmatch(told)
    return int(float(count[1]) * _UNITS[count[2]]) if count else 0


def _folder(config: AssistantConfig, endpoint: Endpoint | None) -> Path | None:
    """Return where models come to lie."""
    from local_assistant import paths
    from local_assistant.server.installed import store_folder

    if endpoint is None or endpoint.kind == "embedded":
        return store_folder(config)
    stores = paths.ollama_stores() if endpoint.local else []
    return stores[0] if stores else None


def _free(folder: Path | None) -> int | None:
    """Return the free space of the disk on which ``folder`` lies, or will lie."""
    if folder is None:
        return None
    try:
        there = next(each for each in (folder, *folder.parents) if each.exists())
        return shutil.disk_usage(there).free
    except (OSError, StopIteration):
        return None
