"""The three fixed model names by which Jupyter AI's own parts ask for what answers here.

Contract: :func:`ensure` lets each name mean, on the server that answers the chat, the model
that answers for its role; it does nothing where that is so, never pulls, and never touches a
name that we did not make. Of a role whose model is on another server, completion gets the
chat's model instead, and the embedding name is taken away: vectors of another model would be
wrong without anybody seeing it. :func:`problems` says both.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from local_assistant.errors import AssistantError
from local_assistant.models import made
from local_assistant.models.answering import Answers, answers, models_at, stock_server
from local_assistant.models.made import Entry, Made
from local_assistant.models.modelfiles import variants
from local_assistant.models.unmaking import left, remove
from local_assistant.server.installed import find, installed, key_of, short
from local_assistant.server.own_names import ALIASES, base_of, is_alias, is_trial, variant_name

if TYPE_CHECKING:
    from local_assistant.config import AssistantConfig, Role
    from local_assistant.server import Choice, Endpoint, InstalledModel

__all__ = ["ALIASES", "ensure", "is_alias", "left", "problems", "remove"]

_SET = "jupyter assistant install"


def ensure(config: AssistantConfig, *, start: bool = False) -> tuple[str, ...]:
    """Let the fixed names mean what answers; return those that were changed.

    Args:
        config: the configuration in force.
        start: whether to start a server where none runs.

    Raises:
        AssistantError: no server answers, or it refuses.
    """
    return point(answers(config, start=start))


def point(found: Answers) -> tuple[str, ...]:
    """As :func:`ensure`, where it is known already what answers."""
    stock_server(found)  # fails before anything is locked
    with made.changing() as record:
        # Of a role without an answer (its model is named and missing) the name stays as it is.
        names = _Names(found, record)
        changed = [ALIASES[role] for role in found.choices if names.point(role)]
        names.prune()
    return tuple(changed)


def follow(found: Answers) -> None:
    """As :func:`point`, where a failure is not what was asked about."""
    with contextlib.suppress(AssistantError):  # the doctor says it; JupyterLab sets them anew
        point(found)


def release(endpoint: Endpoint, model: str, config: AssistantConfig) -> None:
    """Delete our names for a model, which is about to go: they would keep its files.

    Raises:
        AssistantError: the server refuses, or has gone.
    """
    from local_assistant.server import Client

    client, server = Client(endpoint), made.server_key(endpoint, config)
    listed = installed(endpoint)
    with made.changing() as record:
        own = [
            each
            for each in listed
            if (entry := record.on(server).get(short(each.name))) is not None and entry.means(each)
        ]
        same = {each.digest for each in listed if key_of(base_of(each.name)) == key_of(model)}
        for each in own:
            if each.digest in same:
                client.request("DELETE", "/api/delete", {"model": each.name})
                record.forget(server, short(each.name))


class _Names:
    """Our names on one server."""

    def __init__(self, found: Answers, record: Made) -> None:
        from local_assistant.server import Client

        self.found = found
        self.config = found.look.config
        self.endpoint = stock_server(found)
        self.record = record
        self.server = made.server_key(self.endpoint, self.config)
        self.models = models_at(self.endpoint, found)
        self.client = Client(self.endpoint)
        self._used: set[str] = set()

    def point(self, role: Role) -> bool:
        """Let the name of ``role`` mean what it should; return whether that was a change."""
        name = ALIASES[role]
        there = self.find(name)
        if there is not None and not self.ours(there):
            return False
        source = self.source(role)
        source = self.variant(role, source) if source is not None else None
        if source is None:
            return there is not None and self.delete(name)
        if there is not None and there.digest == source.digest:
            return False
        before = [there.digest] if there is not None else []
        self.record.note(self.server, name, Entry([*before, source.digest]))
        self.client.post("/api/copy", {"source": source.name, "destination": name})
        self.record.note(self.server, name, Entry([source.digest]))
        return True

    def source(self, role: Role) -> InstalledModel | None:
        """Return the model that the name of ``role`` should mean here."""
        choices = self.found.choices
        # The engine also has what lies in an Ollama's store on this machine.
        model = self.find(choices[role].model)
        if model is None and role == "completion" and "chat" in choices:
            model = self.find(choices["chat"].model)
            if model is not None and model.remote_host:
                return None  # named for the chat alone: what is typed stays on this machine
        return model

    def variant(self, role: Role, base: InstalledModel) -> InstalledModel:
        """Return our variant of ``base``, made anew if need be; ``base`` where there is none."""
        known = self.known(role, base)
        if known is not None:
            return known
        return self._made(role, base, variant_name(short(base.name), role)) or base

    def known(self, role: Role, base: InstalledModel) -> InstalledModel | None:
        """Return what the name of ``role`` should mean; None where that is still to be made."""
        if role not in variants.ROLES:
            return self._shared(role, base)
        if base.remote_host:
            return base
        name = variant_name(short(base.name), role)
        there, entry = self.find(name), self.record.on(self.server).get(name)
        if there is not None and not self.ours(there):
            return base
        self._used.add(name)
        inputs = variants.inputs(role, base.name, base.digest, self.config)
        if entry is None or entry.inputs != inputs or not entry.done:
            return None
        return there if entry.digests else base

    def _shared(self, role: Role, base: InstalledModel) -> InstalledModel:
        """Return the chat's variant where that is of the same base: one process serves both.

        By itself the base would be loaded again, for its own context, each time.
        """
        chat = self.found.choices.get("chat")
        if not self.config.chat.context_tokens or chat is None or base.name != chat.model:
            return base
        return self.known("chat", base) or base

    def _made(self, role: Role, base: InstalledModel, name: str) -> InstalledModel | None:
        inputs = variants.inputs(role, base.name, base.digest, self.config)
        shown = self.client.post("/api/show", {"model": base.name})
        body = variants.request(role, base.name, shown, self.config)
        if body is None:
            if self.find(name) is not None:
                self.delete(name)
            self.record.note(self.server, name, Entry(inputs=inputs, done=True))
            return None
        self.record.note(self.server, name, Entry(inputs=inputs))
        self.client.post("/api/create", {"model": name, **body, "stream": False})
        self.models = installed(self.endpoint)
        new = self.find(name)
        if new is not None:
            self.record.note(self.server, name, Entry([new.digest], inputs, done=True))
        return new

    def find(self, name: str) -> InstalledModel | None:
        return find(name, self.models)

    def ours(self, model: InstalledModel) -> bool:
        """Return whether we made a name of ours that is there."""
        entry = self.record.on(self.server).get(short(model.name))
        return entry is not None and entry.means(model)

    def delete(self, name: str) -> bool:
        self.client.request("DELETE", "/api/delete", {"model": name})
        self.record.forget(self.server, name)
        return True

    def problems(self, role: Role) -> list[AssistantError]:
        """Return what is wrong with the name of ``role``."""
        name, choice = ALIASES[role], self.found.choices[role]
        where = made.server_name(self.server)
        source, there = self.source(role), self.find(name)
        target = self.known(role, source) if source is not None else None
        if is_alias(choice.model):
            return [
                AssistantError(
                    f"The {role} model is {short(choice.model)}, a name of the assistant's own.",
                    f"Name the model itself: jupyter assistant use MODEL --for {role}",
                )
            ]
        if there is not None and not self.ours(there):
            if target is not None and there.digest == target.digest:
                return []
            return [
                AssistantError(
                    f"{where} has a model {name} that the assistant did not make, so it is left "
                    "alone; Jupyter AI's own parts get it.",
                    _rename(name, self.endpoint),
                )
            ]
        if source is None or key_of(source.name) != key_of(choice.model):
            return [self._elsewhere(role, choice, source)]
        if there is None or target is None or there.digest != target.digest:
            what = "is missing" if there is None else "is not up to date"
            return [
                AssistantError(
                    f"{name} {what} in {where}; it should mean {short(choice.model)}.",
                    f"Set it with: {_SET}",
                )
            ]
        return []

    def _elsewhere(
        self, role: Role, choice: Choice, source: InstalledModel | None
    ) -> AssistantError:
        stands_in = f"get {short(source.name)} for {role}" if source else f"have no {role} model"
        where = made.server_name(self.server)
        get = (choice.notice or "").partition("Get it with: ")[2]
        return AssistantError(
            f"{short(choice.model)}, the {role} model, is not in {where}, which answers the chat: "
            f"there Jupyter AI's own parts {stands_in}.",
            f"Get one for there with: {get}"
            if get
            else f"Use one server for both: jupyter assistant use MODEL --for {role}",
        )

    def prune(self) -> None:
        """Delete the variants of ours that nothing uses any more."""
        for name in list(self.record.on(self.server)):
            if name in ALIASES.values() or name in self._used or is_trial(name):
                continue
            there = self.find(name)
            if there is None:
                self.record.forget(self.server, name)
            elif self.ours(there):
                self.delete(name)


def problems(config: AssistantConfig, found: Answers | None = None) -> list[AssistantError]:
    """Return why a fixed name does not mean what answers; starts and changes nothing.

    Args:
        config: the configuration in force.
        found: what answers, where that was found out just now and nothing was changed since.
    """
    found = found or answers(config)
    try:
        names = _Names(found, made.read())
    except AssistantError:
        return []  # no server answers: that is what is said, elsewhere
    return [problem for role in found.choices for problem in names.problems(role)]


def _rename(name: str, endpoint: Endpoint) -> str:
    """Return how to take one of the fixed names from a model of the user's own."""
    if endpoint.kind == "ollama":
        return (
            f"Give it another name there (ollama cp {name} NAME, ollama rm {name}), "
            f"then run: {_SET}"
        )
    return f"Delete it with: jupyter assistant rm {name}, then run: {_SET}"
