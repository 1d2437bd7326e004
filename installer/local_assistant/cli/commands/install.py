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


def _known(_ctx: click.Context, _param: click.Parameter, name: str | None) -> str | None:
    """Return the name of a preset: one that there always is, or one of the user's own."""
    if name is None or name in PRESETS:
        return name
    from local_assistant.config import load_config

    names = load_config().config.preset_names()
    if name not in names:
        known = ", ".join(f"'{each}'" for each in names)
        raise click.BadParameter(f"'{name}' is not one of {known}.")
    return name


@click.command()
@click.option(
    "--preset",
    metavar="NAME",
    callback=_known,
    help=f"Use these models from now on, and download them without asking: {', '.join(PRESETS)}, "
    "or a preset of your own.",
)
@click.option("-y", "--yes", is_flag=True, help="Download the preset's models without asking.")
@click.option(
    "--install-ollama",
    is_flag=True,
    help="Run Ollama's own installer, after a yes to its command (with --yes: without asking).",
)
@click.option("-q", "--quiet", is_flag=True, help="Say only what was changed; never ask.")
@json_option
@click.pass_obj
def command(
    renderer: Renderer, preset: str | None, yes: bool, install_ollama: bool, quiet: bool
) -> Result:
    """Set everything up: settings, Jupyter's drop-ins, model server, models.

    Looks first and does only what is missing. A model is downloaded only after a yes: asked
    at a terminal with the size shown, --yes, or a preset named. Until then the bundled demo
    model answers. Where no Ollama is installed, the embedded engine answers in its place;
    --install-ollama gets one.
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
            install_ollama=install_ollama,
            somebody=ask,
            ask=lambda question: ask and click.confirm(question),
            show=renderer.passing,
            progress=report,
        )
        for step in install(options):
            steps.append(step)
            mark = "changed" if step.changed else "ok"
            text = f"{step.name:<10} {mark:<8} {step.detail}"
            if step.changed or not quiet:
                renderer.line(Line(text, "note" if step.changed else "good"))
    changed = any(step.changed for step in steps)
    follow = next_step()
    if not quiet:
        renderer.line(f"{'Done' if changed else 'Nothing to do'}. Next: {follow}")
    data = {"changed": changed, "steps": [step.as_dict() for step in steps], "next": follow}
    return Result(data)
