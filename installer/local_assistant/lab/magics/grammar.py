"""What may stand on the line of ``%%ai`` and ``%ai``.

Contract: pure functions, standard library only. The grammar is Jupyter AI's::

    %%ai [MODEL] [-f FORMAT] [--no-interpolate]
    prompt

    %ai list | help | version

A line that does not fit raises :class:`AssistantError` with the nearest word that does.
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass

from local_assistant.errors import AssistantError
from local_assistant.lab.prompts import FORMAT_PROMPTS

COMMANDS = {
    "list": "show the models that can answer",
    "help": "show this page",
    "version": "show the version of the assistant",
}

FORMATS = tuple(FORMAT_PROMPTS)
DEFAULT_FORMAT = "markdown"
_ALIASES = {"md": "markdown"}

USAGE = "%%ai [MODEL] [-f FORMAT], and the prompt on the lines below it"

HELP = f"""\
Ask the model:

    {USAGE.partition(",")[0]} [--no-interpolate]
    your prompt, on one line or more

MODEL             any model of the model server; without one, assistant.toml decides
-f, --format      {", ".join(FORMATS)} (default: {DEFAULT_FORMAT})
--no-interpolate  send the prompt as it stands

In the prompt, {{name}}, {{name.attribute}} and {{name[index]}} are replaced by values of
this notebook; {{{{name}}}} stands for a literal {{name}}. Other braces are left alone.
"-f code" puts the answer into a new cell below. Interrupting the kernel stops the model.

Look around:

""" + "\n".join(f"    %ai {name:<10}{what}" for name, what in COMMANDS.items())


@dataclass(frozen=True)
class Question:
    """A ``%%ai`` line: who is asked, and in which form the answer is wanted."""

    model: str | None = None
    format: str = DEFAULT_FORMAT
    interpolate: bool = True


@dataclass(frozen=True)
class Command:
    """A ``%ai`` line: one word of :data:`COMMANDS`."""

    name: str


def nearest(word: str, known: tuple[str, ...]) -> str | None:
    """Return the known word that ``word`` was probably meant to be."""
    import difflib

    close = difflib.get_close_matches(word.lower(), known, n=1, cutoff=0.5)
    return close[0] if close else None


def parse_cell(line: str) -> Question | Command:
    """Return what the line of a ``%%ai`` cell asks for.

    Raises:
        AssistantError: the line does not fit the grammar.
    """
    words = _words(line)
    model: str | None = None
    chosen = DEFAULT_FORMAT
    interpolate = True
    while words:
        word = words.pop(0)
        name, equals, value = word.partition("=")
        if word in ("-h", "--help"):
            return Command("help")
        if word in ("--interpolate", "--no-interpolate"):
            interpolate = word == "--interpolate"
        elif name in ("-f", "--format"):
            if not equals and not words:
                raise _usage(f"{name} needs a format: one of {', '.join(FORMATS)}.")
            chosen = _format(value if equals else words.pop(0))
        elif word.startswith("-"):
            raise _unknown_option(name)
        elif model is None:
            model = word
        else:
            raise _usage(f'"{word}" is one word too many: {model} would be the model.')
    return Question(model, chosen, interpolate)


def parse_line(line: str) -> Command:
    """Return the command of a ``%ai`` line; nothing at all asks for help.

    Raises:
        AssistantError: there is no such command.
    """
    words = _words(line)
    if not words or words[0] in ("-h", "--help"):
        return Command("help")
    name, *rest = words
    if name not in COMMANDS:
        close = nearest(name, tuple(COMMANDS))
        meant = f" Did you mean %ai {close}?" if close else ""
        raise AssistantError(
            f'%ai has no command "{name}"; it knows {", ".join(COMMANDS)}.{meant}',
            "To ask the model, begin a cell with %%ai and write the prompt below it.",
        )
    if rest:
        raise _usage(f'%ai {name} takes nothing after it, and "{rest[0]}" was found.')
    return Command(name)


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


def _format(name: str) -> str:
    chosen = _ALIASES.get(name.lower(), name.lower())
    if chosen in FORMATS:
        return chosen
    close = nearest(name, FORMATS)
    meant = f" Did you mean {close}?" if close else ""
    raise AssistantError(
        f'There is no format "{name}"; the formats are {", ".join(FORMATS)}.{meant}',
        f"Write %%ai -f {close or DEFAULT_FORMAT}",
    )


def _unknown_option(name: str) -> AssistantError:
    close = nearest(name, ("--format", "--no-interpolate", "--interpolate", "--help"))
    meant = f" Did you mean {close}?" if close else ""
    return _usage(f'%%ai has no option "{name}".{meant}')


def _usage(message: str) -> AssistantError:
    return AssistantError(message, f"Usage: {USAGE}.")
