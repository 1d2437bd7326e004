"""``jupyter assistant rm MODEL``: delete a model from the server that has it."""

from __future__ import annotations

from typing import TYPE_CHECKING, get_args

import click

from local_assistant.cli.group import json_option
from local_assistant.cli.result import Line, Result
from local_assistant.errors import AssistantError

if TYPE_CHECKING:
    from local_assistant.server import Choice


@click.command()
@click.argument("model")
@json_option
def command(model: str) -> Result:
    """Delete MODEL from the model server that has it.

    A .gguf file that `use` was given stays where it is; only the server's own copy goes.
    """
    from local_assistant.config import Role, load_config
    from local_assistant.server import choose

    loaded = load_config()
    choice = choose("chat", loaded.config, model=model)
    _delete(choice)
    used = [
        role for role in get_args(Role) if _means(loaded.config.models.for_role(role), choice.model)
    ]
    lines = [Line(f"Deleted {choice.model} from {choice.endpoint.kind}.", "good")]
    for role in used:
        lines.append(
            Line(
                f"It was your {role} model. Choose another: jupyter assistant use MODEL"
                f" --for {role}",
                "note",
            )
        )
    data = {"model": choice.model, "server": choice.endpoint.url, "was_used_for": used}
    return Result(data, lines)


def _means(setting: str | None, model: str) -> bool:
    """Return whether a line of ``[models]`` names this model, in any spelling or as a file."""
    from pathlib import Path

    from local_assistant.config import is_gguf_path
    from local_assistant.server.gguf import name_for
    from local_assistant.server.installed import key_of

    if setting is None:
        return False
    return key_of(name_for(Path(setting)) if is_gguf_path(setting) else setting) == key_of(model)


def _delete(choice: Choice) -> None:
    from local_assistant.server import DEMO_MODEL, Client, ServerError

    try:
        Client(choice.endpoint).request("DELETE", "/api/delete", {"model": choice.model})
    except ServerError as error:
        if choice.model != DEMO_MODEL:
            raise
        raise AssistantError(
            f"{choice.model} comes with the package and cannot be deleted alone.",
            "Stop using it with: jupyter assistant use MODEL",
        ) from error
