"""From what a model writes to what may be shown.

Contract: pure. :func:`settle` looks at the whole answer so far and returns the part of it
that is safe to show. What it returns only ever grows with the answer, so deltas of it can
be sent and never have to be taken back; what might still have to go (blanks, the beginning
of what already follows the cursor, of the next line, of a bracket that is closed there) is
held until it is clear.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from local_assistant.lab.completion.judge import LOOK_BACK, Shape
from local_assistant.lab.completion.place import Place
from local_assistant.lab.completion.scan import CLOSE, OPEN, State, indent_of, scan, step

_AFTER_LOOK = 4_096
_MAX_BLANK = 1
_REPEATS = 3
_MARK = re.compile(r"\\.|\"\"\"|'''|[\"'#\n()\[\]{}]", re.S)


@dataclass(frozen=True)
class Surroundings:
    """What an answer is compared with.

    Attributes:
        shape: how much may be shown.
        language: the code's language.
        typed: the current line before the cursor.
        rest: what follows the cursor on its line, without blanks around it.
        below: the next line with text, stripped.
        above: the last line with text before the current one, stripped.
        state: the brackets and strings that are open at the cursor.
        closable: how many of those brackets nothing behind the cursor closes.
    """

    shape: Shape
    language: str
    typed: str
    rest: str
    below: str
    above: str
    state: State
    closable: int

    @classmethod
    def of(cls, place: Place, shape: Shape) -> Surroundings:
        """Return what stands around ``place``."""
        typed, after = place.line, place.after
        state = scan(place.before[-LOOK_BACK:], place.language)
        behind = scan(after[:_AFTER_LOOK], place.language, State(string=state.string))
        lines = (line.strip() for line in after.partition("\n")[2].split("\n", 50)[:50])
        above = place.before[: len(place.before) - len(typed)].rstrip()
        return cls(
            shape=shape,
            language=place.language,
            typed=typed,
            rest=place.rest.strip(),
            below=next((line for line in lines if line), ""),
            above=above[above.rfind("\n") + 1 :].strip(),
            state=state,
            closable=max(0, len(state.stack) - len(behind.unmatched)),
        )


@dataclass(frozen=True)
class Settled:
    """What may be shown, and why nothing more will come (None: more may)."""

    shown: str
    reason: str | None = None
    message: str | None = None


def settle(answer: str, around: Surroundings, *, final: bool) -> Settled:
    """Return what of ``answer`` may be shown.

    Args:
        answer: everything that the model has written for this place so far.
        around: what it is compared with.
        final: whether the model has ended; then nothing is held back.
    """
    answer = answer.replace("\r", "")
    if not around.typed or around.typed[-1] in " \t":
        answer = _without_more_indent(answer, around)
    return _Walk(answer, around, final).result()


def _without_more_indent(answer: str, around: Surroundings) -> str:
    """Leave out blanks that the line has already, unless they begin a block."""
    if not around.typed.strip() and around.shape.kind != "line":
        return answer
    return answer.lstrip(" \t")


class _Walk:
    """One pass over an answer."""

    def __init__(self, answer: str, around: Surroundings, final: bool) -> None:
        self.text = answer
        self.around = around
        self.final = final
        self.state = around.state.copy()
        self.floor = len(self.state.stack)
        """Brackets of the document that are still open; those above are the answer's own."""
        self.closable = around.closable
        self.lines: list[str] = []
        self.marks = {match.start(): match[0] for match in _MARK.finditer(answer)}

    def result(self) -> Settled:
        start, kept = 0, 0
        while True:
            end = self.text.find("\n", start)
            whole = end >= 0
            stop = end if whole else len(self.text)
            line = self.text[start:stop]
            verdict = self._line_verdict(line, whole)
            if verdict == "hold":
                return self._shown(kept)
            if verdict is not None:
                return self._shown(kept, verdict)
            at, reason = self._walk_line(start, stop)
            if reason == "hold":
                return self._shown(at)
            if reason is not None:
                return self._shown(at, reason)
            if not whole:
                return self._shown(stop, "stop" if self.final else None)
            ended = self._line_end(line)
            if ended is not None:
                return self._shown(stop, ended)
            self.lines.append(line.strip())
            step(self.state, "\n", self.around.language)
            kept, start = stop, end + 1

    def _shown(self, stop: int, reason: str | None = None) -> Settled:
        shown = self.text[:stop].rstrip()
        if reason == "repeat-line":
            return Settled("", "repeat", "The model only repeated a line that is there already.")
        if reason is not None and not shown:
            if reason in ("stop", "line", "block"):
                return Settled("", "empty", "The model sees nothing to add here.")
            return Settled("", reason, "The model only repeated what follows the cursor.")
        return Settled(shown, reason)

    def _line_verdict(self, line: str, whole: bool) -> str | None:
        """Look at a line before its characters: None goes on, else "hold" or a reason."""
        around, first = self.around, not self.lines
        ended = whole or self.final
        if first:
            return self._first_line(line, ended)
        content = line.strip()
        if not content:
            if not ended or not whole:
                return "stop" if self.final else "hold"
            blank = len(self.lines) >= _MAX_BLANK + 1 and not self.lines[-1]
            return "block" if blank else None
        if not self.state.string and self._leaves_block(line, content):
            return "block"
        below = around.below
        if below and any(character.isalnum() for character in below):
            if content == below and ended:
                return "suffix"
            if below.startswith(content):
                return "hold" if not ended else ("suffix" if len(content) > 3 else None)
        if ended and self.lines[-_REPEATS + 1 :] == [content] * (_REPEATS - 1):
            return "repeat"
        if len(self.lines) >= _REPEATS - 1 and not ended:
            previous = set(self.lines[-_REPEATS + 1 :])
            if len(previous) == 1 and next(iter(previous)).startswith(content):
                return "hold"
        return None

    def _first_line(self, line: str, ended: bool) -> str | None:
        around = self.around
        if not line.strip():
            if not ended:
                return "hold" if around.typed.strip() else None
            return None
        if around.rest:
            return None
        whole_line = (around.typed + line).strip()
        for other in (around.below, around.above):
            if not other or not any(character.isalnum() for character in other):
                continue
            if whole_line == other and ended:
                return "repeat-line"
            if not ended and other.startswith(whole_line):
                return "hold"
        return None

    def _leaves_block(self, line: str, content: str) -> bool:
        shape = self.around.shape
        if indent_of(line) > shape.base:
            return False
        if shape.kind == "bracket":
            return content[0] not in CLOSE
        return len(self.state.stack) == self.floor or content[0] not in CLOSE

    def _walk_line(self, start: int, stop: int) -> tuple[int, str | None]:
        """Take a line's characters; return where to stop, and why."""
        at = start
        while at < stop:
            character = self.text[at]
            if not character.isspace() and self._on_the_documents_level():
                overlap = self._overlap(at, stop)
                if overlap is not None:
                    return at, overlap
            mark = self.marks.get(at)
            if mark is None:
                at += 1
                continue
            if not self._may_close(mark):
                return at, "suffix"
            step(self.state, mark, self.around.language)
            at += len(mark)
        return stop, None

    def _on_the_documents_level(self) -> bool:
        state, before = self.state, self.around.state
        return len(state.stack) <= self.floor and state.string == before.string

    def _overlap(self, at: int, stop: int) -> str | None:
        """Compare what the answer says at ``at`` with what follows the cursor."""
        rest = self.around.rest
        if not rest or self.lines:
            return None
        said = self.text[at : min(stop, at + len(rest))]
        if said == rest:
            return "suffix"
        if rest.startswith(said) and at + len(said) == len(self.text):
            return "suffix" if self.final else "hold"
        return None

    def _may_close(self, mark: str) -> bool:
        """Return whether a closing bracket has something to close; the document's count too."""
        state = self.state
        if mark not in CLOSE or state.string or state.comment:
            return True
        if len(state.stack) > self.floor:
            return state.stack[-1] == CLOSE[mark]
        if not state.stack or state.stack[-1] != CLOSE[mark] or self.closable <= 0:
            return False
        self.floor -= 1
        self.closable -= 1
        return True

    def _line_end(self, line: str) -> str | None:
        """Return why the answer is over at the end of this line, or None."""
        shape = self.around.shape
        if shape.kind == "line":
            return "line"
        if shape.kind == "bracket" and len(self.state.stack) < len(self.around.state.stack):
            return "block"
        if not self.lines and not (self.around.typed + line).rstrip().endswith((*OPEN, ":", ",")):
            opened_here = bool(self.around.typed.strip())
            return "line" if opened_here and line.strip() else None
        return None
