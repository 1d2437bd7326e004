"""What can go wrong between here and a registry.

Contract: :class:`PullError` is what a user reads; the others are for whoever tries again.
"""

from __future__ import annotations

import re

from local_assistant.errors import AssistantError


class PullError(AssistantError):
    """A model cannot be had; the message is Ollama's where Ollama has one.

    ``unreachable`` says that its server cannot be reached, so that another may be asked.
    """

    def __init__(self, message: str, fix: str | None = None, *, unreachable: bool = False) -> None:
        super().__init__(message, fix)
        self.unreachable = unreachable


class Cancelled(Exception):
    """Nobody waits any more."""


class WebError(Exception):
    """A request failed.

    Args:
        again: whether another try may help.
        unreachable: whether there was no connection at all.
    """

    def __init__(self, message: str, *, again: bool = True, unreachable: bool = False) -> None:
        super().__init__(_printable(message))
        self.again = again
        self.unreachable = unreachable


class Stalled(WebError):
    """The server is silent, or all but silent."""


class Status(WebError):
    """The server answered, with an error."""

    _PASSING = (408, 425, 429, 500, 502, 503, 504)

    def __init__(self, status: int, body: str, headers: dict[str, str]) -> None:
        text = "file does not exist" if status == 404 else f"{status}: {body}".rstrip(": ")
        super().__init__(text, again=status in self._PASSING)
        self.status = status
        self.headers = headers

    @property
    def retry_after_s(self) -> float:
        """What the server asks to wait; 0 where it names no seconds."""
        return float(whole_number(self.headers.get("retry-after", "")) or 0)


def whole_number(text: str) -> int | None:
    """Return the number that a header is; ``None`` where it is none that makes sense."""
    return int(text) if re.fullmatch("[0-9]{1,18}", text) else None


def _printable(text: str) -> str:
    """Return the text without what a terminal would obey: parts of it come from servers."""
    return "".join(char if char.isprintable() else " " for char in text)
