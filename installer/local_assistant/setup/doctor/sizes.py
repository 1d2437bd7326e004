"""Checks of sizes: one context for all who ask a model, and memory for all models in use."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from local_assistant.errors import AssistantError
from local_assistant.setup.doctor.models import NOT_ASKED
from local_assistant.setup.doctor.readings import Readings
from local_assistant.setup.doctor.registry import Failing, check, refuse

if TYPE_CHECKING:
    from local_assistant.models.sizing import Room
    from local_assistant.server import Choice, Endpoint

CONTEXT_ENV = "OLLAMA_CONTEXT_LENGTH"
_MUCH_SWAP = 1_000_000_000
_EDIT = "jupyter assistant config edit"


@check("contexts")
def check_contexts(readings: Readings) -> str:
    """Nobody asks a model that is loaded for another context size: that loads it anew, and so
    does the next question of the other one."""
    wanted = readings.config.chat.context_tokens
    problems: list[AssistantError] = []
    said: list[str] = []
    for role, choice in readings.choices().items():
        if role == "embedding" or choice.remote_host:
            continue  # asked without a size; of another machine's memory
        loaded = _loaded_context(readings, choice)
        trained = trained_context(readings.shown(choice))
        most = f" of at most {trained} tokens" if trained else " tokens"
        said.append(f"{choice.model}: {f'{loaded}{most}' if loaded else 'not loaded'}")
        problem = reloads(choice.model, wanted, loaded, trained)
        if problem is not None:
            problems.append(problem)
    problems += stock_sizes(_stock_settings(readings), wanted)
    refuse(problems)
    if not said:
        return NOT_ASKED
    size = f"[chat] context_tokens = {wanted}" if wanted else "the server's own size"
    return "; ".join([size, ", ".join(dict.fromkeys(said)), *_remarks(readings)])


def _loaded_context(readings: Readings, choice: Choice) -> int:
    from local_assistant.server import Client
    from local_assistant.server.loaded import process_of

    process = process_of(Client(choice.endpoint, timeout_s=10), choice.model)
    return int((process or {}).get("context_length") or 0)


def trained_context(shown: dict[str, Any]) -> int:
    """Return how many tokens a model was made to read; 0 where the server does not say."""
    info = shown.get("model_info") or {}
    architecture = str(info.get("general.architecture", ""))
    return int(info.get(f"{architecture}.context_length") or 0)


def reloads(model: str, wanted: int | None, loaded: int, trained: int) -> AssistantError | None:
    """Return why our next question would load a model anew, if it would.

    A model that was made to read less than is wanted is loaded with what it can.
    """
    expected = min(wanted, trained or wanted) if wanted else 0
    if not expected or loaded in (0, expected):
        return None
    return Failing(
        f"{model} is loaded with a context of {loaded} tokens, and [chat] context_tokens is "
        f"{wanted}: our next question loads it anew, and then the next of whoever loaded it so.",
        f"Set context_tokens = {loaded} in [chat], or the same in the other program: {_EDIT}",
    )


def _stock_settings(readings: Readings) -> dict[str, Any]:
    """Return the settings of Jupyter AI's own parts; none where they are not installed."""
    from local_assistant.setup.doctor.labfiles import read_object
    from local_assistant.setup.jupyter_ai import stacks
    from local_assistant.setup.jupyter_ai.step import config_file

    return read_object(config_file()) if stacks.find(readings.config) else {}


def stock_sizes(settings: Mapping[str, Any], wanted: int | None) -> list[AssistantError]:
    """Return where Jupyter AI's own parts ask our models for another context than we do."""
    from local_assistant.server.installed import short
    from local_assistant.server.own_names import is_alias

    found: list[AssistantError] = []
    for table in ("fields", "completions_fields"):
        for model, values in _entries(settings.get(table)):
            size = values.get("num_ctx")
            # "ollama_chat/NAME" of Jupyter AI 3, "ollama:NAME" of Jupyter AI 2.
            names = (model.rpartition("/")[2], model.partition(":")[2])
            name = next((short(each) for each in names if is_alias(each)), None)
            if name and size is not None and size != wanted:
                found.append(
                    Failing(
                        f"Jupyter AI asks {name} for a context of {size} tokens, and we for "
                        f"{wanted or 'what the server chose'}: each question loads the model anew.",
                        f"Set context_tokens = {size} in [chat]: {_EDIT}",
                    )
                )
    return found


def _entries(table: Any) -> list[tuple[str, Mapping[str, Any]]]:
    if not isinstance(table, dict):
        return []
    return [(str(model), values) for model, values in table.items() if isinstance(values, dict)]


def _remarks(readings: Readings) -> list[str]:
    """Return what changes the size from folder to folder, or by the environment."""
    said = []
    source = readings.settings[0].sources.get("chat.context_tokens", "")
    if len(readings.settings[0].files) > 1 and not source.startswith("default"):
        said.append(f"set in {source}: in another folder it may be another")
    value = readings.environment.get(CONTEXT_ENV)
    if value:
        said.append(f"{CONTEXT_ENV}={value} counts for an Ollama that is started with it")
    return said


@check("memory")
def check_memory(readings: Readings) -> str:
    """The models in use fit into this machine's memory, beside what runs now."""
    from local_assistant.machine import GB, available_memory, read_machine
    from local_assistant.models import sizing
    from local_assistant.setup.files import shown_bytes

    machine, free = read_machine(), available_memory()
    said = [f"{free / GB:.1f} of {machine.memory_gb:.0f} GB free"]  # as `models` says it
    for endpoint in {choice.endpoint.url: choice.endpoint for choice in _local(readings)}.values():
        held, missing = memory_of_models(readings, endpoint)
        room = free + _free_graphics(readings, endpoint, sizing.room(machine, endpoint.kind))
        too_much = sizing.rate(held + missing, machine, endpoint.kind) == "no"
        if too_much and missing > room:  # else they run, whatever the rule says
            raise Failing(
                f"The models in use need {shown_bytes(held + missing)}: more than this machine "
                f"has for them ({said[0]}).",
                "See which fit: jupyter assistant models, then: jupyter assistant use MODEL",
            )
        if held:
            said.append(f"{shown_bytes(held)} held by loaded models")
        if missing > room:
            said.append(f"loading {shown_bytes(missing)} more will swap: close some programs first")
    swapped = swap_used()
    if swapped > _MUCH_SWAP:
        said.append(f"{shown_bytes(swapped)} are swapped out, which makes models slow")
    return ", ".join(said)


def _free_graphics(readings: Readings, endpoint: Endpoint, there: Room) -> int:
    """Return the bytes that models may still take of cards with a memory of their own."""
    taken = sum(int(each.get("size_vram") or 0) for each in readings.loaded(endpoint).values())
    return 0 if there.shared else max(0, there.graphics - taken)


def _local(readings: Readings) -> list[Choice]:
    return [choice for choice in readings.choices().values() if choice.endpoint.local]


def memory_of_models(readings: Readings, endpoint: Endpoint) -> tuple[int, int]:
    """Return bytes held by a server's loaded models, and what those in use will take besides."""
    from local_assistant.models import sizing
    from local_assistant.server.loaded import entry_of

    loaded = readings.loaded(endpoint)
    tags = [{"name": each.name, "digest": each.digest} for each in readings.installed(endpoint)]
    sizes = {each.name: each.size for each in readings.installed(endpoint)}
    missing: dict[str, int] = {}
    for choice in _local(readings):
        here = choice.endpoint.url == endpoint.url
        if here and entry_of(choice.model, list(loaded.values()), tags) is None:
            size = sizes.get(choice.model, 0)
            missing[choice.model] = sizing.need_of(
                choice.model,
                size,
                readings.config.chat.context_tokens,
                embeds=choice.role == "embedding",
            )
    held = sum(int(process.get("size") or 0) for process in loaded.values())
    return held, sum(missing.values())


def swap_used(meminfo: str = "/proc/meminfo") -> int:
    """Return how many bytes are swapped out; 0 where the system does not say."""
    import re
    from pathlib import Path

    try:
        text = Path(meminfo).read_text(encoding="ascii")
    except OSError:
        return 0
    sizes = dict(re.findall(r"^(Swap\w+): +(\d+) kB$", text, re.MULTILINE))
    return (int(sizes.get("SwapTotal", 0)) - int(sizes.get("SwapFree", 0))) * 1024
