"""A model server that answers. Standard library only."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from local_assistant.errors import AssistantError


@dataclass(frozen=True)
class Endpoint:
    """Where a model server answers, and why this one.

    Attributes:
        kind: whose server it is.
        url: its base URL, without a trailing slash.
        token: what it wants as ``Authorization: Bearer``; never shown.
        version: its own version.
        local: whether it is on this machine.
        detail: one line: why this server answers.
    """

    kind: Literal["ollama", "embedded"]
    url: str
    token: str | None = field(repr=False)
    version: str
    local: bool
    detail: str


class NotRunning(AssistantError):
    """Nothing runs now, and a question would start it; ``kind`` is what."""

    def __init__(self, kind: Literal["ollama", "embedded"], message: str, fix: str) -> None:
        super().__init__(message, fix)
        self.kind = kind
