"""What can be wrong with a configuration, and the one error that says all of it.

Contract: :class:`ConfigError` is an :class:`AssistantError` whose message holds every
problem found, one per line, each with file, line, key, what was found, what was expected
and the nearest valid word. Front ends that want the parts read ``problems``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from local_assistant import paths
from local_assistant.errors import AssistantError

CHECK_COMMAND = "jupyter assistant config validate"


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong.

    Attributes:
        file: the file, or None where an environment variable is to blame.
        line: its line, counted from 1; None where no line is to blame.
        key: the dotted setting, or "" where none is to blame.
        text: the sentence, without file and line.
        found: what stands there.
        expected: what may stand there; "" where nothing may.
        nearest: the valid word that was probably meant.
    """

    file: Path | None
    line: int | None
    key: str
    text: str
    found: str = ""
    expected: str = ""
    nearest: str | None = None

    def __str__(self) -> str:
        if self.file is None:
            return self.text
        place = paths.display(self.file)
        if self.line is not None:
            place += f", line {self.line}"
        return f"{place}: {self.text}"


class ConfigError(AssistantError):
    """The configuration cannot be used; ``problems`` says why, all of it at once."""

    def __init__(self, problems: Sequence[Problem], fix: str | None = None) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(map(str, self.problems)), fix or _fix(self.problems))

    def __str__(self) -> str:
        return f"{self.message}\n{self.fix}"


def _fix(problems: Sequence[Problem]) -> str:
    """Return what to do about ``problems``: the lines to edit, by file."""
    lines: dict[Path, list[int]] = {}
    for problem in problems:
        if problem.file is not None and problem.line is not None:
            lines.setdefault(problem.file, []).append(problem.line)
    edits = []
    for file, numbers in lines.items():
        unique = [str(number) for number in sorted(set(numbers))]
        shown = " and ".join(filter(None, [", ".join(unique[:-1]), unique[-1]]))
        noun = "line" if len(unique) == 1 else "lines"
        edits.append(f"{noun} {shown}" + (f" of {paths.display(file)}" if len(lines) > 1 else ""))
    if not edits:
        return f"Check with: {CHECK_COMMAND}"
    return f"Edit {', '.join(edits)}, then check with: {CHECK_COMMAND}"
