"""Deleting a model, with all that the assistant has made of it.

Contract: our own names for a model go before it does, so that a Ctrl-C in between leaves a
model without them (they are set again) and never names that keep its gigabytes on the disk.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from local_assistant.errors import AssistantError

if TYPE_CHECKING:
    from local_assistant.config import AssistantConfig
    from local_assistant.server import Choice


@dataclass(frozen=True)
class Removed:
    """A model that was deleted.

    Attributes:
        model: its name.
        kind: whose server had it.
        server: that server's address.
        named_for: the roles for which assistant.toml names it.
        instead: for other roles that it answered: what answers now.
    """

    model: str
    kind: str
    server: str
    named_for: tuple[str, ...]
    instead: Mapping[str, str]

    def sentences(self) -> list[str]:
        """Return what a person should know of it."""
        named = [
            f"It was your {role} model. Choose another: jupyter assistant use MODEL --for {role}"
            for role in self.named_for
        ]
        return named + [
            f"It answered for {role}; now {model} does." for role, model in self.instead.items()
        ]


def remove(name: str) -> Removed:
    """Delete a model from the server that has it.

    Raises:
        AssistantError: it is not there, or cannot be deleted.
    """
    from local_assistant.config import load_config
    from local_assistant.models import aliases, made
    from local_assistant.models.answering import answers, held
    from local_assistant.models.memory import unload_one
    from local_assistant.server import NotInstalled
    from local_assistant.server.installed import short
    from local_assistant.server.own_names import refuse_own

    config = load_config().config
    try:
        choice = held(name, config)
    except NotInstalled:
        left = _remove_rest(name, config)
        if left is None:
            raise
        return left
    _refuse_demo(choice)
    if short(choice.model) in made.read().on(made.server_key(choice.endpoint, config)):
        refuse_own(choice.model)
    before = answers(config)
    if choice.endpoint.local:
        unload_one(choice.endpoint, choice.model, [])
    aliases.release(choice.endpoint, choice.model, config)
    _delete(choice)
    after = answers(config)
    aliases.follow(after)
    here = (choice.endpoint.url, choice.model)
    answered = [
        role for role, was in before.choices.items() if (was.endpoint.url, was.model) == here
    ]
    named = tuple(role for role in answered if _means(role, config))
    instead: dict[str, str] = {
        role: short(after.choices[role].model)
        for role in answered
        if role not in named and role in after.choices
    }
    return Removed(short(choice.model), choice.endpoint.kind, choice.endpoint.url, named, instead)


def _remove_rest(name: str, config: AssistantConfig) -> Removed | None:
    """Delete what is left of a model of the engine that is in no list, not being whole.

    Returns None where there is nothing of that name.
    """
    from typing import get_args

    from local_assistant.config import Role, is_gguf_path
    from local_assistant.models import aliases
    from local_assistant.models.answering import answers
    from local_assistant.server import Choice
    from local_assistant.server.choice import Look
    from local_assistant.server.installed import key_of, short
    from local_assistant.server.own_names import is_alias

    if is_alias(name) or not _leaves_a_manifest(name, config):
        return None
    endpoint = Look(config).engine()
    _delete(Choice(endpoint, name, "chat"))
    aliases.follow(answers(config))
    roles = {role: getattr(config.models, role) for role in get_args(Role)}
    named = tuple(
        role
        for role, model in roles.items()
        if model and not is_gguf_path(model) and key_of(model) == key_of(name)
    )
    return Removed(short(name), endpoint.kind, endpoint.url, named, {})


def _leaves_a_manifest(name: str, config: AssistantConfig) -> bool:
    from local_assistant.engine.store import names
    from local_assistant.engine.store.store import Store
    from local_assistant.server.installed import store_folder

    try:
        wanted = names.parse(name.strip())
    except names.InvalidName:
        return False
    return Store(store_folder(config), others=()).manifest(wanted) is not None


def _means(role: str, config: AssistantConfig) -> bool:
    """Return whether a line of ``[models]`` names the model of a role."""
    return getattr(config.models, role) is not None


def _refuse_demo(choice: Choice) -> None:
    from local_assistant.server import DEMO_MODEL
    from local_assistant.server.installed import key_of

    if key_of(choice.model) == key_of(DEMO_MODEL) and choice.endpoint.kind == "embedded":
        raise AssistantError(
            f"{DEMO_MODEL} comes with the package and cannot be deleted alone.",
            "Stop using it with: jupyter assistant use MODEL",
        )


def _delete(choice: Choice) -> None:
    from local_assistant.server import Client

    Client(choice.endpoint).request("DELETE", "/api/delete", {"model": choice.model})
