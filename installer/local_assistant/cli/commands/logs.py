"""``jupyter assistant logs``: the end of each log file, and what is added to it."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from local_assistant.cli.group import json_option
from local_assistant.cli.result import Line, Result
from local_assistant.errors import AssistantError

if TYPE_CHECKING:
    from local_assistant.cli.render import Renderer
    from local_assistant.cli.tailing import Mark

COMPONENTS = ("cli", "completion", "engine", "jupyterlab", "kernel", "magics", "ollama")
"""What writes a log of its own, when it runs; the names that a wait makes sense for."""

OLLAMA = "ollama"
APP = "ollama-app"
_POLL_S = 0.25
_INTERRUPTED = 130


@dataclass(frozen=True)
class Log:
    """A log file, under the name by which it is asked for."""

    name: str
    path: Path


@click.command()
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option("-n", "--lines", default=50, show_default=True, type=click.IntRange(min=0))
@click.option("-f", "--follow", is_flag=True, help="Go on printing what is added, until Ctrl-C.")
@json_option
@click.pass_obj
def command(
    renderer: Renderer, names: tuple[str, ...], lines: int, follow: bool
) -> Result | int | None:
    """Print the end of the log files: all of them, or those named.

    Names: engine, ollama, jupyterlab, magics, completion, kernel, cli. An Ollama that the
    assistant did not start keeps its own log: it is shown where it is a file, and else the
    command that shows it is named.
    """
    from local_assistant.cli.tailing import mark

    if follow and renderer.as_json:
        raise click.UsageError("--follow and --json exclude each other.")
    logs = chosen(names, wait=follow)
    ends = {log: mark(log.path) for log in logs}
    result = tail_result(ends, lines, _elsewhere(names))
    if not follow:
        return result
    try:
        renderer.result(result)
        for log, line in followed(ends, every=not names):
            renderer.line(line if len(logs) == 1 and names else f"{log.name}: {line}")
    except KeyboardInterrupt:
        return _INTERRUPTED  # how one leaves: nothing is to be said about it
    return None


def present() -> dict[str, Log]:
    """Return the log files that there are, by name."""
    from local_assistant import paths

    found = {path.stem: Log(path.stem, path) for path in sorted(paths.logs_dir().glob("*.log"))}
    app = paths.ollama_app_log()
    if app is not None and app.is_file():
        found[APP] = Log(APP, app)
    return found


def chosen(names: Sequence[str], *, wait: bool) -> list[Log]:
    """Return the logs with these names, or all.

    Args:
        names: what was asked for; ``ollama`` means its own log, too.
        wait: whether one that is not there yet is waited for.

    Raises:
        AssistantError: there is no such log.
    """
    from local_assistant import paths

    there = present()
    if not names:
        return list(there.values())
    logs: dict[str, Log] = {}
    for name in names:
        fitting = [each for each in (name, APP if name == OLLAMA else name) if each in there]
        if not fitting and wait and name in COMPONENTS:
            logs[name] = Log(name, paths.logs_dir() / f"{name}.log")
        elif not fitting:
            raise _missing(name, there)
        for each in fitting:
            logs[each] = there[each]
    return list(logs.values())


def _missing(name: str, there: Mapping[str, Log]) -> AssistantError:
    from local_assistant import paths

    if name == OLLAMA:
        return AssistantError(
            "The assistant has not started an Ollama, so it has no log of one.",
            f"See Ollama's own: {_own_command()}",
        )
    known = ", ".join(there) or "none yet"
    return AssistantError(
        f"There is no log file named {name} in {paths.logs_dir()} (there: {known}).",
        "See all of them with: jupyter assistant logs",
    )


def _elsewhere(names: Sequence[str]) -> str | None:
    """Return the command that shows Ollama's own log, where it was asked for and is no file."""
    from local_assistant.server import ollama

    if OLLAMA not in names or APP in present() or ollama.started_by_us() is not None:
        return None
    return _own_command()


def _own_command() -> str:
    """Return the command that shows the log of an Ollama that runs without us."""
    import sys

    from local_assistant.config import ConfigError, default_config, load_config
    from local_assistant.server import states

    try:
        config = load_config().config
    except ConfigError:
        config = default_config().config
    how = states.describe(config).how
    if how == "container":
        return "docker logs -f CONTAINER (docker ps tells its name)"
    if how == "service" or sys.platform == "linux":
        return "journalctl -u ollama -f, or the terminal in which ollama serve runs"
    return "the terminal in which ollama serve runs"


def tail_result(ends: Mapping[Log, Mark], count: int, elsewhere: str | None = None) -> Result:
    """Return the last ``count`` lines of each file before the place where it ended."""
    from local_assistant import paths
    from local_assistant.cli.tailing import tail

    tails = [(log, tail(log.path, end, count)) for log, end in ends.items()]
    data = {
        "directory": str(paths.logs_dir()),
        "files": [{"name": g.name, "path": str(g.path), "lines": lines} for g, lines in tails],
        "elsewhere": elsewhere,
    }
    text: list[Line] = []
    for log, lines in tails:
        text.append(Line(f"==> {log.path} <==", "title"))
        text.extend(Line(line) for line in lines)
    if elsewhere:
        text.append(Line(f"An Ollama that runs without the assistant: {elsewhere}", "note"))
    return Result(data, text or (Line(f"There are no log files yet in {paths.logs_dir()}."),))


def followed(ends: Mapping[Log, Mark], *, every: bool) -> Iterator[tuple[Log, str]]:
    """Yield the lines that are added to files after the place where they ended, for ever.

    Args:
        ends: the files, and where to begin.
        every: whether files that come into being meanwhile are followed, too.
    """
    from local_assistant.cli.tailing import Followed, Mark

    files = {log: Followed(log.path, end) for log, end in ends.items()}
    while True:
        for log, file in files.items():
            for line in file.added():
                yield log, line
        for log in present().values() if every else ():
            files.setdefault(log, Followed(log.path, Mark(0, 0)))
        time.sleep(_POLL_S)
