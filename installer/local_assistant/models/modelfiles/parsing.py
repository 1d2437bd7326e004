"""The text of a Modelfile as instructions, by Ollama's grammar.

Contract: pure. What Ollama's own parser (0.33) accepts is accepted with the same meaning. A
line that is wrong is told, and the next one read.
"""

from __future__ import annotations

import codecs
import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass

from local_assistant.errors import AssistantError

INSTRUCTIONS = (
    "FROM", "PARAMETER", "TEMPLATE", "SYSTEM", "ADAPTER", "LICENSE", "MESSAGE", "RENDERER",
    "PARSER", "REQUIRES", "DRAFT",
)  # fmt: skip
ROLES = ("system", "user", "assistant")
_WORD = re.compile(r"[A-Za-z]+")
_KEY = re.compile(r"[A-Za-z0-9_]+")
_LINES = re.compile(r"\r\n|\r|\n")


@dataclass(frozen=True)
class Problem:
    """What is wrong in one line; no line where something is missing from the whole."""

    line: int | None
    text: str


class ModelfileError(AssistantError):
    """A Modelfile that cannot be used; ``problems`` says where and why."""

    def __init__(self, file: str, problems: Sequence[Problem]) -> None:
        said = [
            f"{file}:{problem.line}: {problem.text}" if problem.line else f"{file}: {problem.text}"
            for problem in problems
        ]
        super().__init__("\n".join(said), f"Correct {file}. What it may say: {GRAMMAR}")
        self.problems = tuple(problems)


GRAMMAR = "docs.ollama.com/modelfile"


@dataclass(frozen=True)
class Instruction:
    """One instruction.

    Attributes:
        name: in capitals.
        key: of a PARAMETER its name, of a MESSAGE its role; else empty.
        value: what it says, without quotes.
        line: where it begins.
    """

    name: str
    key: str
    value: str
    line: int


def decode(raw: bytes, file: str) -> str:
    """Return the text of a Modelfile: UTF-8, or what its byte order mark says.

    Raises:
        ModelfileError: it is no text.
    """
    encoding = "utf-8-sig"
    if raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        encoding = "utf-16"
    try:
        text = raw.decode(encoding)
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        problem = Problem(line, "this is no text in UTF-8")
        raise ModelfileError(file, [problem]) from error
    if "\0" in text:
        line = text[: text.index("\0")].count("\n") + 1
        raise ModelfileError(file, [Problem(line, "this is no text: it has a zero byte")])
    return text


def parse(text: str) -> tuple[list[Instruction], list[Problem]]:
    """Return the instructions of a Modelfile in their order, and what breaks the grammar."""
    reader = _Reader(text)
    found: list[Instruction] = []
    problems: list[Problem] = []
    while (begin := reader.next_line()) is not None:
        number, line = begin
        try:
            found.append(_instruction(number, line, reader))
        except _Wrong as error:
            problems.append(Problem(number, str(error)))
    return found, problems


class _Wrong(ValueError):
    """What is wrong with an instruction."""


class _Reader:
    """The lines of a file, comments and empty ones left out between instructions."""

    def __init__(self, text: str) -> None:
        # As in Ollama: what has no glyph (zero-width spaces and the like) is not there.
        self._lines = ["".join(c for c in line if _seen(c)) for line in _LINES.split(text)]
        self._at = 0

    def next_line(self) -> tuple[int, str] | None:
        while self._at < len(self._lines):
            line = self._lines[self._at].lstrip(" \t")
            self._at += 1
            if line and not line.startswith("#"):
                return self._at, line
        return None

    def more(self) -> str | None:
        """Return the next line as it is: the rest of a text in quotes."""
        if self._at >= len(self._lines):
            return None
        self._at += 1
        return self._lines[self._at - 1]


def _seen(character: str) -> bool:
    return character == "\t" or character.isprintable()


def _instruction(number: int, line: str, reader: _Reader) -> Instruction:
    match = _WORD.match(line)
    word = match.group() if match else ""
    rest = line[len(word) :]
    name = word.upper()
    if name not in INSTRUCTIONS or (rest and rest[0] not in " \t"):
        raise _Wrong(_unknown(line.split()[0]))
    key = ""
    if name in ("PARAMETER", "MESSAGE"):
        key, rest = _key(name, rest)
    value = _value(name, rest.strip(), number, reader)
    said = value or (rest.strip() and name in ("TEMPLATE", "SYSTEM", "LICENSE"))  # "" is a text
    if not said:
        raise _Wrong(f"{name}{f' {key}' if key else ''} has no value; {_EXAMPLES[name]}")
    return Instruction(name, key, value, number)


def _unknown(word: str) -> str:
    near = difflib.get_close_matches(word.upper(), INSTRUCTIONS, n=1, cutoff=0.6)
    hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(INSTRUCTIONS)}"
    return f'"{word}" is not an instruction; {hint}'


def _key(name: str, rest: str) -> tuple[str, str]:
    """Return the first word behind PARAMETER or MESSAGE, and what follows."""
    text = rest.strip()
    match = _KEY.match(text)
    key = match.group() if match else ""
    after = text[len(key) :]
    if not key or (after and after[0] not in " \t"):
        found = f'; found "{text.split()[0]}"' if text else ""
        raise _Wrong(
            f"{name} wants a {'name' if name == 'PARAMETER' else 'role'}{found}; {_EXAMPLES[name]}"
        )
    if name == "MESSAGE" and key not in ROLES:
        near = difflib.get_close_matches(key.lower(), ROLES, n=1, cutoff=0.6)
        hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(ROLES)}"
        raise _Wrong(f'"{key}" is not a role; {hint}')
    return key, after


def _value(name: str, text: str, number: int, reader: _Reader) -> str:
    """Return a value without its quotes, with the lines that belong to it."""
    mark = '"""' if text.startswith('"""') else '"' if text.startswith('"') else ""
    value = _unquoted(text)
    while value is None:
        line = reader.more()
        if line is None:
            raise _Wrong(
                f"the text of {name} that begins here with {mark} has no end; "
                f"close it with {mark} at the end of a line"
            )
        text = f"{text}\n{line}"
        value = _unquoted(text.strip())
    return value


def _unquoted(text: str) -> str | None:
    """Return the text without its quotes; None where the closing ones are still to come."""
    if text.startswith('"""'):
        return text[3:-3] if len(text) >= 6 and text.endswith('"""') else None
    if text.startswith('"'):
        return text[1:-1] if len(text) >= 2 and text.endswith('"') else None
    return text


_EXAMPLES = {
    "FROM": "for example: FROM qwen2.5-coder:1.5b",
    "PARAMETER": "for example: PARAMETER temperature 0.2",
    "MESSAGE": "for example: MESSAGE user How do I sort a list?",
    "TEMPLATE": "for example: TEMPLATE {{ .Prompt }}",
    "SYSTEM": "for example: SYSTEM You answer in one sentence.",
    "LICENSE": "for example: LICENSE Apache-2.0",
    "ADAPTER": "for example: ADAPTER ./my-lora.gguf",
    "RENDERER": "for example: RENDERER qwen3-coder",
    "PARSER": "for example: PARSER qwen3-coder",
    "REQUIRES": "for example: REQUIRES 0.14.0",
    "DRAFT": "for example: DRAFT ./small.gguf",
}
