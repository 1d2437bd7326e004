"""The line of %%ai and %ai."""

from __future__ import annotations

import pytest

from local_assistant.errors import AssistantError
from local_assistant.lab.magics.grammar import (
    COMMANDS,
    FORMATS,
    HELP,
    Command,
    Question,
    parse_cell,
    parse_line,
)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("", Question()),
        ("qwen2.5-coder:1.5b", Question("qwen2.5-coder:1.5b")),
        ("-f code", Question(format="code")),
        ("--format=json", Question(format="json")),
        ("-f MD", Question(format="markdown")),
        ("hf.co/a/b:Q4_K_M --format math", Question("hf.co/a/b:Q4_K_M", "math")),
        ("-f html assistant-demo", Question("assistant-demo", "html")),
        ("--no-interpolate", Question(interpolate=False)),
        (r"C:\models\tiny.gguf -f text", Question(r"C:\models\tiny.gguf", "text")),
        ('"/my models/tiny.gguf"', Question("/my models/tiny.gguf")),
        ("--help", Command("help")),
    ],
)
def test_a_cell_line_is_read(line: str, expected: Question | Command) -> None:
    assert parse_cell(line) == expected


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_is_accepted_and_in_the_help(name: str) -> None:
    assert parse_cell(f"-f {name}") == Question(format=name)
    assert name in HELP


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("-f marckdown", ("marckdown", "Did you mean markdown?")),
        ("-f", ("needs a format", "code")),
        ("--fromat code", ("--fromat", "--format")),
        ("one two", ('"two"', "Usage: %%ai [MODEL] [-f FORMAT]")),
        ("it's", ("quotation mark", "Usage")),
    ],
)
def test_a_wrong_cell_line_names_what_would_be_right(line: str, words: tuple[str, ...]) -> None:
    with pytest.raises(AssistantError) as caught:
        parse_cell(line)
    for word in words:
        assert word in str(caught.value)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_is_known_and_in_the_help(name: str) -> None:
    assert parse_line(name) == Command(name)
    assert f"%ai {name}" in HELP


def test_nothing_after_percent_ai_asks_for_help() -> None:
    assert parse_line("") == Command("help")


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("lits", ("lits", "Did you mean %ai list?")),
        ("what is a list", ("what", "%%ai")),
        ("list all", ('"all"', "Usage")),
    ],
)
def test_a_wrong_command_names_what_would_be_right(line: str, words: tuple[str, ...]) -> None:
    with pytest.raises(AssistantError) as caught:
        parse_line(line)
    for word in words:
        assert word in str(caught.value)
