"""What answers for each role, all roles at once, and which server stock programs ask.

Contract: a role whose model is missing costs only that role. Cheap at import.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, get_args

from local_assistant.errors import AssistantError

if TYPE_CHECKING:
    from local_assistant.config import AssistantConfig, Role
    from local_assistant.server import Choice, Endpoint, InstalledModel, Look


@dataclass(frozen=True)
class Answers:
    """What answers, by role.

    Attributes:
        choices: the roles that something answers for.
        failures: the others, and why.
        look: how that was found out.
    """

    look: Look

    choices: dict[Role, Choice] = field(default_factory=dict)
    failures: dict[Role, AssistantError] = field(default_factory=dict)

    def in_use(self) -> dict[tuple[str, str], Endpoint]:
        """Return each model in use: its server's address and its name, and the server."""
        return {(each.endpoint.url, each.model): each.endpoint for each in self.choices.values()}


def answers(config: AssistantConfig, *, start: bool = False) -> Answers:
    """Return what answers for ``config``; raises nothing that a user can mend."""
    from local_assistant.config import Role
    from local_assistant.server import choose
    from local_assistant.server.choice import Look

    look = Look(config, start=start)
    found = Answers(look)
    for role in get_args(Role):
        try:
            found.choices[role] = choose(role, config, look=look)
        except AssistantError as error:
            found.failures[role] = error
    return found


def held(name: str, config: AssistantConfig, *, start: bool = True) -> Choice:
    """Return the model ``name`` of somebody who wants to be rid of it.

    A file is looked for by the name that a server gave it: it may have gone meanwhile, and is
    not imported for this.

    Raises:
        NotInstalled: it is not there.
        AssistantError: no server answers.
    """
    from pathlib import Path

    from local_assistant.config import is_gguf_path
    from local_assistant.server import NotInstalled, choose
    from local_assistant.server.gguf import name_for

    model = name_for(Path(name)) if is_gguf_path(name) else name
    try:
        return choose("chat", config, model=model, start=start)
    except NotInstalled as error:
        message = error.message.replace(error.model, name)
        fix = "See what is there with: jupyter assistant models"
        raise NotInstalled(message, fix, name) from error


def stock_server(found: Answers) -> Endpoint:
    """Return the server that programs reach by OLLAMA_HOST: the one that answers the chat.

    Raises:
        AssistantError: no server answers.
    """
    chat = found.choices.get("chat")
    return chat.endpoint if chat is not None else found.look.server()


def models_at(endpoint: Endpoint, found: Answers) -> list[InstalledModel]:
    """Return the models of a server, without asking again what was asked just now."""
    from local_assistant.server import installed

    try:
        if found.look.server().url == endpoint.url:
            return found.look.models()
    except AssistantError:
        pass  # the server that should answer does not; this is another one
    return installed(endpoint)
