"""What one answer is to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from local_assistant.lab.chat.prompt import Turn

NEW_MESSAGE = "\x1e"
"""Among the pieces of an answer: what follows stands in a message of its own."""


def wording(message: Any) -> tuple[str, tuple[str, ...]]:
    """Return what a message says: jupyter-chat lets its writer change that under the same id."""
    return message.body, tuple(message.attachments or ())


@dataclass(frozen=True)
class Question:
    """What one answer is to.

    Attributes:
        message: the user's message.
        turn: what is asked instead of its text, without what was said before.
        said: notes in front of the answer.
        closing: makes what stands under the answer from the model's words.
        asker: the message that counts for the pick in the menu, where it is another one.
    """

    message: Any
    turn: Turn | None = None
    said: tuple[str, ...] = ()
    closing: Callable[[str], str] = lambda answer: ""
    asker: Any = None

    @property
    def plain(self) -> bool:
        """Whether it is the user's words alone: their cell goes along, and tools are offered."""
        return self.turn is None and not self.message.body.lstrip().startswith("/")
