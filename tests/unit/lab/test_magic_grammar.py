"""The line of %%ai and %ai."""

from __future__ import annotations

import pytest

from local_assistant.errors import AssistantError
from local_assistant.lab.magics.grammar import (
    COMMANDS,
    FORMATS,
    OPTIONS,
    Command,
    Question,
    help_page,
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
        ("--model qwen3:4b -f text", Question("qwen3:4b", "text")),
        ("-t 0 --max-tokens=20", Question(temperature=0.0, max_tokens=20)),
        ('--system "Answer in Latin."', Question(system="Answer in Latin.")),
        ("--no-history", Question(history=False)),
        ("--schema City", Question(format="json", schema="City")),
        (
            "-s C:\\schemas\\city.json -f json",
            Question(format="json", schema=r"C:\schemas\city.json"),
        ),
        ("--into größe -f text", Question(format="text", into="größe")),
        ("--help", Command("help")),
    ],
)
def test_a_cell_line_is_read(line: str, expected: Question | Command) -> None:
    assert parse_cell(line) == expected


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_is_accepted_and_in_the_help(name: str) -> None:
    assert parse_cell(f"-f {name}") == Question(format=name)
    assert name in help_page()


@pytest.mark.parametrize("name", OPTIONS)
def test_every_option_is_in_the_help(name: str) -> None:
    assert name in help_page()


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("-f marckdown", ("marckdown", "Did you mean markdown?")),
        ("-f", ("needs a value", "code")),
        ("-f image", ("no format image", "-f html")),
        ("--fromat code", ("--fromat", "Did you mean --format?")),
        ("--temprature 1", ("Did you mean --temperature?",)),
        ("--qqq", ("--qqq", "It knows --format")),
        ("--temperature warm", ("--temperature", "from 0 to 2", '"warm"')),
        ("--temperature 3", ("from 0 to 2",)),
        ("--temperature nan", ("from 0 to 2",)),
        ("--max-tokens 0", ("a whole number from 1 to 1,000,000",)),
        ("--max-tokens 1.5", ("a whole number",)),
        ("--no-history=yes", ("takes no value",)),
        ("--schema City -f text", ("format here is text", "-f json")),
        ("--into 3x", ("--into", '"3x"')),
        ("--into class", ('"class"',)),
        ("--model a b", ('"b" is one word too many: a',)),
        ("fix", ("is a command", "%ai fix")),
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
    words = ("fast", "qwen3:4b")[: {"alias": 2, "dealias": 1}.get(name, 0)]
    assert parse_line(" ".join([name, *words])) == Command(name, words)
    assert f"%ai {name}" in help_page()


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("fix qwen3:4b -t 0", Command("fix", (), Question("qwen3:4b", temperature=0.0))),
        ("explain 3", Command("explain", ("3",))),
        ("explain mean --model m", Command("explain", ("mean",), Question("m"))),
        ("list --help", Command("help")),
    ],
)
def test_commands_that_ask_take_options(line: str, expected: Command) -> None:
    assert parse_line(line) == expected


def test_nothing_after_percent_ai_asks_for_help() -> None:
    assert parse_line("") == Command("help")


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("lits", ("lits", "Did you mean %ai list?")),
        ("what is a list", ("what", "%%ai")),
        ("list all", ('"all"', "Usage: %ai list.")),
        ("alias fast", ("NAME MODEL", "Usage: %ai alias NAME MODEL.")),
        ("explain 1 2", ('"2" is one word too many', "[CELL | NAME]")),
        ("reset -f text", ("%ai reset takes no --format",)),
        ("fix -f json", ("answers in markdown",)),
        ("--no-history", ("wants a command",)),
    ],
)
def test_a_wrong_command_names_what_would_be_right(line: str, words: tuple[str, ...]) -> None:
    with pytest.raises(AssistantError) as caught:
        parse_line(line)
    for word in words:
        assert word in str(caught.value)
