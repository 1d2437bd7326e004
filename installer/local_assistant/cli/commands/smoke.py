"""``jupyter assistant smoke``: use each part once, for real."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from local_assistant.cli.group import json_option
from local_assistant.cli.result import Line, Result

if TYPE_CHECKING:
    from local_assistant.cli.render import Renderer


@click.command()
@click.option("--browser", is_flag=True, help="Also chat and type in a real JupyterLab.")
@json_option
@click.pass_obj
def command(renderer: Renderer, browser: bool) -> Result:
    """Prove that each part works: server, chat, completion, embedding, %%ai.

    Uses the configured models, whatever they are. Exits 1 where a check fails, with what to
    do about it.
    """
    from pathlib import Path

    from local_assistant.config import load_config
    from local_assistant.log import setup_logging
    from local_assistant.setup import smoke

    setup_logging("cli")
    config = load_config(Path.cwd()).config
    checks = []
    for check in smoke.run(config, browser=browser):
        checks.append(check)
        mark = "ok" if check.ok else "FAILED"
        text = f"{check.name:<11} {mark:<7} {check.ms / 1000:>6.1f} s  {check.detail}"
        renderer.line(Line(text, "good" if check.ok else "bad"))
        if check.fix:
            renderer.line(f"{'':<11} Fix: {check.fix}")
    ok = all(check.ok for check in checks)
    return Result({"checks": [check.as_dict() for check in checks]}, ok=ok)
