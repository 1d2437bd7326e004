"""``jupyter assistant models``: what is installed, what there is, and what fits."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from local_assistant.cli.group import json_option
from local_assistant.cli.result import Line, Result, Table

if TYPE_CHECKING:
    from local_assistant.models.catalog import Catalog, CatalogEntry


@click.command()
@json_option
def command() -> Result:
    """List the models: those installed, and those that the presets name."""
    from pathlib import Path

    from local_assistant.config import load_config
    from local_assistant.models.catalog import catalog

    found = catalog(load_config(Path.cwd()).config)
    return Result(_data(found), _text(found))


def _data(found: Catalog) -> dict[str, Any]:
    problem = found.problem
    return {
        "models": [{**asdict(entry), "installed": entry.installed} for entry in found.entries],
        "answers": found.answers,
        "preset": {"name": found.sizing.preset.name, "reason": found.sizing.reason},
        "machine": asdict(found.machine),
        "server": found.endpoint.url if found.endpoint else None,
        "problem": {"message": problem.message, "fix": problem.fix} if problem else None,
    }


def _text(found: Catalog) -> list[Line | Table]:
    from local_assistant.setup.files import shown_bytes

    rows = [
        (
            entry.name,
            "installed" if entry.installed else "-",
            shown_bytes(entry.size),
            {True: "yes", False: "no", None: "?"}[entry.fits],
            ", ".join(entry.roles) or "-",
            ", ".join(entry.presets) or "-",
            _remark(entry),
        )
        for entry in found.entries
    ]
    head = ("MODEL", "HERE", "SIZE", "FITS", "ANSWERS", "PRESETS", "GOOD AT")
    lines: list[Line | Table] = [Table(head, rows), Line()]
    lines.append(Line(f"Preset: {found.sizing.reason}"))
    if found.problem is not None:
        lines.append(Line(f"No server was asked: {found.problem.message}", "note"))
    lines.append(Line("Download one: jupyter assistant pull NAME. Use one: … use NAME"))
    return lines


def _remark(entry: CatalogEntry) -> str:
    where = f"runs at {entry.remote_host}" if entry.remote_host else ""
    return "; ".join(filter(None, (where, entry.good_at)))
