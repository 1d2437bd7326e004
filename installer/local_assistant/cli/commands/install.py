"""``jupyter assistant install``: set everything up; a second run changes nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from local_assistant.cli.group import json_option
from local_assistant.cli.result import Line, Result

if TYPE_CHECKING:
    from local_assistant.cli.render import Renderer

PRESETS = ("auto", "demo", "small", "medium", "large")
"""As in the configuration's schema, which is too heavy for ``--help`` (a test compares)."""


@click.command()
@click.option(
    "--preset",
    type=click.Choice(PRESETS),
    help="Use these models from now on, and download them without asking.",
)
@click.option("-y", "--yes", is_flag=True, help="Download the preset's models without asking.")
@click.option("-q", "--quiet", is_flag=True, help="Say only what was changed; never ask.")
@json_option
@click.pass_obj
def command(renderer: Renderer, preset: str | None, yes: bool, quiet: bool) -> Result:
    """Set everything up: settings, Jupyter's drop-ins, model server, models.

    Looks first and does only what is missing. A model is downloaded only after a yes: asked
    at a terminal with the size shown, --yes, or a preset named. Until then the bundled demo
    model answers.
    """
    from local_assistant.cli.progress import reporting
    from local_assistant.log import setup_logging
    from local_assistant.setup.steps import InstallOptions, StepResult, install, next_step

    setup_logging("cli")
    steps: list[StepResult] = []
    ask = renderer.interactive() and not quiet
    with reporting(renderer) as report:
        options = InstallOptions(
            preset=preset,
            yes=yes,
            ask=lambda question: ask and click.confirm(question),
            progress=report,
        )
        for step in install(options):
            steps.append(step)
            mark = "changed" if step.changed else "ok"
            text = f"{step.name:<9} {mark:<8} {step.detail}"
            if step.changed or not quiet:
                renderer.line(Line(text, "note" if step.changed else "good"))
    changed = any(step.changed for step in steps)
    follow = next_step()
    if not quiet:
        renderer.line(f"{'Done' if changed else 'Nothing to do'}. Next: {follow}")
    data = {"changed": changed, "steps": [step.as_dict() for step in steps], "next": follow}
    return Result(data)
