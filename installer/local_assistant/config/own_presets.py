"""What can be wrong with the user's own presets, and with the name of the one in force.

Contract: pure; :func:`problems` looks at what the schema cannot: names. :func:`wrong` words what
the schema refused below ``[presets]``.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from pathlib import Path
from typing import Any

from local_assistant.config import wording
from local_assistant.config.positions import Statement, line_of
from local_assistant.config.problems import Problem
from local_assistant.config.schema import OWN_PRESETS, PRESETS, PresetConfig

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")
_KEY = "models.preset"


def names_in(document: dict[str, Any]) -> list[str]:
    """Return the names of the presets that a file defines."""
    held = document.get(OWN_PRESETS)
    return [str(name) for name in held] if isinstance(held, dict) else []


def problems(
    path: Path, document: dict[str, Any], statements: list[Statement], known: Collection[str]
) -> list[Problem]:
    """Return what is wrong with the names in a file.

    Args:
        path: the file.
        document: its tables.
        statements: where things stand in it.
        known: presets that are defined elsewhere and may be named.
    """
    own = names_in(document)
    found = []
    for name in own:
        line = line_of(statements, (OWN_PRESETS, name))
        dotted = wording.named(OWN_PRESETS, name)
        if name in PRESETS:
            text = f"[{dotted}]: the assistant has a preset of that name already."
            found.append(Problem(path, line, dotted, text, name, "another name"))
        elif not _NAME.fullmatch(name):
            expected = "a name of letters, digits, - and _"
            text = f"[{OWN_PRESETS}] {wording.found(name)} is no name; expected {expected}."
            found.append(Problem(path, line, dotted, text, name, expected))
    models = document.get("models")
    preset = models.get("preset") if isinstance(models, dict) else None
    if isinstance(preset, str) and preset.strip() not in (*PRESETS, *own, *known):
        line = line_of(statements, ("models", "preset"))
        found.append(unknown(path, line, preset, [*own, *known]))
    return found


def unknown(path: Path | None, line: int | None, preset: str, own: Collection[str]) -> Problem:
    """Return the problem that ``[models] preset`` names no preset."""
    names = [*PRESETS, *own]
    expected = "one of " + ", ".join(wording.found(name) for name in names)
    near = wording.nearest(preset, names)
    text = f"[models] preset is {wording.found(preset)}; expected {expected}."
    text += f' Did you mean "{near}"?' if near else ""
    return Problem(path, line, _KEY, text, wording.found(preset), expected, near)


def wrong(
    path: Path, line: int | None, location: tuple[str, ...], kind: str, value: object
) -> Problem:
    """Return the problem with what the schema refused at ``presets.NAME`` or below."""
    name, key = location[1], location[2] if len(location) > 2 else ""
    head, dotted = f"[{wording.named(OWN_PRESETS, name)}]", wording.named(*location[:3])
    if len(location) == 2:
        expected = f"a table that starts with the line {head}"
        shown = wording.found(value)
        text = f"{dotted} is {shown}; expected {expected}."
        return Problem(path, line, dotted, text, shown, expected)
    if kind == "missing":
        expected = wording.expected(dotted)
        return Problem(
            path, line, dotted, f"{head} has no {key}; expected {expected}.", "", expected
        )
    if kind == "extra_forbidden":
        fields = PresetConfig.model_fields
        near = wording.nearest(key, fields)
        expected = "one of " + ", ".join(fields)
        hint = f' Did you mean "{near}"?' if near else f" Expected {expected}."
        text = f"{head} {wording.named(key)} is not a setting.{hint}"
        return Problem(path, line, dotted, text, key, expected, near)
    shown, expected = wording.found(value), wording.expected(dotted)
    text = f"{head} {key} is {shown}; expected {expected}."
    return Problem(path, line, dotted, text, shown, expected)
