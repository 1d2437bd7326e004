"""A download's progress: a bar at a terminal, lines elsewhere, JSON lines for ``pull --json``.

Contract: called often and from any thread; lines are thinned out, so that a log of a long
download stays readable. Part of the renderer: nothing else prints progress.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from local_assistant.cli.render import in_cell, use_colour
from local_assistant.cli.result import Line

if TYPE_CHECKING:
    from local_assistant.cli.render import Renderer
    from local_assistant.models.progress import PullProgress

Report = Callable[["PullProgress"], None]
_LINE_EVERY_S = 10.0
_JSON_EVERY_S = 0.5


@contextlib.contextmanager
def reporting(renderer: Renderer, *, json_lines: bool = False) -> Iterator[Report]:
    """Give a callback that shows progress.

    Args:
        renderer: where to; with ``--json`` nothing is shown unless ``json_lines`` is set.
        json_lines: whether each step is a JSON line.
    """
    import sys

    if renderer.as_json:
        if json_lines:
            yield _thinned(lambda event: renderer.json(_line_of(event)), _JSON_EVERY_S)
        else:
            yield _silent
    elif sys.stdout.isatty() and use_colour(sys.stdout) and not in_cell():
        with _bars() as report:
            yield report
    else:
        yield _thinned(lambda event: renderer.line(Line(_text(event), "dim")), _LINE_EVERY_S)


def _silent(_event: PullProgress) -> None:
    return


def _thinned(show: Report, every_s: float) -> Report:
    """Return a callback that shows each new status at once, and else one in ``every_s``."""
    last: dict[str, Any] = {"what": None, "at": 0.0}

    def report(event: PullProgress) -> None:
        now = time.monotonic()
        what = (event.name, event.status)
        if what != last["what"] or now - last["at"] >= every_s:
            last.update(what=what, at=now)
            show(event)

    return report


def _line_of(event: PullProgress) -> dict[str, Any]:
    eta_s = event.eta_s
    rounded = {
        "speed": None if event.speed is None else round(event.speed),
        "eta_s": None if eta_s is None else round(eta_s),
    }
    return asdict(event) | rounded


def _text(event: PullProgress) -> str:
    from local_assistant.setup.files import shown_bytes

    text = f"{event.name}: {event.status}"
    if not event.total or event.completed is None:
        return text
    text += f", {event.completed / event.total:.0%} of {shown_bytes(event.total)}"
    if event.speed:
        text += f", {shown_bytes(round(event.speed))}/s"
    if event.eta_s:
        text += f", {_clock(event.eta_s)} left"
    return text


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


@contextlib.contextmanager
def _bars() -> Iterator[Report]:
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        Progress,
        TaskID,
        TextColumn,
        TimeRemainingColumn,
        TransferSpeedColumn,
    )

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    progress = Progress(*columns, transient=True)
    tasks: dict[str, TaskID] = {}

    def report(event: PullProgress) -> None:
        # Started by the first event: an idle bar would disturb the lines of other steps.
        progress.start()
        task = tasks.get(event.name)
        if task is None:
            task = tasks[event.name] = progress.add_task(event.name, total=None)
        description = f"{event.name}: {event.status}"
        progress.update(task, description=description, completed=event.completed, total=event.total)

    try:
        yield report
    finally:
        progress.stop()
