"""The one place of the CLI that writes to stdout and stderr.

Contract: with ``--json`` stdout holds JSON and nothing else: one object for most commands,
and lines of objects whose last is the contract's for those that stream. Without it: plain
text; colour only at a terminal, and not where ``NO_COLOR`` is set.
"""

from __future__ import annotations

import functools
import json
import os
import re
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

import click

from local_assistant.cli.group import NAME
from local_assistant.cli.result import Line, Result, Style, Table

SCHEMA = 1
_VERB = " assistant"
_OURS = re.compile(rf"(?<![\w/\\.-]){NAME}\b")
_JUPYTERS = re.compile(r"(?<![\w/\\.-])jupyter(?= (?:lab|server)\b)")
"""Commands that a message names, where no folder stands before them already."""

_COLOURS: dict[Style, dict[str, Any]] = {
    "plain": {},
    "title": {"bold": True},
    "good": {"fg": "green"},
    "bad": {"fg": "red"},
    "note": {"fg": "yellow"},
    "dim": {"dim": True},
}


class Renderer:
    """Prints results, progress and errors, as JSON or as text."""

    def __init__(self, *, as_json: bool) -> None:
        self.as_json = as_json

    def interactive(self) -> bool:
        """Return whether somebody is there to answer a question."""
        return not self.as_json and not in_cell() and sys.stdin.isatty() and sys.stdout.isatty()

    def result(self, result: Result) -> int:
        """Print ``result`` and return the exit code that belongs to it."""
        if self.as_json:
            self.json({"schema": SCHEMA, "ok": result.ok, **result.data})
        else:
            for block in result.text:
                self.table(block) if isinstance(block, Table) else self.line(block)
        return 0 if result.ok else 1

    def json(self, data: Mapping[str, Any]) -> None:
        """Print one JSON object on one line."""
        _write(sys.stdout, json.dumps(data, ensure_ascii=False))

    def line(self, line: Line | str) -> None:
        """Print one line of text; nothing where JSON is wanted."""
        if not self.as_json:
            item = Line(line) if isinstance(line, str) else line
            _write(sys.stdout, _styled(item.text, item.style, sys.stdout))

    def passing(self, text: str) -> None:
        """Print what another program prints, as it comes: a progress bar has no lines."""
        if not self.as_json:
            click.echo(text, nl=False)

    def table(self, table: Table) -> None:
        """Print a table, as wide as its content."""
        rows = [list(table.headers), *[list(row) for row in table.rows]]
        widths = [max(len(row[i]) for row in rows) for i in range(len(table.headers))]
        for number, row in enumerate(rows):
            cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]
            self.line(Line("  ".join(cells).rstrip(), "title" if number == 0 else "plain"))

    def note(self, text: str) -> None:
        """Print a remark to stderr, where it disturbs neither text nor JSON."""
        _write(sys.stderr, _styled(text, "note", sys.stderr))

    def error(self, message: str, fix: str | None) -> None:
        """Print a failure: to stderr, and as an object to stdout where JSON is wanted."""
        if self.as_json:
            failure = {"message": message, "fix": fix}
            self.json({"schema": SCHEMA, "ok": False, "error": failure})
            return
        _write(sys.stderr, _styled(f"Error: {message}", "bad", sys.stderr))
        if fix:
            _write(sys.stderr, _styled(f"Fix: {fix}", "plain", sys.stderr))


@functools.cache
def command_name() -> str:
    """Return how the user calls this command from here: by a path where it is not on PATH, and
    as a module where this Python's environment has no such program (``pip install --user``)."""
    scripts = Path(sys.executable).parent
    found = shutil.which("jupyter-assistant")
    if os.name == "nt":
        return NAME
    here = Path.cwd()
    shown = scripts.relative_to(here) if scripts.is_relative_to(here) else scripts
    if (scripts / "jupyter-assistant").exists():
        name = NAME if (scripts / "jupyter").exists() else "jupyter-assistant"
        return name if found and Path(found).parent == scripts else f"{shown / name}"
    return NAME if found else f"{shown / Path(sys.executable).name} -m local_assistant"


def as_called(text: str) -> str:
    """Return ``text`` with its Jupyter commands as they are called from where the user stands."""
    name = command_name()
    text = _OURS.sub(lambda _: name, text)
    program = name.removesuffix(_VERB)
    return _JUPYTERS.sub(lambda _: program, text) if program != name else text


def in_cell() -> bool:
    """Return whether a notebook's cell runs this command, as ``!jupyter assistant …`` does.

    IPython gives it a terminal, but one that moves no cursor and in which nobody can answer.
    """
    return "JPY_PARENT_PID" in os.environ  # set for each kernel by jupyter_client


def use_colour(stream: IO[str]) -> bool:
    """Return whether ``stream`` is a terminal whose user wants colour."""
    return not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb" and stream.isatty()


def _styled(text: str, style: Style, stream: IO[str]) -> str:
    text = as_called(text)
    colours = _COLOURS[style]
    return click.style(text, **colours) if colours and use_colour(stream) else text


def _write(stream: IO[str], text: str) -> None:
    # Written through click: it copes with terminals that cannot encode a character.
    try:
        click.echo(text, file=stream)
    except UnicodeEncodeError:
        encoding = getattr(stream, "encoding", None) or "ascii"
        click.echo(text.encode(encoding, "replace").decode(encoding), file=stream)
