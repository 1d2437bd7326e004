"""``jupyter assistant use MODEL``: which model answers, from the next message on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from local_assistant.cli.group import json_option
from local_assistant.cli.result import Line, Result
from local_assistant.errors import AssistantError

if TYPE_CHECKING:
    from local_assistant.cli.render import Renderer
    from local_assistant.config import AssistantConfig, Role
    from local_assistant.models.swap import NotInstalled, Swapped

ROLES = ("chat", "completion", "embedding")
"""As in the configuration's schema, which is too heavy for ``--help`` (a test compares)."""


@click.command()
@click.argument("model")
@click.option(
    "--for",
    "role",
    type=click.Choice(ROLES),
    help="What the model is for; without it: chat.",
)
@click.option(
    "--pull",
    "may_pull",
    is_flag=True,
    help="Download MODEL, or all of a preset, where it is not there yet.",
)
@click.option("--force", is_flag=True, help="Also take a model that cannot do that.")
@json_option
@click.pass_obj
def command(
    renderer: Renderer, model: str, role: Role | None, may_pull: bool, force: bool
) -> Result:
    """Use MODEL from the next message on, without a restart.

    MODEL is a name from `jupyter assistant models`, a path to a .gguf file, or a preset, which
    decides for all roles. The lines in your assistant.toml are changed in place; a model that
    is not there is downloaded after a yes, an unknown one changes nothing. What no role uses
    any more leaves the memory.
    """
    from local_assistant.config import load_config
    from local_assistant.models.presets import AUTO, presets_of
    from local_assistant.models.swap import use_preset

    # The user's own file: it is the one that is edited, wherever this is run.
    config = load_config().config
    if model == AUTO or model in presets_of(config):
        if role is not None:
            raise AssistantError(
                f"{model} is a preset: it decides for chat, completion and embedding.",
                f"Use it for all: jupyter assistant use {model}",
            )
        if may_pull:
            _pull_missing(renderer, model, config, force=force)
        return _preset(model, use_preset(model))
    role = role or "chat"
    done = _swapped(renderer, model, role, may_pull=may_pull, force=force)
    return _result(role, done)


def _swapped(renderer: Renderer, model: str, role: Role, *, may_pull: bool, force: bool) -> Swapped:
    from local_assistant.models.swap import NotInstalled, swap

    model = _absolute(model)
    _take_file(renderer, model)
    try:
        return swap(role, model, force=force)
    except NotInstalled as error:
        if not may_pull and not _wanted(renderer, error):
            raise AssistantError(_what(error), _fix(error, role)) from error
        return swap(role, _pulled(renderer, error.model), force=force)


def _take_file(renderer: Renderer, model: str) -> None:
    """Say what a file is; import it into the Ollama that answers. The engine links it later."""
    from pathlib import Path

    from local_assistant.config import is_gguf_path, load_config
    from local_assistant.server import find_server
    from local_assistant.server.gguf_look import look

    if not is_gguf_path(model):
        return
    embedded = find_server(load_config().config).kind == "embedded"
    renderer.line(Line(look(Path(model), engine=embedded).about))
    if not embedded:
        _pulled(renderer, model)


def _wanted(renderer: Renderer, error: NotInstalled) -> bool:
    """Ask whether to download; nobody there means no."""
    from local_assistant.models.presets import MODELS
    from local_assistant.setup.files import shown_bytes

    if not renderer.interactive():
        return False
    spec = MODELS.get(error.model)
    size = f" ({shown_bytes(spec.size)})" if spec else ""
    return click.confirm(f"{_what(error)}\nDownload {error.model}{size}?")


def _what(error: NotInstalled) -> str:
    """Say what is not there, and the names of presets and their models that look like it."""
    import difflib

    from local_assistant.config import load_config
    from local_assistant.models.presets import MODELS

    known = [*load_config().config.preset_names(), *MODELS]
    families = {name: name.partition(":")[0] for name in known}
    asked = error.model.partition(":")[0]
    if asked in families.values():  # another size of what we know is no mistake
        return error.message
    close = difflib.get_close_matches(asked, families.values(), cutoff=0.7)
    near = [name for name, family in families.items() if family in close]
    return f"{error.message} Did you mean {' or '.join(near)}?" if near else error.message


def _fix(error: NotInstalled, role: str) -> str:
    other = f" --for {role}" if role != "chat" else ""
    return (
        f"Get it with: jupyter assistant pull {error.model}, get and use it with: jupyter "
        f"assistant use {error.model}{other} --pull, or see all with: jupyter assistant models"
    )


def _pull_missing(renderer: Renderer, preset: str, config: AssistantConfig, *, force: bool) -> None:
    """Download those of a preset's models that are not there."""
    from local_assistant.models.plan import expand
    from local_assistant.server import DEMO_MODEL, find_server
    from local_assistant.server.installed import find, installed

    endpoint = find_server(config)
    there = installed(endpoint)
    wanted = expand([preset], config, endpoint)
    missing = [name for name in wanted if name != DEMO_MODEL and find(name, there) is None]
    if missing:
        _pulled(renderer, *missing, force=force)


def _pulled(renderer: Renderer, *models: str, force: bool = False) -> str:
    """Download models and return what their server calls the first."""
    from local_assistant.cli.progress import reporting
    from local_assistant.config import load_config
    from local_assistant.models.pull import pull

    with reporting(renderer, json_lines=True) as report:
        return pull(models, load_config().config, report, force=force)[0]


def _absolute(model: str) -> str:
    from pathlib import Path

    from local_assistant import paths
    from local_assistant.config import is_gguf_path

    return str(paths.expand(model, Path.cwd())) if is_gguf_path(model) else model


def _result(role: Role, done: Swapped) -> Result:
    from pathlib import Path

    from local_assistant.config import load_config

    before, now = done.before[role], done.now[role]
    data = {"role": role, "model": now, "before": before, **_common(done)}
    here = load_config(Path.cwd())
    was = before or f"the preset {here.config.models.preset}"
    lines = [_change(role, was, now), *_lines(done)]
    if here.config.models.for_role(role) != now:
        source = here.sources[f"models.{role}"]
        lines.append(Line(f"In this folder {source} has its own {role} model.", "note"))
    return Result(data, lines)


def _preset(name: str, done: Swapped) -> Result:
    from local_assistant.server.installed import short

    answering = {role: short(choice.model) for role, choice in done.applied.after.choices.items()}
    dropped = {role: done.before[role] for role in ROLES if done.before[role] is not None}
    data = {
        "preset": name,
        "before": done.before["preset"],
        "dropped": dropped,
        "models": answering,
        **_common(done),
    }
    lines = [_change("preset", done.before["preset"], name)]
    lines += [Line(f"{role}: {old} → as the preset says") for role, old in dropped.items()]
    lines += [Line(f"{role} is answered by {model}") for role, model in answering.items()]
    notices = [choice.notice for choice in done.applied.after.choices.values() if choice.notice]
    lines += [Line(notice, "note") for notice in dict.fromkeys(notices)]
    return Result(data, [*lines, *_lines(done)])


def _change(what: str, was: str | None, now: str | None) -> Line:
    return Line(f"{what}: {now}, as before" if was == now else f"{what}: {was} → {now}", "good")


def _common(done: Swapped) -> dict[str, Any]:
    return {
        "file": str(done.file),
        "server": done.server,
        "unloaded": list(done.applied.unloaded),
        "notices": list(done.notices),
    }


def _lines(done: Swapped) -> list[Line]:
    lines = [Line(f"Written to {done.file}; the next message uses it.")]
    if done.applied.unloaded:
        lines.append(Line(f"No longer in memory: {', '.join(done.applied.unloaded)}.", "dim"))
    return lines + [Line(notice, "note") for notice in done.notices]
