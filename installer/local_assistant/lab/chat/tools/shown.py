"""What the chat shows of tools: each call in one line that unfolds, each change before its yes.

Contract: Markdown that begins as our notes do, so that no model reads it as its own words.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from local_assistant.lab.chat import notes
from local_assistant.lab.chat.tools.results import Plan

_LONGEST_ARGUMENT = 60
_MOST_LINES = 60

STOPPED = "Stopped: this was not done."
LEFT = (
    "Stopped waiting. What was begun goes on: the notebook's own stop button ends a running cell."
)


def call_line(name: str, arguments: Mapping[str, Any]) -> str:
    """Return a call as one line, its long arguments cut."""
    said = ", ".join(f"{key}={_short(value)}" for key, value in arguments.items())
    return f"{name}({said})"


def _short(value: Any) -> str:
    text = " ".join(repr(value).split())
    return text if len(text) <= _LONGEST_ARGUMENT else text[: _LONGEST_ARGUMENT - 1] + "…"


def done(line: str, size: str, text: str, language: str) -> str:
    """Return a call that was carried out; what it gave is folded into the line."""
    lines = text.splitlines()
    if len(lines) > _MOST_LINES:
        lines = [*lines[:_MOST_LINES], f"… and {len(lines) - _MOST_LINES:,} more lines"]
    return notes.folded(f"{line}: {size}", notes.fenced("\n".join(lines), language))


def not_done(line: str, reason: str) -> str:
    """Return a call that was not carried out; what the model wrote in it makes no picture."""
    return notes.note(f"{line}: {reason}".replace("&", "&amp;").replace("[", "&#91;"))


def question(plan: Plan) -> str:
    """Return a change in full, and what to answer."""
    asked = f"{notes.fenced(plan.code, plan.language)}\n\nAnswer **yes** or **no**."
    return notes.folded(plan.asks, asked, shown=True)
