"""``jupyter assistant logs``: the end of each log file, and what is added to it."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from local_assistant.cli.group import json_option
from local_assistant.cli.result import Line, Result
from local_assistant.errors import AssistantError

if TYPE_CHECKING:
    from local_assistant.cli.render import Renderer

_POLL_S = 0.25


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
    result = tail_result(files, lines)
    if not follow:
        return result
    renderer.result(result)
    for path, line in followed(files):
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


def tail_result(files: list[Path], count: int) -> Result:
    """Return the last ``count`` lines of each file."""
    from local_assistant import paths

    tails = [(path, _tail(path, count)) for path in files]
    data = {
        "directory": str(paths.logs_dir()),
        "files": [{"name": p.stem, "path": str(p), "lines": lines} for p, lines in tails],
    }
    text: list[Line] = []
    for path, lines in tails:
        text.append(Line(f"==> {path} <==", "title"))
        text.extend(Line(line) for line in lines)
    return Result(data, text or (Line(f"There are no log files yet in {paths.logs_dir()}."),))


def followed(files: list[Path]) -> Iterator[tuple[Path, str]]:
    """Yield the lines that are added to ``files``, for ever."""
    positions = {path: path.stat().st_size for path in files}
    while True:
        for path in files:
            for line in _added(path, positions):
                yield path, line
        time.sleep(_POLL_S)


def _added(path: Path, positions: dict[Path, int]) -> list[str]:
    try:
        size = path.stat().st_size
        if size < positions[path]:
            positions[path] = 0  # The file was rotated: read the new one from its start.
        with path.open("rb") as stream:
            stream.seek(positions[path])
            content = stream.read()
    except FileNotFoundError:
        return []  # Between the two halves of a rotation.
    whole, _, _rest = content.rpartition(b"\n")
    if not whole:
        return []
    positions[path] += len(whole) + 1
    return whole.decode("utf-8", "replace").splitlines()


def _tail(path: Path, count: int) -> list[str]:
    with path.open(encoding="utf-8", errors="replace") as stream:
        return [line.rstrip("\n") for line in deque(stream, maxlen=count)]
