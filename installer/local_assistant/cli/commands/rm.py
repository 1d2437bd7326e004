"""``jupyter assistant rm MODEL…``: delete models from the servers that have them."""

from __future__ import annotations

from typing import Any

import click

from local_assistant.cli.group import json_option
from local_assistant.cli.result import Line, Result
from local_assistant.errors import AssistantError


@click.command()
@click.argument("models", nargs=-1, required=True, metavar="MODEL...")
@json_option
def command(models: tuple[str, ...]) -> Result:
    """Delete MODELs from the model servers that have them.

    A .gguf file that `use` was given stays where it is; only the server's own copy goes. One
    that cannot be deleted does not stop the others.
    """
    from local_assistant.models.removal import remove

    lines: list[Line] = []
    deleted: list[dict[str, Any]] = []
    failures: list[AssistantError] = []
    for model in dict.fromkeys(models):
        try:
            gone = remove(model)
        except AssistantError as error:
            failures.append(error)
            continue
        deleted.append(
            {"model": gone.model, "server": gone.server, "was_used_for": list(gone.named_for)}
        )
        lines.append(Line(f"Deleted {gone.model} from {gone.kind}.", "good"))
        lines += [Line(text, "note") for text in gone.sentences()]
    if failures and not deleted and len(failures) == 1:
        raise failures[0]
    lines += [Line(f"{error.message} {error.fix or ''}".strip(), "bad") for error in failures]
    data: dict[str, Any] = {
        "deleted": deleted,
        "failed": [{"message": error.message, "fix": error.fix} for error in failures],
    }
    return Result(data, lines, ok=not failures)
