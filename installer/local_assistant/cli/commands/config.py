"""``jupyter assistant config``: where the settings lie, what they are and who set them."""

from __future__ import annotations

import dataclasses
import os
import shlex
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from local_assistant.cli.group import SUBCOMMAND, SubGroup, json_option
from local_assistant.cli.result import Line, Result, Table, raw
from local_assistant.errors import AssistantError

if TYPE_CHECKING:
    from local_assistant.cli.render import Renderer
    from local_assistant.config import LoadedConfig, Problem


@click.group(cls=SubGroup, invoke_without_command=True, subcommand_metavar=SUBCOMMAND)
@json_option
@click.pass_context
def command(ctx: click.Context) -> Result | None:
    """Show, edit or check assistant.toml (without a subcommand: show)."""
    return show_result(Path.cwd()) if ctx.invoked_subcommand is None else None


@command.command()
@json_option
def path() -> Result:
    """Print where your assistant.toml is, or would be."""
    from local_assistant import paths

    file = paths.user_config_file()
    return Result({"path": str(file), "exists": file.is_file()}, raw(str(file)))


@command.command()
@json_option
def show() -> Result:
    """Print each setting with its value and what set it, for the current folder."""
    return show_result(Path.cwd())


@command.command()
@json_option
@click.pass_obj
def validate(renderer: Renderer) -> Result:
    """Check the files that count in the current folder; exit 1 where one is wrong."""
    from local_assistant.config import ConfigError, load_config

    try:
        loaded = load_config(Path.cwd())
    except ConfigError as error:
        if not renderer.as_json:
            raise
        failure = {"message": error.message, "fix": error.fix}
        problems = [_as_dict(problem) for problem in error.problems]
        return Result({"files": [], "problems": problems, "error": failure}, ok=False)
    files = [str(file) for file in loaded.files]
    text = f"Valid: {', '.join(files)}" if files else "Valid: there is no file, defaults count."
    return Result({"files": files, "problems": []}, (Line(text, "good"),))


def _as_dict(problem: Problem) -> dict[str, Any]:
    return {**dataclasses.asdict(problem), "file": str(problem.file) if problem.file else None}


@command.command()
def edit() -> Result:
    """Open assistant.toml in $VISUAL or $EDITOR, then check it."""
    from local_assistant import paths
    from local_assistant.config import load_config, write_template

    file = paths.user_config_file()
    write_template(file)
    _open_editor(file)
    load_config(None)
    return Result({"path": str(file)}, (Line(f"Valid: {file}", "good"),))


def show_result(folder: Path) -> Result:
    """Return every setting with its source, as seen from ``folder``."""
    from local_assistant.config import load_config

    loaded = load_config(folder)
    settings = settings_of(loaded)
    rows = [(item["key"], _shown(item["value"]), item["source"]) for item in settings]
    data = {"settings": settings, "files": [str(file) for file in loaded.files]}
    return Result(data, (Table(("SETTING", "VALUE", "SET BY"), rows),))


def settings_of(loaded: LoadedConfig) -> list[dict[str, Any]]:
    """Return key, value and source of each setting, in the order of the file."""
    from local_assistant.config.schema import OWN_PRESETS

    tables = loaded.config.model_dump(mode="json")
    own = tables.pop(OWN_PRESETS)
    tables |= {f"{OWN_PRESETS}.{name}": values for name, values in own.items()}
    return [
        {
            "key": f"{table}.{key}",
            "value": value,
            "source": loaded.sources.get(f"{table}.{key}", "default"),
        }
        for table, values in tables.items()
        for key, value in values.items()
    ]


def _shown(value: Any) -> str:
    if value is None:
        return "-"
    text = ("true" if value else "false") if isinstance(value, bool) else str(value)
    text = " ".join(text.split())
    return text if len(text) <= 48 else f"{text[:47]}…"


def _open_editor(file: Path) -> None:
    words = os.environ.get("VISUAL") or os.environ.get("EDITOR")
    # On Windows a backslash is a path separator, not an escape.
    command_line = shlex.split(words, posix=os.name != "nt") if words else []
    if not command_line:
        raise AssistantError(
            "No editor is named: neither VISUAL nor EDITOR is set.",
            f"Open this file in any editor: {file}",
        )
    try:
        code = subprocess.run([*command_line, str(file)], check=False).returncode
    except OSError as error:
        raise AssistantError(
            f"The editor {command_line[0]} cannot be started: {error.strerror or error}.",
            f"Set EDITOR to another one, or open this file in any editor: {file}",
        ) from error
    if code != 0:
        raise AssistantError(
            f"The editor {command_line[0]} ended with exit code {code}.",
            "See what is in force with: jupyter assistant config show",
        )
