"""All models there are for a user: installed ones, and those that the presets name.

Contract: :func:`catalog` never raises because no server runs; it says so in ``problem`` and
lists what lies in our own store. It starts nothing unless asked to.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from local_assistant.errors import AssistantError
from local_assistant.models.machine import Machine, read_machine
from local_assistant.models.presets import MODELS, PRESETS, ROLES, Sizing, choose_preset

if TYPE_CHECKING:
    from local_assistant.config import AssistantConfig
    from local_assistant.server import Endpoint, InstalledModel

_SPARE_BYTES = 1_500_000_000
"""Context, and the programs that run beside a model."""


@dataclass(frozen=True)
class CatalogEntry:
    """One model.

    Attributes:
        name: as people write it.
        server: ``ollama`` or ``embedded`` where it is installed, else None.
        size: bytes, of the download where it is not installed.
        roles: what it answers now.
        presets: the presets that name it.
        fits: whether this machine's memory holds it; None where that is not known.
        good_at: what it is for, in a few words; may be empty.
        licence: its licence; empty where not known.
        remote_host: where it really runs, for a model that Ollama only passes on to.
    """

    name: str
    server: str | None
    size: int
    roles: tuple[str, ...] = ()
    presets: tuple[str, ...] = ()
    fits: bool | None = None
    good_at: str = ""
    licence: str = ""
    remote_host: str = ""

    @property
    def installed(self) -> bool:
        return self.server is not None


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
    """

    entries: tuple[CatalogEntry, ...]
    sizing: Sizing
    machine: Machine
    endpoint: Endpoint | None = None
    problem: AssistantError | None = None
    answers: dict[str, str | None] = field(default_factory=dict)


def fits(size: int, machine: Machine) -> bool | None:
    """Return whether a model of ``size`` bytes runs in the memory of ``machine``."""
    if machine.memory_bytes == 0:
        return None
    return size * 1.2 + _SPARE_BYTES <= machine.memory_bytes or size < 100_000_000


def catalog(
    config: AssistantConfig, *, start: bool = False, machine: Machine | None = None
) -> Catalog:
    """Return all models.

    Args:
        config: the configuration in force.
        start: whether to start a server where none runs, to ask it.
        machine: this machine, if its size is known already.
    """
    from local_assistant.server import find_server, in_our_store, installed
    from local_assistant.server.installed import short

    machine = machine or read_machine()
    endpoint, problem = None, None
    found: dict[str, tuple[str, InstalledModel]] = {}
    try:
        endpoint = find_server(config, start=start)
        for model in installed(endpoint):
            found[short(model.name)] = (endpoint.kind, model)
    except AssistantError as error:
        problem = error
    for model in in_our_store(config):
        found.setdefault(short(model.name), ("embedded", model))
    answers = {role: _answering(role, config, start, found) for role in ROLES}
    # Of a server elsewhere the memory is not known.
    sized = machine if endpoint is None or endpoint.local else Machine(0, machine.cores)
    entries = [_entry(name, kind, model, answers, sized) for name, (kind, model) in found.items()]
    entries += [_entry(name, None, None, answers, sized) for name in MODELS if name not in found]
    sizing = choose_preset(config.models.preset, machine)
    return Catalog(tuple(entries), sizing, machine, endpoint, problem, answers)


def _answering(
    role: str, config: AssistantConfig, start: bool, found: dict[str, tuple[str, InstalledModel]]
) -> str | None:
    """Return the model that answers for ``role``; with no server, the one that would."""
    from typing import cast

    from local_assistant.config import Role
    from local_assistant.server import DEMO_MODEL, choose
    from local_assistant.server.installed import short

    named = config.models.for_role(cast(Role, role))
    try:
        return short(choose(cast(Role, role), config, start=start).model)
    except AssistantError:
        if named is not None:
            return short(named) if short(named) in found else None
        wanted = choose_preset(config.models.preset, read_machine()).preset.models[role].name
        return wanted if wanted in found else DEMO_MODEL


def _entry(
    name: str,
    kind: str | None,
    model: InstalledModel | None,
    answers: dict[str, str | None],
    machine: Machine,
) -> CatalogEntry:
    spec = MODELS.get(name)
    size = model.size if model is not None else spec.size if spec is not None else 0
    presets = [
        preset.name
        for preset in PRESETS.values()
        if name in {each.name for each in preset.models.values()}
    ]
    return CatalogEntry(
        name=name,
        server=kind,
        size=size,
        roles=tuple(role for role in ROLES if answers[role] == name),
        presets=tuple(presets),
        fits=fits(size, machine),
        good_at=spec.good_at if spec else "",
        licence=spec.licence if spec else "",
        remote_host=model.remote_host if model else "",
    )
