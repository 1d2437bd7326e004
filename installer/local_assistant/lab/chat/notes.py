"""What the assistant itself says in a chat, told apart from what the model says.

Contract: a note is one Markdown paragraph that begins with a mark, or text folded under a title
that does. The history that goes to a model leaves notes out (:func:`without_notes`), so a model
never reads our messages as if it had written them.
"""

from __future__ import annotations

import html
import re

from local_assistant.errors import AssistantError
from local_assistant.lab.magics.markdown import without_diagrams
from local_assistant.lab.prompts import fence_for

NOTE_MARK = "» "
PROBLEM_MARK = "» **Problem:** "
"""A character that every font has and that hardly a model begins a paragraph with."""

FOLD_END = "\n\n</details>"

_BREAK = "  \n"
_FOLDED = re.compile(rf"<details[^>]*>\n<summary>{NOTE_MARK}.*?(?:</details>|\Z)", re.DOTALL)


def note(*lines: str) -> str:
    """Return ``lines`` as a note."""
    return NOTE_MARK + _BREAK.join(f"*{_plain(line)}*" for line in lines)


def problem(error: AssistantError, *more: str) -> str:
    """Return a failure as a note: what happened, the way out, and what else there is to say."""
    lines = [error.message, *([error.fix] if error.fix else []), *more]
    return PROBLEM_MARK + _BREAK.join(_plain(line) for line in lines)


def folded(title: str, text: str, *, shown: bool = False) -> str:
    """Return Markdown under a title that unfolds it; no model reads it later.

    Args:
        title: one line.
        text: Markdown.
        shown: whether it is unfolded at first.
    """
    return fold(title, shown=shown) + text.replace("</details", "&lt;/details") + FOLD_END


def fenced(text: str, language: str) -> str:
    """Return text as a block of code that nothing in it can end."""
    fence = fence_for(text)
    # A notebook may claim any language, and one is drawn, with the images that it names.
    return without_diagrams(f"{fence}{language}") + f"\n{text}\n{fence}"


def inside(text: str) -> str:
    """Return a piece of a text that cannot end what it is folded into, wherever it is parted."""
    return text.replace("</", "&lt;/")


def fold(title: str, *, shown: bool = False) -> str:
    """Return how folded text begins; :data:`FOLD_END` ends it."""
    head = "<details open>" if shown else "<details>"
    return f"{head}\n<summary>{NOTE_MARK}{html.escape(title)}</summary>\n\n"


def without_notes(body: str) -> str:
    """Return what the model itself wrote in ``body``."""
    kept = [
        block
        for block in _FOLDED.sub("", body).split("\n\n")
        if not block.lstrip().startswith(NOTE_MARK)  # the other mark begins with it
    ]
    return "\n\n".join(kept).strip()


def _plain(text: str) -> str:
    """Return one line that Markdown shows as it stands."""
    text = " ".join(text.split())
    for character in ("\\", "*", "<"):
        text = text.replace(character, "\\" + character)
    return text.replace("![", "! [")  # a file's name is no image either
