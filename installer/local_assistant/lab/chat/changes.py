"""What the answer of ``/fix`` changes: its corrected code against the code it was asked about.

Contract: pure functions, worked out here and not by the model. Of Python in a notebook's cell the
corrected code must be Python; of all else (a file, lines of it, another language) nobody here can
tell, so there the last block counts that says something else.
"""

from __future__ import annotations

import difflib
import textwrap

from local_assistant.lab.chat import notes
from local_assistant.lab.chat.names import plain
from local_assistant.lab.chat.prompt import Attachment

_REPLACE = "on *Replace* below the corrected code"
_TO_CELL = f"To apply it, click into the cell, then {_REPLACE}."
_TO_FILE = f"To apply it, select these lines in the file, then click {_REPLACE}"


def changes(code: Attachment | None, answer: str) -> str:
    """Return what an answer's code changes, folded under it."""
    if code is None:
        return ""
    corrected = _corrected(code, answer)
    if corrected is None:
        return notes.note("The answer has no corrected code.")
    # A model gives lines from inside of a function without their indent, as a block shows them.
    before, after = textwrap.dedent(code.content), textwrap.dedent(corrected)
    lines = difflib.unified_diff(before.splitlines(), after.splitlines(), lineterm="", n=2)
    diff = "\n".join(list(lines)[2:])  # without the names of files
    indented = all(line[:1].isspace() for line in code.content.splitlines() if line.strip())
    text = f"{notes.fenced(diff, 'diff')}\n\n{_how_to_apply(code, indented=indented)}"
    return notes.folded(f"What changes in {code.name}", text, shown=True)


def _how_to_apply(code: Attachment, indented: bool) -> str:
    # Without a selection the button writes over the notebook's active cell.
    if code.cell:
        return _TO_CELL
    return f"{_TO_FILE}, and indent them as before." if indented else f"{_TO_FILE}."


def _corrected(code: Attachment, answer: str) -> str | None:
    from local_assistant.lab.magics.formats import corrected_cell, fenced

    magic = code.content.lstrip().startswith("%%")  # most often another language
    if code.cell and code.language == "python" and not magic:
        return corrected_cell(answer, code.content, plain)
    return _last_other(fenced(answer), code)


def _last_other(blocks: list[tuple[str, str]], code: Attachment) -> str | None:
    """Return the last block that is not the code itself: of its language, named, or any."""
    from local_assistant.lab.magics.formats import PYTHON

    before = textwrap.dedent(code.content).strip()
    others = [
        (language, body) for language, body in blocks if body.strip() and body.strip() != before
    ]
    tags = PYTHON if code.language == "python" else {code.language.lower()}
    own = [body for language, body in others if language and language in tags]
    named = [body for language, body in others if language]
    return next((group[-1] for group in (own, named, [body for _, body in others]) if group), None)
