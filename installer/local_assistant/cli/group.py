"""The command group: loads a verb's module when it is asked for, and suggests the nearest.

Contract: importing this module imports click and nothing else of weight; ``--help`` stays
under a quarter of a second. A verb that does not exist is answered with the nearest one.
"""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Callable
from typing import Any, TypeVar

import click

NAME = "jupyter assistant"
"""What messages and help pages call the command."""

COMMANDS = {
    "install": "install",
    "status": "status",
    "doctor": "doctor",
    "smoke": "smoke",
    "models": "models",
    "pull": "pull",
    "create": "create",
    "rm": "rm",
    "use": "use",
    "config": "config",
    "serve": "serve",
    "stop": "stop",
    "logs": "logs",
    "uninstall": "uninstall",
}
"""Verb -> module under ``commands``, in the order of the help page."""

SUBCOMMAND = "[COMMAND] [ARGS]..."
"""How a help page shows the place of a verb that may be left out, in every version of click."""

F = TypeVar("F", bound=Callable[..., Any])


class LazyGroup(click.Group):
    """A click group whose commands are modules, imported on first use."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        module = COMMANDS.get(cmd_name)
        if module is None:
            return None
        loaded = importlib.import_module(f"local_assistant.cli.commands.{module}")
        command: click.Command = loaded.command
        return command

    def get_help(self, ctx: click.Context) -> str:
        """The examples name the command as the line of its usage does."""
        return super().get_help(ctx).replace(f"  {NAME} ", f"  {ctx.command_path} ")

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and not args[0].startswith("-") and args[0] not in COMMANDS:
            raise click.UsageError(unknown("command", args[0], list(COMMANDS), ctx), ctx)
        return super().resolve_command(ctx, args)


class SubGroup(click.Group):
    """A group inside a verb, with the same suggestion for a wrong name."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and not args[0].startswith("-") and args[0] not in self.commands:
            raise click.UsageError(unknown("command", args[0], list(self.commands), ctx), ctx)
        return super().resolve_command(ctx, args)


def unknown(kind: str, name: str, known: list[str], ctx: click.Context) -> str:
    """Return the sentence for a wrong name: the nearest one, or all of them."""
    near = difflib.get_close_matches(name, known, n=1)
    hint = f"Did you mean '{near[0]}'?" if near else f"Known: {', '.join(known)}."
    return f"No such {kind} '{name}' of '{ctx.command_path}'. {hint}"


def json_option(function: F) -> F:
    """Give a command ``--json``.

    ``main`` looks for the flag itself, because an error may come before the options are
    parsed; so the command does not get the value.
    """
    option = click.option(
        "--json",
        "_json",
        is_flag=True,
        expose_value=False,
        help="Print one JSON object instead of text.",
    )
    return option(function)
