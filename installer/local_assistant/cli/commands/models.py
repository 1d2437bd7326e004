"""``jupyter assistant models``: what is installed, what there is, and what fits."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from local_assistant.cli.group import json_option
from local_assistant.cli.result import Line, Result, Table

if TYPE_CHECKING:
    from local_assistant.models.catalog import Catalog, CatalogEntry

_FITS = {"graphics": "GPU", "unknown": "?"}
_ABILITIES = {"completion": "chat", "insert": "fill in", "embedding": "embed"}


@click.command()
@click.option("--all", "everything", is_flag=True, help="List our own names for models, too.")
@json_option
def command(everything: bool) -> Result:
    """List the models: those installed, and those that the presets name.

    FITS says how a model would run here: GPU (in a graphics card's memory), yes, tight (it
    leaves little memory for notebooks), slow (below five tokens a second), no, or ? (not known).
    """
    from pathlib import Path

    from local_assistant.config import load_config
    from local_assistant.models.catalog import catalog

    found = catalog(load_config(Path.cwd()).config)
    return Result(_data(found), [*_tables(found), *_remarks(found, everything)])


def _data(found: Catalog) -> dict[str, Any]:
    problem = found.problem
    models = [
        {**asdict(entry), "installed": entry.installed, "fits": entry.fits}
        for entry in found.entries
    ]
    return {
        "models": models,
        "answers": found.answers,
        "preset": {
            "name": found.sizing.preset.name,
            "reason": found.sizing.reason,
            "models": {role: spec.name for role, spec in found.sizing.preset.models.items()},
        },
        "machine": asdict(found.machine),
        "server": found.endpoint.url if found.endpoint else None,
        "own_names": found.own_names,
        "disk": {
            "folder": str(found.folder) if found.folder else None,
            "used": found.disk_used,
            "free": found.disk_free,
        },
        "problem": {"message": problem.message, "fix": problem.fix} if problem else None,
    }


def _tables(found: Catalog) -> list[Line | Table]:
    from local_assistant.setup.files import shown_bytes

    there = [
        (
            entry.name,
            shown_bytes(entry.size),
            _fit(entry),
            ", ".join(entry.roles) or "-",
            _abilities(entry),
            _whose(entry),
        )
        for entry in found.entries
        if entry.installed
    ]
    rest = [
        (
            entry.name,
            shown_bytes(entry.size) if entry.size else "?",
            _fit(entry),
            ", ".join(entry.presets),
            entry.licence or "?",
            entry.good_at or "-",
        )
        for entry in found.entries
        if not entry.installed
    ]
    lines: list[Line | Table] = []
    if there:
        heads = ("INSTALLED", "SIZE", "FITS", "ANSWERS", "CAN", "LICENCE")
        lines += [Table(heads, there), Line()]
    if rest:
        heads = ("TO DOWNLOAD", "SIZE", "FITS", "PRESETS", "LICENCE", "GOOD AT")
        lines += [Table(heads, rest), Line()]
    return lines


def _fit(entry: CatalogEntry) -> str:
    return _FITS.get(entry.fit, entry.fit)


def _abilities(entry: CatalogEntry) -> str:
    return ", ".join(_ABILITIES.get(each, each) for each in entry.abilities) or "-"


def _whose(entry: CatalogEntry) -> str:
    return f"runs at {entry.remote_host}" if entry.remote_host else entry.licence or "-"


def _remarks(found: Catalog, everything: bool) -> list[Line | Table]:
    lines = [Line(f"Preset: {found.sizing.reason}")]
    loaded = [entry.name for entry in found.entries if entry.loaded]
    if loaded:
        lines.append(Line(f"In memory now: {', '.join(loaded)}"))
    lines += [Line(f"For {model}, {gone} would leave the memory.") for model, gone in _moves(found)]
    lines += [Line(text) for text in _room(found)]
    if everything:
        names = ", ".join(found.own_names) or "none"
        lines.append(Line(f"Our own names for models: {names}"))
    if found.problem is not None:
        lines.append(Line(f"No server was asked: {found.problem.message}", "note"))
    lines.append(Line("Download one: jupyter assistant pull NAME. Use one: … use NAME"))
    return list(lines)


def _moves(found: Catalog) -> list[tuple[str, str]]:
    """Return which models, in words, would push which others out of memory."""
    by_gone: dict[tuple[str, ...], list[str]] = {}
    for entry in found.entries:
        if entry.displaces:
            by_gone.setdefault(entry.displaces, []).append(entry.name)
    return [(_joined(names, "or"), _joined(gone, "and")) for gone, names in by_gone.items()]


def _joined(names: list[str] | tuple[str, ...], word: str) -> str:
    return f" {word} ".join(filter(None, [", ".join(names[:-1]), names[-1]]))


def _room(found: Catalog) -> list[str]:
    """Return what is free now: memory on this machine, and the disk of the models."""
    from local_assistant import paths
    from local_assistant.machine import GB, available_memory
    from local_assistant.setup.files import shown_bytes

    said = []
    if found.endpoint is None or found.endpoint.local:
        total = f" of {found.machine.memory_gb:.0f}" if found.machine.memory_bytes else ""
        said.append(f"Memory free now: {available_memory() / GB:.1f}{total} GB")
    disk = f"Disk: {shown_bytes(found.disk_used)} of models"
    if found.folder is not None and found.disk_free is not None:
        disk += f", {shown_bytes(found.disk_free)} free for {paths.display(found.folder)}"
    return [*said, disk]
