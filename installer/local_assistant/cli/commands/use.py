"""``jupyter assistant use MODEL``: which model answers, from the next message on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from local_assistant.cli.group import json_option
from local_assistant.cli.result import Line, Result
from local_assistant.errors import AssistantError

if TYPE_CHECKING:
    from local_assistant.config import LoadedConfig, Role
    from local_assistant.server import Choice

ROLES = ("chat", "completion", "embedding")
"""As in the configuration's schema, which is too heavy for ``--help`` (a test compares)."""


@click.command()
@click.argument("model")
@click.option(
    "--for",
    "role",
    type=click.Choice(ROLES),
    default="chat",
    show_default=True,
    help="What the model is for.",
)
@json_option
def command(model: str, role: Role) -> Result:
    """Use MODEL from the next message on, without a restart.

    MODEL is a name from `jupyter assistant models`, or a path to a .gguf file. The line in
    your assistant.toml is changed in place; an unknown model changes nothing.
    """
    from pathlib import Path

    from local_assistant import paths
    from local_assistant.config import load_config, set_value
    from local_assistant.server import choose

    # The user's own file: it is the one that is edited, wherever this is run.
    loaded = load_config()
    _refuse_preset(model)
    choice = choose(role, loaded.config, model=_absolute(model))
    _require_ability(choice)
    key = f"models.{role}"
    old = loaded.config.models.for_role(role)
    file = set_value(key, model, paths.user_config_file())
    new = load_config().config.models.for_role(role)
    data = {
        "role": role,
        "model": new,
        "before": old,
        "file": str(file),
        "server": choice.endpoint.url,
    }
    lines = [
        Line(f"{role}: {old or _by_preset(loaded)} → {new}", "good"),
        Line(f"Written to {file}; the next message uses it."),
    ]
    here = load_config(Path.cwd())
    if here.config.models.for_role(role) != new:
        lines.append(Line(f"In this folder {here.sources[key]} has its own {role} model.", "note"))
    return Result(data, lines)


def _absolute(model: str) -> str:
    from pathlib import Path

    from local_assistant import paths
    from local_assistant.config import is_gguf_path

    return str(paths.expand(model, Path.cwd())) if is_gguf_path(model) else model


def _by_preset(loaded: LoadedConfig) -> str:
    return f"the preset {loaded.config.models.preset}"


def _refuse_preset(model: str) -> None:
    from local_assistant.cli.commands.install import PRESETS

    if model in PRESETS:
        raise AssistantError(
            f"{model} is a preset, not a model.",
            f"Use its models with: jupyter assistant install --preset {model}",
        )


def _require_ability(choice: Choice) -> None:
    """Refuse a model that only makes vectors where text is wanted.

    The other way round is left to the server: a model that writes text can embed, too.
    """
    from local_assistant.server import Client

    if choice.role == "embedding":
        return
    shown = Client(choice.endpoint).post("/api/show", {"model": choice.model})
    abilities = shown.get("capabilities") or ()
    if abilities and "completion" not in abilities:
        raise AssistantError(
            f"{choice.model} writes no text: it can {', '.join(abilities)} only.",
            "See the models with: jupyter assistant models",
        )
