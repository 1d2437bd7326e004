"""``jupyter assistant stop``: end what the assistant has started, or unload one model."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from local_assistant.cli.group import json_option
from local_assistant.cli.result import Result, raw

if TYPE_CHECKING:
    from local_assistant.config import AssistantConfig


@click.command()
@click.argument("model", required=False)
@json_option
def command(model: str | None) -> Result:
    """Stop what the assistant has started, or take MODEL out of memory.

    Both start again when they are needed. An Ollama that the assistant has not started goes
    on: it is told how to stop that.
    """
    if model is not None:
        return _unloaded(model)
    from local_assistant.engine.launch import stop_engine
    from local_assistant.server import ollama

    engine, ours = stop_engine(), ollama.stop()
    lines = ["The embedded engine is stopped." if engine else "The embedded engine is not running."]
    lines += ["The Ollama that the assistant has started is stopped."] if ours else _another()
    data = {"stopped": engine or ours, "engine": engine, "ollama": ours}
    return Result(data, raw("\n".join(lines)))


def _another() -> list[str]:
    """Return what to know about an Ollama of somebody else's making that runs here."""
    from local_assistant.config import ConfigError, load_config
    from local_assistant.server import states

    try:
        found = states.describe(load_config().config)
    except ConfigError:
        return []  # another command says what is wrong with it
    if found.state != "answers" or not found.local:
        return []
    how = {
        "service": "sudo systemctl stop ollama",
        "app": "quit the app in the menu bar or the tray",
        "container": "docker stop, with the container's name",
    }.get(found.how or "", f"kill {found.holder.pid}" if found.holder and found.holder.pid else "")
    return [f"Ollama at {found.url} goes on: the assistant has not started it."] + (
        [f"To stop it: {how}"] if how else []
    )


def _unloaded(model: str) -> Result:
    from local_assistant.config import load_config
    from local_assistant.models.answering import held
    from local_assistant.models.memory import unload_one
    from local_assistant.server.endpoint import NotRunning
    from local_assistant.server.installed import short

    config: AssistantConfig = load_config().config
    try:
        choice = held(model, config, start=False)
    except NotRunning as idle:
        return Result({"stopped": False, "model": model}, raw(idle.message))
    stopped = unload_one(choice.endpoint, choice.model, [])
    state = "is no longer" if stopped else "is not"
    text = f"{short(choice.model)} {state} in memory."
    return Result({"stopped": stopped, "model": short(choice.model)}, raw(text))
