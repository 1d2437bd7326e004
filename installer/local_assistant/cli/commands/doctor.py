"""``jupyter assistant doctor``: find what is wrong, say what mends it, mend what is safe."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from local_assistant.cli.group import json_option
from local_assistant.cli.result import Line, Result

if TYPE_CHECKING:
    from local_assistant.cli.render import Renderer
    from local_assistant.setup.doctor import Check


@click.command()
@click.option("--fix", "mending", is_flag=True, help="Mend what can be mended safely.")
@click.option("--egress", is_flag=True, help="Watch a session: what does it contact?")
@click.option(
    "--seconds",
    type=click.FloatRange(min=0),
    default=60.0,
    show_default=True,
    help="With --egress: how long the session lasts at least.",
)
@click.option("--no-browser", is_flag=True, help="With --egress: without the page.")
@click.option(
    "--sealed",
    is_flag=True,
    help="With --egress: in a network of its own, where every address seems to answer (Linux).",
)
@json_option
@click.pass_obj
def command(
    renderer: Renderer, mending: bool, egress: bool, seconds: float, no_browser: bool, sealed: bool
) -> Result:
    """Check everything, from Python to one generated token.

    Each failing line ends with the command that mends it. --fix runs those that are safe (no
    download, nothing of yours is deleted), says what it did, and checks again. A model is
    asked in the end, so a server that a question would start is started. Exits 1 where a
    check fails.

    --egress does something else: it uses the assistant in a JupyterLab of its own, watches the
    system calls of all its processes, and lists every host that one of them tries to contact.
    """
    from local_assistant.log import setup_logging
    from local_assistant.setup.doctor import examine, mend

    setup_logging("cli")
    if egress:
        if mending:
            raise click.UsageError("--egress mends nothing: run it without --fix.")
        return _watched(renderer, seconds, not no_browser, sealed)
    checks = [_said(renderer, check) for check in examine()]
    data: dict[str, Any] = {}
    if mending:
        fixed = []
        for done in mend(checks):
            fixed.append(done)
            mark = "Fixed" if done.ok else "Not fixed"
            said = f"{mark} {done.name}: {done.detail}"
            renderer.line(Line(said, "good" if done.ok else "bad"))
        data["fixed"] = [done.as_dict() for done in fixed]
        if any(done.ok for done in fixed):
            renderer.line(Line("Checked again:", "title"))
            checks = [_said(renderer, check) for check in examine()]
        elif not all(check.ok for check in checks) and not fixed:
            renderer.line(Line("Nothing of this is safe to mend without you.", "note"))
    elif any(check.safe_fix for check in checks):
        names = ", ".join(check.name for check in checks if check.safe_fix)
        renderer.line(f"Safe to mend at once ({names}): jupyter assistant doctor --fix")
    ok = all(check.ok for check in checks)
    if ok:
        renderer.line(Line(f"All {len(checks)} checks are fine.", "good"))
    return Result({"checks": [check.as_dict() for check in checks], **data}, ok=ok)


def _said(renderer: Renderer, check: Check) -> Check:
    """Print a check as soon as its turn comes; the command that mends it ends its lines."""
    mark = "ok" if check.ok else "FAILED"
    text = f"{check.name:<16} {mark:<7} {check.ms / 1000:>5.1f} s  {check.detail}"
    renderer.line(Line(text, "good" if check.ok else "bad"))
    if check.fix:
        renderer.line(f"{'':<16} Fix: {check.fix}")
    return check


def _watched(renderer: Renderer, seconds: float, with_page: bool, sealed: bool) -> Result:
    """Watch a session, say what is done in it, and what it contacted."""
    from local_assistant.setup.egress import proof, report
    from local_assistant.setup.egress.box import ANSWERS

    browser = proof.find_browser() if with_page else None
    for line in report.beginning(seconds, browser):
        renderer.line(Line(line, "dim"))

    def say(step: dict[str, Any]) -> None:
        mark = "ok" if step["ok"] else "FAILED"
        text = f"{step['step']:<12} {mark:<7} {step['detail']}"
        renderer.line(Line(text, "good" if step["ok"] else "bad"))

    found = proof.prove(seconds=seconds, browser=browser, box=ANSWERS if sealed else None, say=say)
    return Result(found.as_dict(), report.lines(found), ok=found.ok)
