"""What the assistant itself says in a chat, told apart from what the model says.

Contract: a note is one Markdown paragraph that begins with a mark. The history
that goes to a model leaves notes out (:func:`without_notes`), so a model never reads our
messages as if it had written them.
"""

from __future__ import annotations

from local_assistant.errors import AssistantError

NOTE_MARK = "» "
PROBLEM_MARK = "» **Problem:** "
"""A character that every font has and that hardly a model begins a paragraph with."""

_BREAK = "  \n"


def note(*lines: str) -> str:
    """Return ``lines`` as a note."""
    return NOTE_MARK + _BREAK.join(f"*{_plain(line)}*" for line in lines)


def problem(error: AssistantError, *more: str) -> str:
    """Return a failure as a note: what happened, the way out, and what else there is to say."""
    lines = [error.message, *([error.fix] if error.fix else []), *more]
    return PROBLEM_MARK + _BREAK.join(_plain(line) for line in lines)


def without_notes(body: str) -> str:
    """Return what the model itself wrote in ``body``."""
    kept = [
        block
        for block in body.split("\n\n")
        if not block.lstrip().startswith(NOTE_MARK)  # the other mark begins with it
    ]
    return "\n\n".join(kept).strip()


def _plain(text: str) -> str:
    """Return one line that Markdown shows as it stands."""
    text = " ".join(text.split())
    for character in ("\\", "*", "<"):
        text = text.replace(character, "\\" + character)
    return text
