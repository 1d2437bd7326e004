"""A model's words as the chat shows them: nothing in them fetches anything, also while they come.

JupyterLab's chat takes scripts out of a message, but fetches its images: a model that does what a
file told it could so tell a server on the net what it has read. ``lab.magics.markdown`` keeps the
same from the outputs of ``%%ai``; here the words come piece by piece, and what was shown stays.

Contract: outside of code, no raw HTML is left, images are links behind a ``!``, and no address is
given a name for later; diagrams are shown as their text. Code stays as it is where every reader of
Markdown agrees that it is code; what is in doubt counts as text. What is decided does not depend on
where the pieces are parted, and not on what comes later; a few characters wait until that is so.
"""

from __future__ import annotations

import re

from local_assistant.lab.magics.markdown import (
    BARE_LINK,
    CUTS_BLOCKS,
    MATH,
    MAYBE_FENCE,
    OPENER,
    without_diagrams,
)

_COULD_BE_FENCE = re.compile(r"[\s>*+\-\d.)]*[`~]{0,2}")
_SPECIAL = re.compile(r"[`<!\]]")
_BAD_IN_SPAN = re.compile(r"[|~]|" + MATH.pattern)


class Harmless:
    """Takes the pieces of one text, and gives back what can be shown of it."""

    def __init__(self) -> None:
        self._line = ""  # the one that is not over yet
        self._sent = 0  # how much of it was given back
        self._above = ""  # the lines above it in its paragraph
        self._code: tuple[str, str] | None = None  # indent and fence of the block that is open
        self._certain = True  # every fence so far was one beyond doubt
        self._clear = True  # every code span of this paragraph was

    def add(self, text: str) -> str:
        """Return what can be shown, now that ``text`` has come."""
        self._line += text
        shown = ""
        while "\n" in self._line:
            line, _, rest = self._line.partition("\n")
            shown += self._ended(line) + "\n"
            self._line, self._sent = rest, 0
        return shown + self._begun()

    def end(self) -> str:
        """Return what is left, when nothing more comes; a block of code that is open is closed."""
        line, self._line = self._line, ""
        shown = self._ended(line)
        self._sent = 0
        if self._code is None:
            return shown
        (indent, fence), self._code = self._code, None
        newline = "\n" if line else ""
        return f"{shown}{newline}{indent}{fence}\n"

    def _begun(self) -> str:
        """Return what is settled of a line that is not over."""
        line = self._line
        if MAYBE_FENCE.match(line) or _COULD_BE_FENCE.fullmatch(line):
            return ""
        if self._code is None:
            return self._text(line, over=False)
        if not line.startswith(self._code[0]):
            return ""
        shown, self._sent = line[self._sent :], len(line)
        return shown

    def _ended(self, line: str) -> str:
        if self._code is not None:
            indent, fence = self._code
            if re.fullmatch(rf"{indent}{fence[0]}{{{len(fence)},}}[ \t]*", line):
                self._code = None
                return line[self._sent :]
            inside = not MAYBE_FENCE.match(line) and (line.startswith(indent) or not line.strip())
            if inside:
                # Math that begins in here may reach over the end: no later fence is certain.
                self._certain = self._certain and not CUTS_BLOCKS.search(line)
                self._code = self._code if self._certain else None
                return line[self._sent :]
            self._code, self._certain = None, False
        if MAYBE_FENCE.match(line):
            return self._fence(line)
        shown = self._text(line, over=True)
        self._above = f"{self._above}{line}\n" if line.strip() else ""
        self._clear = self._clear or not line.strip()
        return shown

    def _fence(self, line: str) -> str:
        """Return a line that may begin a block of code."""
        opener = OPENER.fullmatch(line)
        self._certain = self._certain and opener is not None and not MATH.search(self._above)
        self._above, self._clear = "", True
        if self._certain and opener is not None:
            self._code = opener["indent"], opener["fence"]
        else:
            # JupyterLab writes the words behind a fence into an attribute, as they are.
            line, self._clear = re.sub(r'["$\\]', "", line), False
        return without_diagrams(_disarmed(line, "< "))

    def _text(self, line: str, *, over: bool) -> str:
        """Return what is settled of a line of text, from where it was given back."""
        shown = ""
        while self._sent < len(line):
            start = self._sent
            found = _SPECIAL.search(line, start)
            end = found.start() if found else len(line)
            shown += line[start:end]
            self._sent = end
            if found is None:
                break
            piece = self._special(line, end, over)
            if piece is None:
                break
            shown += piece
        return shown

    def _special(self, line: str, at: int, over: bool) -> str | None:
        """Return what becomes of a character and what belongs to it; None where it has to wait."""
        if line[at] == "`" and self._clear:
            end = self._span_end(line, at, over)
            if end > 0:
                self._sent = end
                return line[at:end]
            if end == 0 and not over:
                return None
            self._clear = False
        if at + 1 == len(line) and not over and line[at] != "`":
            return None  # it depends on the next one
        self._sent = at + 1
        before = self._above + line[:at]
        less = "< " if MATH.search(before) else "&lt;"
        return _disarmed(line[at : at + 2], less)[: -1 if at + 1 < len(line) else None]

    def _span_end(self, line: str, start: int, over: bool) -> int:
        """Return where a code span ends; 0 where that is to be seen, -1 where it is none."""
        before = self._above + line[:start]
        word = before.split()[-1] if before and not before[-1].isspace() else ""
        doubtful = (
            MATH.search(before)
            or "~" in before
            or before.rfind("](") > before.rfind(")")
            or BARE_LINK.search(word)
            or line.startswith("``", start)
        )
        if doubtful:
            return -1
        end = line.find("`", start + 1)
        if _BAD_IN_SPAN.search(line, start + 1, end if end > 0 else len(line)):
            return -1
        if end < 0 or (end + 1 == len(line) and not over):
            return 0
        return -1 if line.startswith("`", end + 1) else end + 1


def _disarmed(text: str, less: str) -> str:
    text = re.sub(r"<(?=[A-Za-z/!?])", less, text)
    return text.replace("![", "! [").replace("]:", "]\\:")
