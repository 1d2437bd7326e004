"""``jupyter assistant pull``: download models, and nothing that was not asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from local_assistant.cli.group import json_option
from local_assistant.cli.result import Line, Result
from local_assistant.errors import AssistantError

if TYPE_CHECKING:
    from local_assistant.cli.render import Renderer
    from local_assistant.config import AssistantConfig


@click.command()
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option("-y", "--yes", is_flag=True, help="Without NAME: do not ask before downloading.")
@json_option
@click.pass_obj
def command(renderer: Renderer, names: tuple[str, ...], yes: bool) -> Result:
    """Download models by NAME; without one, those of your preset, after a yes.

    NAME is a model of Ollama's library, hf.co/USER/REPO[:QUANT], or a preset. A download
    that was broken off goes on where it stopped. With --json the progress comes as lines,
    the last of which is the result.
    """
    from local_assistant.cli.progress import reporting
    from local_assistant.config import load_config
    from local_assistant.models.pull import pull

    config = load_config().config
    wanted = list(names) or _of_the_preset(renderer, config, yes)
    if not wanted:
        return Result({"models": []}, (Line("The models of your preset are all there.", "good"),))
    with reporting(renderer, json_lines=True) as report:
        models = pull(wanted, config, report)
    lines = [Line(f"Ready: {', '.join(models)}", "good")]
    if names:
        lines.append(Line(f"Use it with: jupyter assistant use {models[-1]}"))
    return Result({"models": models}, lines)


def _of_the_preset(renderer: Renderer, config: AssistantConfig, yes: bool) -> list[str]:
    """Return what the preset wants and is not there, once somebody said yes."""
    from local_assistant.setup.model_step import described, models_of

    _, missing = models_of(config)
    names = [spec.name for spec in missing]
    if not missing or yes:
        return names
    what = described(missing)
    if not renderer.interactive():
        raise AssistantError(
            f"A download needs a yes, and nobody can be asked here ({what}).",
            "Run: jupyter assistant pull --yes",
        )
    if not click.confirm(f"Download {what}?"):
        raise click.Abort
    return names
