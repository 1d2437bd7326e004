"""What a chat does besides asking the model: its slash commands and its model menu.

Contract: texts that begin as notes, so that no model reads them later. Functions that ask
a server block; call them in a thread.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from local_assistant.errors import AssistantError
from local_assistant.lab.chat import notes
from local_assistant.lab.chat.documents import ASK, LEARN
from local_assistant.lab.chat.export import EXPORT
from local_assistant.lab.chat.generate import GENERATE
from local_assistant.lab.chat.history import AGAIN, CLEAR
from local_assistant.lab.chat.model import COMMAND as MODEL
from local_assistant.lab.chat.tasks import TASKS
from local_assistant.lab.chat.tools.switch import COMMAND as TOOLS

if TYPE_CHECKING:
    from local_assistant.config import AssistantConfig, ConfigError
    from local_assistant.lab.chat.answering import Measured

STATUS = "/status"
HELP = "/help"

COMMANDS = {
    **TASKS,
    GENERATE: "Write a new notebook about a topic, cell by cell",
    AGAIN: "Answer the last question anew",
    CLEAR: "The model no longer reads what was said above",
    STATUS: "Which server and model answer, how fast, and from which settings",
    MODEL: "The models; with a name: let that one answer in this chat",
    TOOLS: "What a model may do by itself; with on or off: whether it may in this chat",
    LEARN: "Read files or folders for /ask; without a path: what was learned",
    ASK: "Answer from what was learned, with the places it stands",
    EXPORT: "Write this chat into a Markdown file; with the word notebook: into a notebook",
    HELP: "What this chat can do",
}

_ASKING = frozenset({AGAIN, ASK, GENERATE, *TASKS})
_WITH_WORDS = ([MODEL], [EXPORT], [TOOLS])
_NO_QUESTION = ([LEARN], [GENERATE])
_HELP = (
    "I answer from a model on your own machine. The conversation above, what you attach and the "
    "cell you are in go to the model with each question; the line below the input says what of "
    "that cell, and its box leaves it out. The menu below the input picks another model for this "
    "chat; assistant.toml sets the default, and a change there counts from the next message on."
)
_TEXTS = {
    CLEAR: ["From here on the model no longer reads what was said above."],
    HELP: [_HELP, *(f"{name} – {text[0].lower()}{text[1:]}" for name, text in COMMANDS.items())],
}


def is_command(text: str) -> bool:
    """Return whether a message is a command that no model answers."""
    return (text in COMMANDS and text not in _ASKING) or text.split()[:1] in _WITH_WORDS


def is_question(text: str) -> bool:
    """Return whether a model answers a message, by itself."""
    return (
        bool(text)
        and text != AGAIN
        and not is_command(text)
        and text.split()[:1] not in _NO_QUESTION
    )


def text_of(command: str) -> str:
    """Return the answer to a command that asks no server."""
    return notes.note(*_TEXTS[command])


def status_text(
    config: AssistantConfig,
    problem: ConfigError | None,
    own: str | None = None,
    last: Measured | None = None,
) -> str:
    """Return which server and model answer, as one note.

    Args:
        config: the configuration in force for the chat.
        problem: what is wrong with its files.
        own: the model chosen for this chat.
        last: what the last answer took.
    """
    from local_assistant import paths
    from local_assistant.server import choose

    said = notes.problem(problem) + "\n\n" if problem else ""
    try:
        choice = choose("chat", config, model=own)
    except AssistantError as error:
        return said + notes.problem(error)
    endpoint = choice.endpoint
    lines = [
        f"{choice.model.removesuffix(':latest')} answers, from {endpoint.url}. {endpoint.detail}",
        *([f"It is chosen for this chat; {MODEL} shows others."] if own else []),
        *([_speed(last)] if last else []),
        f"Settings: {paths.user_config_file()}",
    ]
    return said + notes.note(*lines, *([choice.notice] if choice.notice else []))


def _speed(last: Measured) -> str:
    """Return how fast the last answer came."""
    counts = last.counts
    said = [f"{counts.answer_tokens:,} tokens written, {counts.prompt_tokens:,} read"]
    if counts.first_s is not None:
        said.append(f"the first after {counts.first_s * 1000:,.0f} ms")
    if counts.per_second:
        said.append(f"then {counts.per_second:,.1f} tokens/s")
    return f"The last answer ({last.model.removesuffix(':latest')}): {', '.join(said)}."
