"""``jupyter assistant logs``: the end of each log file, and what is added to it."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

from local_assistant.cli.group import json_option
from local_assistant.cli.result import Line, Result
from local_assistant.errors import AssistantError

if TYPE_CHECKING:
    from local_assistant.cli.render import Renderer

_POLL_S = 0.25
_TAIL_BYTES = 2_000_000
"""No more is looked through: Ollama's log is its own, and grows."""


@click.command()
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option("-n", "--lines", default=50, show_default=True, type=click.IntRange(min=0))
@click.option("-f", "--follow", is_flag=True, help="Go on printing what is added, until Ctrl-C.")
@json_option
@click.pass_obj
def command(renderer: Renderer, names: tuple[str, ...], lines: int, follow: bool) -> Result | None:
    """Print the end of the log files: all of them, or those named (engine, cli, …)."""
    if follow and renderer.as_json:
        raise click.UsageError("--follow and --json exclude each other.")
    files = log_files(names)
    ends = {path: _size(path) for path in files}
    result = tail_result(ends, lines)
    if not follow:
        return result
    renderer.result(result)
    for path, line in followed(ends):
        renderer.line(f"{path.stem}: {line}" if len(files) > 1 else line)
    return None


def log_files(names: tuple[str, ...]) -> list[Path]:
    """Return the log files with these names, or all.

    Raises:
        AssistantError: there is no such file.
    """
    from local_assistant import paths

    present = sorted(paths.logs_dir().glob("*.log"))
    known = {path.stem: path for path in present}
    for name in names:
        if name not in known:
            there = ", ".join(known) or "none yet"
            raise AssistantError(
                f"There is no log file named {name} in {paths.logs_dir()} (there: {there}).",
                "See all of them with: jupyter assistant logs",
            )
    return [known[name] for name in names] or present


def tail_result(ends: Mapping[Path, int], count: int) -> Result:
    """Return the last ``count`` lines of each file before the byte where it ended."""
    from local_assistant import paths

    tails = [(path, _tail(path, end, count)) for path, end in ends.items()]
    data = {
        "directory": str(paths.logs_dir()),
        "files": [{"name": p.stem, "path": str(p), "lines": lines} for p, lines in tails],
    }
    text: list[Line] = []
    for path, lines in tails:
        text.append(Line(f"==> {path} <==", "title"))
        text.extend(Line(line) for line in lines)
    return Result(data, text or (Line(f"There are no log files yet in {paths.logs_dir()}."),))


def followed(ends: Mapping[Path, int]) -> Iterator[tuple[Path, str]]:
    """Yield the lines that are added to files after the byte where they ended, for ever."""
    positions = dict(ends)
    while True:
        for path in positions:
            for line in _added(path, positions):
                yield path, line
        time.sleep(_POLL_S)


def _added(path: Path, positions: dict[Path, int]) -> list[str]:
    if _size(path) < positions[path]:
        positions[path] = 0  # The file was rotated: read the new one from its start.
    content = _read(path, positions[path])
    whole, newline, _rest = content.rpartition(b"\n")
    positions[path] += len(whole) + len(newline)
    return whole.decode("utf-8", "replace").splitlines()


def _tail(path: Path, end: int, count: int) -> list[str]:
    start = max(0, end - _TAIL_BYTES)
    lines = _read(path, start)[: end - start].decode("utf-8", "replace").splitlines()
    return lines[len(lines) - min(count, len(lines)) :]


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0  # Between the two halves of a rotation.


def _read(path: Path, start: int) -> bytes:
    try:
        with path.open("rb") as stream:
            stream.seek(start)
            return stream.read()
    except FileNotFoundError:
        return b""  # Between the two halves of a rotation.
