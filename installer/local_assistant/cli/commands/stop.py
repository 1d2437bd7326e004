"""``jupyter assistant stop``: end the embedded engine."""

from __future__ import annotations

import click

from local_assistant.cli.group import json_option
from local_assistant.cli.result import Result, raw


@click.command()
@json_option
def command() -> Result:
    """Stop the embedded engine (it starts again when it is needed)."""
    from local_assistant.engine.launch import stop_engine

    stopped = stop_engine()
    text = "The embedded engine is stopped." if stopped else "The embedded engine is not running."
    return Result({"stopped": stopped}, raw(text))
