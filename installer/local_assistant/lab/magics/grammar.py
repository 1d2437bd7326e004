"""What may stand on the line of ``%%ai`` and ``%ai``.

Contract: pure functions, standard library only; :data:`OPTIONS` and :data:`COMMANDS` are the
whole grammar, and the help page is made from them. A line that does not fit raises
:class:`AssistantError` with the nearest word that does.
"""

from __future__ import annotations

import keyword
import shlex
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from local_assistant.errors import AssistantError
from local_assistant.lab.prompts import FORMAT_PROMPTS

COMMANDS = {
    "fix": ("[MODEL]", "explain the last error, and put the corrected cell below"),
    "explain": ("[CELL | NAME]", "explain the cell above, a cell by number, or what has a name"),
    "alias": ("NAME MODEL", "let NAME stand for a model in this kernel"),
    "dealias": ("NAME", "forget that name"),
    "list": ("", "show the models that can answer"),
    "reset": ("", "forget what was asked and answered in this kernel"),
    "version": ("", "show the version of the assistant"),
    "help": ("", "show this page"),
}
"""Each command's arguments, and what it does."""

ASKING = ("fix", "explain")
"""The commands that ask the model; they take the options of a question."""

OPTIONS = {
    "--format": ("FORMAT", f"the form of the answer: {', '.join(FORMAT_PROMPTS)}"),
    "--model": ("MODEL", "the same as MODEL on its own"),
    "--schema": ("NAME", "JSON that fits: a variable (dict, pydantic model, type) or a .json file"),
    "--into": ("NAME", "put the answer into this variable, too (it is always in _ai)"),
    "--system": ("TEXT", "what the model is told first, in place of [chat] system_prompt"),
    "--temperature": ("NUMBER", "0 for the same answer every time, up to 2 for variety"),
    "--max-tokens": ("NUMBER", "how long the answer may get"),
    "--no-history": ("", "send nothing of what was asked before, and remember nothing of this"),
    "--no-interpolate": ("", "send the prompt as it stands"),
    "--help": ("", "show this page"),
}
"""Each option's value, and what it does."""

_SHORT = {"-f": "--format", "-s": "--schema", "-t": "--temperature", "-h": "--help"}

FORMATS = tuple(FORMAT_PROMPTS)
DEFAULT_FORMAT = "markdown"
_ALIASES = {"md": "markdown"}
_NO_IMAGES = AssistantError(
    "The models of this assistant read and write text, so there is no format image.",
    "Ask for code that draws the picture (-f code), or for an inline SVG (-f html).",
)
MAX_TEMPERATURE = 2.0
MAX_TOKENS = 1_000_000

USAGE = "%%ai [MODEL] [-f FORMAT], and the prompt on the lines below it"


@dataclass(frozen=True)
class Question:
    """Who is asked, how, and in which form the answer is wanted."""

    model: str | None = None
    format: str = DEFAULT_FORMAT
    interpolate: bool = True
    history: bool = True
    temperature: float | None = None
    max_tokens: int | None = None
    system: str | None = None
    schema: str | None = None
    into: str | None = None


@dataclass(frozen=True)
class Command:
    """A ``%ai`` line: a word of :data:`COMMANDS`, and what stands behind it."""

    name: str
    arguments: tuple[str, ...] = ()
    question: Question = field(default_factory=Question)


def help_page() -> str:
    """Return the grammar for people."""
    options = [_option_row(name) for name in OPTIONS]
    commands = [(f"%ai {name} {arguments}", what) for name, (arguments, what) in COMMANDS.items()]
    return "\n".join(
        [
            "Ask the model:",
            "",
            f"    {USAGE.partition(',')[0]} [options]",
            "    your prompt, on one line or more",
            "",
            "MODEL is any model of the model server, or an alias; without one, assistant.toml",
            f"decides. Without a format the answer is {DEFAULT_FORMAT}.",
            "",
            *_columns(options),
            "",
            "In the prompt, {name}, {name.attribute}, {name[index]} and {name.method()} stand for",
            "values of this notebook; of data frames, for their columns and first rows. In, Out",
            "and Err hold cells, results and errors by number. {{name}} is a literal {name}; other",
            'braces are left alone. "-f code" puts the answer into a new cell below.',
            "Interrupting the kernel stops the model.",
            "",
            "Commands:",
            "",
            *_columns(commands),
        ]
    )


def _option_row(name: str) -> tuple[str, str]:
    value, what = OPTIONS[name]
    short = next((f"{short}, " for short, long in _SHORT.items() if long == name), "")
    return f"{short}{name} {value}", what


def _columns(rows: Sequence[tuple[str, str]]) -> list[str]:
    width = max(len(left.rstrip()) for left, _ in rows) + 2
    return [f"    {left.rstrip():<{width}}{right}" for left, right in rows]


def nearest(word: str, known: Sequence[str]) -> str | None:
    """Return the known word that ``word`` was probably meant to be."""
    import difflib

    close = difflib.get_close_matches(word.lower(), known, n=1, cutoff=0.5)
    return close[0] if close else None


def parse_cell(line: str) -> Question | Command:
    """Return what the line of a ``%%ai`` cell asks for.

    Raises:
        AssistantError: the line does not fit the grammar.
    """
    words, values = _split(line)
    if values.get("--help"):
        return Command("help")
    if words and words[0] in COMMANDS:
        raise AssistantError(
            f'"{words[0]}" is a command, and this cell has a prompt.',
            f"Write %ai {words[0]} in a cell of its own.",
        )
    return _question(words, values)


def parse_line(line: str) -> Command:
    """Return the command of a ``%ai`` line; nothing at all asks for help.

    Raises:
        AssistantError: there is no such command, or it is not used so.
    """
    words, values = _split(line)
    if values.get("--help") or not (words or values):
        return Command("help")
    if not words:
        raise _usage("%ai wants a command.")
    name, *rest = words
    if name not in COMMANDS:
        close = nearest(name, tuple(COMMANDS))
        meant = f" Did you mean %ai {close}?" if close else ""
        raise AssistantError(
            f'%ai has no command "{name}"; it knows {", ".join(COMMANDS)}.{meant}',
            "To ask the model, begin a cell with %%ai and write the prompt below it.",
        )
    if name not in ASKING and values:
        raise AssistantError(
            f"%ai {name} takes no {next(iter(values))}.", f"Usage: {usage_of(name)}"
        )
    if name in ASKING and values.get("--format", DEFAULT_FORMAT) != DEFAULT_FORMAT:
        raise AssistantError(f"%ai {name} answers in {DEFAULT_FORMAT}.", "Leave the format out.")
    if name == "fix":
        return Command(name, (), _question(rest, values))
    _check_count(name, rest)
    return Command(name, tuple(rest), _question([], values))


def usage_of(name: str) -> str:
    """Return how a command is written."""
    return f"%ai {name} {COMMANDS[name][0]}".rstrip() + "."


def variable_name(word: str, option: str) -> str:
    """Return ``word`` if it may name a variable.

    Raises:
        AssistantError: it may not.
    """
    if word.isidentifier() and not keyword.iskeyword(word):
        return word
    raise AssistantError(
        f'{option} wants the name of a variable, and "{word}" is none.', f"Write {option} answer"
    )


def number(text: str, option: str, highest: float, *, whole: bool) -> Any:
    """Return the number that ``text`` is.

    Raises:
        AssistantError: it is none, or out of the range.
    """
    lowest = 1 if whole else 0
    try:
        value = int(text) if whole else float(text)
    except ValueError:
        value = float("nan")
    if lowest <= value <= highest:  # false for what is no number, too
        return value
    kind = "a whole number" if whole else "a number"
    raise AssistantError(
        f'{option} wants {kind} from {lowest} to {highest:,.0f}, not "{text}".',
        f"Write {option} {'200' if whole else '0.2'}",
    )


def checked_format(name: str) -> str:
    """Return the format that ``name`` means.

    Raises:
        AssistantError: there is no such format.
    """
    chosen = _ALIASES.get(name.lower(), name.lower())
    if chosen in FORMATS:
        return chosen
    if chosen in ("image", "images", "img", "png", "picture"):
        raise _NO_IMAGES
    close = nearest(name, FORMATS)
    meant = f" Did you mean {close}?" if close else ""
    raise AssistantError(
        f'There is no format "{name}"; the formats are {", ".join(FORMATS)}.{meant}',
        f"Write %%ai -f {close or DEFAULT_FORMAT}",
    )


def checked(question: Question) -> Question:
    """Return the question with what its options imply.

    Raises:
        AssistantError: two options contradict each other.
    """
    if question.schema is None or question.format == "json":
        return question
    raise AssistantError(
        f"A schema describes JSON, and the format here is {question.format}.", "Write -f json"
    )


def _question(words: list[str], values: dict[str, str]) -> Question:
    model = values.get("--model")
    for word in words:
        if model is not None:
            raise _usage(f'"{word}" is one word too many: {model} would be the model.')
        model = word
    schema = values.get("--schema")
    default = DEFAULT_FORMAT if schema is None else "json"
    temperature, most = values.get("--temperature"), values.get("--max-tokens")
    into = values.get("--into")
    question = Question(
        model=model,
        format=checked_format(values.get("--format", default)),
        interpolate="--no-interpolate" not in values,
        history="--no-history" not in values,
        temperature=None
        if temperature is None
        else number(temperature, "--temperature", MAX_TEMPERATURE, whole=False),
        max_tokens=None if most is None else number(most, "--max-tokens", MAX_TOKENS, whole=True),
        system=values.get("--system"),
        schema=schema,
        into=None if into is None else variable_name(into, "--into"),
    )
    return checked(question)


def _split(line: str) -> tuple[list[str], dict[str, str]]:
    """Return the words of a line, and the values of its options by their long names."""
    words: list[str] = []
    values: dict[str, str] = {}
    rest = _words(line)
    while rest:
        word = rest.pop(0)
        if not word.startswith("-") or word == "-":
            words.append(word)
            continue
        name, equals, value = word.partition("=")
        option = _SHORT.get(name, name)
        if option not in OPTIONS:
            raise _unknown_option(name)
        if not OPTIONS[option][0]:
            if equals:
                raise _usage(f"{name} takes no value.")
            value = "yes"
        elif not equals:
            if not rest:
                raise _usage(f"{name} needs a value: {_values_of(option)}.")
            value = rest.pop(0)
        values[option] = value
    return words, values


def _values_of(option: str) -> str:
    return f"one of {', '.join(FORMATS)}" if option == "--format" else OPTIONS[option][0]


def _check_count(name: str, rest: list[str]) -> None:
    wanted = COMMANDS[name][0]
    most = 1 if wanted.startswith("[") else len(wanted.split())
    least = 0 if wanted.startswith("[") else most
    if len(rest) > most:
        raise AssistantError(
            f'%ai {name}: "{rest[most]}" is one word too many.', f"Usage: {usage_of(name)}"
        )
    if len(rest) < least:
        raise AssistantError(f"%ai {name} wants {wanted}.", f"Usage: {usage_of(name)}")


def _words(line: str) -> list[str]:
    """Split like a shell, but with backslashes left alone: they stand in Windows paths."""
    lexer = shlex.shlex(line, posix=True, punctuation_chars=False)
    lexer.whitespace_split = True
    lexer.commenters = ""
    lexer.escape = ""
    try:
        return list(lexer)
    except ValueError as error:
        raise _usage("A quotation mark on the %%ai line is not closed.") from error


def _unknown_option(name: str) -> AssistantError:
    close = nearest(name, tuple(OPTIONS))
    meant = f" Did you mean {close}?" if close else f" It knows {', '.join(OPTIONS)}."
    return _usage(f'%%ai has no option "{name}".{meant}')


def _usage(message: str) -> AssistantError:
    return AssistantError(message, f"Usage: {USAGE}.")
