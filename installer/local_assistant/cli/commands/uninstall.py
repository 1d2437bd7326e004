"""``jupyter assistant uninstall``: undo what install and the assistant changed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from local_assistant.cli.group import json_option
from local_assistant.cli.result import Line, Result

if TYPE_CHECKING:
    from local_assistant.cli.render import Renderer


@click.command()
@click.option("--dry-run", is_flag=True, help="Only list what would be done.")
@click.option("--models", is_flag=True, help="Remove the downloaded models too.")
@json_option
@click.pass_obj
def command(renderer: Renderer, dry_run: bool, models: bool) -> Result:
    """Undo each change to this machine; say what is kept.

    Models are kept without --models, and so is a settings file that you changed.
    """
    from local_assistant.setup.uninstall import Item, UninstallOptions, uninstall

    items: list[Item] = []
    for item in uninstall(UninstallOptions(dry_run=dry_run, models=models)):
        items.append(item)
        renderer.line(_line(item, dry_run))
    done = [item for item in items if item.action != "kept"]
    if not done:
        renderer.line("Nothing was there to undo.")
    elif dry_run:
        renderer.line("Nothing was changed (--dry-run).")
    data = {
        "dry_run": dry_run,
        "changed": bool(done) and not dry_run,
        "items": [item.as_dict() for item in items],
    }
    return Result(data)


def _line(item: object, dry_run: bool) -> Line:
    from local_assistant.setup.uninstall import Item

    assert isinstance(item, Item)
    verb = item.action
    if dry_run and verb != "kept":
        text = {"removed": "would remove", "restored": "would restore", "stopped": "would stop"}
        shown = text[verb]
    else:
        shown = verb
    detail = f" ({item.detail})" if item.detail else ""
    return Line(f"{shown} {item.what}{detail}", "dim" if verb == "kept" else "plain")
