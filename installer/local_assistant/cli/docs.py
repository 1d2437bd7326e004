"""Make ``docs/commands.md`` from the help pages: ``python -m local_assistant.cli.docs FILE``.

Contract: :func:`page` is deterministic, whatever the terminal; a test fails where the
committed file differs from it.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import click

from local_assistant.cli.group import NAME
from local_assistant.cli.main import cli

_WIDTH = 90
_HEAD = f"""# Commands

Made from the help pages by `python -m local_assistant.cli.docs docs/commands.md`; do not edit.

`{NAME}` is the same as `jupyter-assistant` and `python -m local_assistant`. Commands that
report take `--json` and then print one object, `{{"schema": 1, "ok": true, …}}`; a failure is
`{{"schema": 1, "ok": false, "error": {{"message": …, "fix": …}}}}`. Exit codes: 0 fine, 1 something
failed (and how to mend it was said), 2 wrong usage, 130 stopped by Ctrl-C.
"""


def page() -> str:
    """Return the whole page."""
    sections = [_HEAD]
    for depth, context in _contexts(cli.make_context(NAME, [], resilient_parsing=True)):
        context.terminal_width = _WIDTH
        help_text = context.command.get_help(context)
        sections.append(f"{'#' * (depth + 2)} {context.command_path}\n\n```\n{help_text}\n```\n")
    return "\n".join(sections)


def _contexts(parent: click.Context, depth: int = 0) -> Iterator[tuple[int, click.Context]]:
    """Yield the context of a command and of all below it."""
    yield depth, parent
    command = parent.command
    if isinstance(command, click.Group):
        for name in command.list_commands(parent):
            child = command.get_command(parent, name)
            assert child is not None
            yield from _contexts(
                child.make_context(name, [], parent, resilient_parsing=True), depth + 1
            )


def main(arguments: list[str] | None = None) -> int:
    """Write the page to the file named."""
    given = sys.argv[1:] if arguments is None else arguments
    target = Path(given[0] if given else "docs/commands.md")
    target.write_text(page(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
