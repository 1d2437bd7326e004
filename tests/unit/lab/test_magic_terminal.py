"""Answers in a terminal: drawn block by block, and nothing of the model acts there."""

from __future__ import annotations

import io
import re

import pytest
from rich.console import Console

from local_assistant.lab.magics.screen import printable
from local_assistant.lab.magics.terminal import Terminal, split_blocks

ANSWER = "# Primes\n\nUse *this*:\n\n```python\nx = 1\n\ny = 2\n```\n\nThat is **all**."


def _drawn(pieces: list[str], *, height: int = 24) -> str:
    file = io.StringIO()
    console = Console(file=file, width=60, height=height, force_terminal=True, color_system=None)
    screen = Terminal(console)
    for piece in pieces:
        screen.grow(piece)
    screen.finish(None)
    return file.getvalue()


@pytest.mark.parametrize("size", [1, 7, 1_000])
def test_it_is_drawn_as_markdown_whatever_the_pieces(size: int) -> None:
    drawn = _drawn([ANSWER[i : i + size] for i in range(0, len(ANSWER), size)])
    assert "That is all." in drawn
    for said in ("Primes", "Use this:", "x = 1", "y = 2"):
        assert said in drawn
    assert drawn.rstrip().endswith("all.")


def test_a_block_is_whole_at_an_empty_line_outside_of_code() -> None:
    assert split_blocks("a\n\nb") == ("a\n\n", "b")
    assert split_blocks("```\na\n\nb") == ("", "```\na\n\nb")
    assert split_blocks("```\na\n\nb\n```\n\nc") == ("```\na\n\nb\n```\n\n", "c")
    assert split_blocks("~~~\n```\n\n") == ("", "~~~\n```\n\n")


def test_what_is_being_written_never_fills_the_terminal() -> None:
    """A live area that is higher than the terminal would be written again and again."""
    drawn = _drawn(["```\n", *(f"line {i}\n" for i in range(60))], height=10)
    back = [run.count("A") for run in re.findall(r"(?:\x1b\[1A\x1b\[2K)+", drawn)]
    assert 1 <= max(back) < 10
    assert "line 59" in drawn


@pytest.mark.parametrize(
    "evil", ["\x1b]52;c;ZXZpbA==\x07", "\x1b[2J", "\x9b2J", "a\rb", "\x08\x08"]
)
def test_control_characters_do_not_reach_the_terminal(evil: str) -> None:
    assert not set(printable(evil)) & set("\x1b\x9b\x07\x08\r")
    drawn = _drawn([f"text {evil} text"])
    assert evil not in drawn
    assert "\x1b]" not in drawn
