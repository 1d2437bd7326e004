"""``jupyter assistant status``: which server and models answer, and why."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from local_assistant.cli.group import json_option
from local_assistant.cli.result import Line, Result, Style, Table

if TYPE_CHECKING:
    from local_assistant.setup.status import ServerStatus, Status


@click.command()
@json_option
def command() -> Result:
    """Say which server and models answer, and why. Starts nothing.

    Exits 1 where a question asked now would not be answered as configured.
    """
    from pathlib import Path

    from local_assistant.setup.status import status

    found = status(Path.cwd())
    return Result(found.as_dict(), _text(found), ok=found.ok)


def _text(found: Status) -> list[Line | Table]:
    lines: list[Line | Table] = [*_server_lines(found.server)]
    rows = [
        (role, model.model or "-", model.problem or model.notice or "")
        for role, model in found.models.items()
    ]
    lines += [Line(), Table(("ROLE", "MODEL", ""), rows)]
    lines += [
        Line(f"Fix: {fix}", "note")
        for fix in dict.fromkeys(model.fix for model in found.models.values())
        if fix
    ]
    lines += [Line(), Line(_engine_line(found))]
    settings = found.config.path + ("" if found.config.exists else " (not there: defaults count)")
    lines.append(Line(f"Settings: {settings}"))
    lines += [Line(f"  {problem}", "bad") for problem in found.config.problems]
    lines.append(Line(f"Logs:     {found.logs}"))
    return lines


def _server_lines(server: ServerStatus) -> list[Line]:
    styles: dict[str, Style] = {"answers": "good", "idle": "plain", "failed": "bad"}
    style = styles[server.state]
    if server.state == "answers":
        where = f"{server.kind} {server.version} at {server.url}"
        return [Line(f"Server:   {where}", style), Line(f"          {server.detail}")]
    lines = [Line(f"Server:   {server.detail}", style)]
    if server.fix:
        lines.append(Line(f"          {server.fix}", "note"))
    return lines


def _engine_line(found: Status) -> str:
    engine = found.engine
    if not engine.running:
        return "Engine:   not running"
    loaded = ", ".join(engine.loaded) or "no model"
    return f"Engine:   process {engine.pid} at {engine.url}, in memory: {loaded}"
