"""What a chat does besides asking the model: its slash commands and its model menu.

Contract: texts that begin as notes, so that no model reads them later. Functions that ask
a server block; call them in a thread.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from local_assistant.errors import AssistantError
from local_assistant.lab.chat import notes
from local_assistant.lab.chat.history import CLEAR

if TYPE_CHECKING:
    from local_assistant.config import AssistantConfig, ConfigError

STATUS = "/status"
HELP = "/help"

COMMANDS = {
    CLEAR: "The model no longer reads what was said above",
    STATUS: "Which server and model answer, and from which settings",
    HELP: "What this chat can do",
}

_TEXTS = {
    CLEAR: "From here on the model no longer reads what was said above.",
    HELP: "I answer from a model on your own machine. The conversation above and what you attach "
    "go to the model with each question. The menu below the input picks another model for your "
    "messages in this chat; assistant.toml sets the default, and a change there counts from the "
    "next message on. Commands: "
    + "; ".join(f"{name} – {text[0].lower()}{text[1:]}" for name, text in COMMANDS.items())
    + ".",
}


def text_of(command: str) -> str:
    """Return the answer to a command that asks no server."""
    return notes.note(_TEXTS[command])


def installed_models(config: AssistantConfig) -> list[str]:
    """Return the names that can be picked: the server's, then those of our own store.

    Raises:
        AssistantError: no server can be reached or started.
    """
    from local_assistant.server import find_server, in_our_store, installed

    models = [*installed(find_server(config)), *in_our_store(config)]
    usable = [m for m in models if not m.capabilities or "completion" in m.capabilities]
    return list(dict.fromkeys(model.name.removesuffix(":latest") for model in usable))


def status_text(config: AssistantConfig, problem: ConfigError | None) -> str:
    """Return which server and model answer, as one note."""
    from local_assistant import paths
    from local_assistant.server import choose

    said = notes.problem(problem) + "\n\n" if problem else ""
    try:
        choice = choose("chat", config)
    except AssistantError as error:
        return said + notes.problem(error)
    endpoint = choice.endpoint
    lines = [
        f"{choice.model.removesuffix(':latest')} answers, from {endpoint.url}. {endpoint.detail}",
        f"Settings: {paths.user_config_file()}",
    ]
    return said + notes.note(*lines, *([choice.notice] if choice.notice else []))
