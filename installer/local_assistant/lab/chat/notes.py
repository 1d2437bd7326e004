"""What the assistant itself says in a chat, told apart from what the model says.

Contract: a note is one Markdown block quote that begins with one of two marks. The history
that goes to a model leaves notes out (:func:`without_notes`), so a model never reads our
messages as if it had written them.
"""

from __future__ import annotations

from local_assistant.errors import AssistantError

_NOTE = "> **Note:** "
_PROBLEM = "> **Problem:** "


def note(text: str) -> str:
    """Return ``text`` as a note (one paragraph)."""
    return _NOTE + " ".join(text.split())


def problem(error: AssistantError) -> str:
    """Return a failure as a note: what happened, then the way out on a line of its own."""
    said = _PROBLEM + " ".join(error.message.split())
    if error.fix:
        said += "\n>\n> " + " ".join(error.fix.split())
    return said


def without_notes(body: str) -> str:
    """Return what the model itself wrote in ``body``."""
    kept = [
        block for block in body.split("\n\n") if not block.lstrip().startswith((_NOTE, _PROBLEM))
    ]
    return "\n\n".join(kept).strip()
