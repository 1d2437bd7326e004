"""``jupyter assistant create NAME -f FILE``: a model out of a Modelfile of one's own."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from local_assistant.cli.group import json_option
from local_assistant.cli.result import Line, Result

if TYPE_CHECKING:
    from local_assistant.cli.render import Renderer


@click.command()
@click.argument("name")
@click.option(
    "-f",
    "--file",
    "file",
    type=click.Path(path_type=Path),
    default=Path("Modelfile"),
    show_default=True,
    help="The Modelfile; paths in it are relative to its folder.",
)
@click.option("--no-verify", is_flag=True, help="Do not load the model for a test.")
@json_option
@click.pass_obj
def command(renderer: Renderer, name: str, file: Path, no_verify: bool) -> Result:
    """Make the model NAME of a Modelfile, on the server that answers.

    The grammar is Ollama's. What is wrong is told with its line, before anything is sent;
    the model gets its name once it has answered. With --json the progress comes as lines,
    the last of which is the result.
    """
    from local_assistant.cli.progress import reporting
    from local_assistant.config import load_config
    from local_assistant.models.modelfiles.creating import create

    config = load_config().config
    with reporting(renderer, json_lines=True) as report:
        done = create(name, file.expanduser(), config, report, verify=not no_verify)
    data = {
        "model": done.model,
        "server": done.endpoint.url,
        "replaced": done.replaced,
        "notices": list(done.notices),
    }
    verb = "Made anew" if done.replaced else "Made"
    lines = [
        Line(f"{verb}: {done.model}, in {done.endpoint.kind}.", "good"),
        *(Line(notice, "note") for notice in done.notices),
        Line(f"Use it with: jupyter assistant use {done.model}"),
    ]
    return Result(data, lines)
