"""What comes of a call: a result to read, or a plan that waits for a yes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Result:
    """What a call has come to.

    Attributes:
        text: what the model reads.
        size: the same in a few words, for the user.
        language: of the text, as a fenced block calls it.
    """

    text: str
    size: str
    language: str = "text"


@dataclass(frozen=True)
class Plan:
    """A change that is not made yet.

    Attributes:
        asks: what the user is asked, in one line.
        code: all of what goes into the notebook or is run there.
        language: of the code.
        carry_out: makes the change.
    """

    asks: str
    code: str
    language: str
    carry_out: Callable[[], Awaitable[Result]]


def counted(number: int, noun: str) -> str:
    """Return ``3 lines``, or ``1 line``."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
