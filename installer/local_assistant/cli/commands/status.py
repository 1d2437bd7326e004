"""``jupyter assistant status``: which server and models answer, and why."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from local_assistant.cli.group import json_option
from local_assistant.cli.result import Line, Result, Style, Table

if TYPE_CHECKING:
    from collections.abc import Mapping

    from local_assistant.setup.status import ModelStatus, ServerStatus, Status


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
    from local_assistant.server.installed import short

    lines: list[Line | Table] = [*_server_lines(found.server)]
    lines += [Line(f"Note:     {warning}", "note") for warning in found.warnings]
    rows = [(role, short(model.model or "-")) for role, model in found.models.items()]
    lines += [Line(), Table(("ROLE", "MODEL"), rows), *_said_of(found.models)]
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


def _said_of(models: Mapping[str, ModelStatus]) -> list[Line]:
    """Return what is to be known of the models; what several have in common, once."""
    roles: dict[tuple[str, Style], list[str]] = {}
    for role, model in models.items():
        if model.problem:
            roles.setdefault((model.problem, "bad"), []).append(role)
        elif model.notice:
            roles.setdefault((model.notice, "note"), []).append(role)
    return [Line(f"{', '.join(of)}: {text}", style) for (text, style), of in roles.items()]


def _server_lines(server: ServerStatus) -> list[Line]:
    styles: dict[str, Style] = {"answers": "good", "idle": "plain", "failed": "bad"}
    names = {"ollama": "Ollama", "embedded": "the embedded engine"}
    name = names.get(server.kind or "", "")
    first = {
        "answers": f"{name} {server.version} at {server.url}",
        "idle": f"{name}: it starts with the next question",
        "failed": server.detail,
    }[server.state]
    lines = [Line(f"Server:   {first}", styles[server.state])]
    if server.state != "failed":
        # The line above says that it answers.
        lines += _indented(server.detail.removeprefix(f"{first.replace(' at', ' answers at')}. "))
    if server.fix:
        lines += _indented(server.fix, "note")
    return lines


def _indented(text: str, style: Style = "plain") -> list[Line]:
    return [Line(f"          {line}", style) for line in text.splitlines()]


def _engine_line(found: Status) -> str:
    from local_assistant.server.installed import short

    engine = found.engine
    if not engine.running:
        return "Engine:   not running"
    loaded = ", ".join(map(short, engine.loaded)) or "no model"
    return f"Engine:   process {engine.pid} at {engine.url}, in memory: {loaded}"
