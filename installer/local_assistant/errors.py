"""The one exception that may reach a user.

Contract: every failure that a user can meet is raised as :class:`AssistantError`, whose
``message`` says what was found and what was needed, and whose ``fix`` is the next command
or setting. Each front end (CLI, magics, chat, engine) catches it in one place and prints
it without a traceback; the traceback goes to the log file.
"""

from __future__ import annotations

import os
import shlex


def quoted(word: str) -> str:
    """Return a path or name as one word of a command that a message names."""
    if os.name == "nt":
        return f'"{word}"' if " " in word else word
    return shlex.quote(word)


class AssistantError(Exception):
    """A failure said in a user's words.

    Args:
        message: one or two sentences: what was found, what is needed.
        fix: the command to run or the setting to change next; ``None`` only where
            nothing the user does can help.
    """

    def __init__(self, message: str, fix: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.fix = fix

    def __str__(self) -> str:
        return f"{self.message} {self.fix}" if self.fix else self.message
