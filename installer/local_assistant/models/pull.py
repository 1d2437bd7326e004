"""Get models: by Ollama where Ollama answers, else from Hugging Face into our own store.

Contract: :func:`pull` is the one thing in the assistant that fetches something from off the
machine, and only what it is asked for. It tells its progress by a callback, goes on where an
interrupted download stopped, checks the room on the disk first, and leaves a model either
whole or not there. Cheap at import.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from local_assistant.errors import AssistantError

if TYPE_CHECKING:
    from local_assistant.config import AssistantConfig
    from local_assistant.server import Endpoint


@dataclass(frozen=True)
class PullProgress:
    """How far one model is.

    Attributes:
        name: the model.
        status: what is being done, in a few words.
        completed: bytes that are there of the part being fetched; None outside a download.
        total: its bytes in all; None where they are not known.
    """

    name: str
    status: str
    completed: int | None = None
    total: int | None = None


OnProgress = Callable[[PullProgress], None]


def pull(names: Iterable[str], config: AssistantConfig, on_progress: OnProgress) -> list[str]:
    """Get models and return their names.

    Args:
        names: model names, ``hf.co/USER/REPO[:QUANT]``, paths of GGUF files, or presets
            (all their models; ``auto`` is the one for this machine).
        config: the configuration in force; it decides which server gets them.
        on_progress: called often, possibly from another thread.

    Raises:
        AssistantError: a model cannot be had; those before it are there.
    """
    from local_assistant.server import find_server

    wanted = expand(names)
    endpoint = find_server(config)
    return [_pull_one(name, endpoint, config, on_progress) for name in wanted]


def expand(names: Iterable[str]) -> list[str]:
    """Return ``names`` with presets replaced by their models, each once."""
    from local_assistant.models.machine import read_machine
    from local_assistant.models.presets import AUTO, PRESETS, preset_models

    found: list[str] = []
    for name in names:
        if name == AUTO or name in PRESETS:
            found += [spec.name for spec in preset_models(name, read_machine()).values()]
        else:
            found.append(name.strip())
    return list(dict.fromkeys(found))


def _pull_one(
    name: str, endpoint: Endpoint, config: AssistantConfig, on_progress: OnProgress
) -> str:
    from local_assistant.config import is_gguf_path
    from local_assistant.models import hub
    from local_assistant.server.choice import DEMO_MODEL
    from local_assistant.server.gguf import store_file
    from local_assistant.server.installed import key_of

    if is_gguf_path(name):
        on_progress(PullProgress(name, "reading the file"))
        return store_file(Path(name), config)
    if key_of(name) == key_of(DEMO_MODEL):
        on_progress(PullProgress(name, "part of the assistant"))
        return DEMO_MODEL
    if endpoint.kind == "ollama":
        _by_ollama(name, endpoint, on_progress)
    else:
        hub.fetch(name, config, on_progress)
    on_progress(PullProgress(name, "ready"))
    return name


def _by_ollama(name: str, endpoint: Endpoint, on_progress: OnProgress) -> None:
    from local_assistant.server import Client, ServerError

    done = False
    try:
        with Client(endpoint).stream("/api/pull", {"model": name, "stream": True}) as lines:
            for line in lines:
                status = str(line.get("status") or "")
                done = done or status == "success"
                if status and not done:
                    on_progress(
                        PullProgress(name, status, line.get("completed"), line.get("total"))
                    )
    except ServerError as error:
        raise _refused(name, error) from error
    if not done:
        raise AssistantError(
            f"Ollama stopped before {name} was there.",
            f"Go on with: jupyter assistant pull {name}",
        )


def _refused(name: str, error: AssistantError) -> AssistantError:
    """Return Ollama's refusal with what to do about it."""
    if "does not exist" in error.message or "not found" in error.message:
        return AssistantError(
            f'Ollama\'s library has no model "{name}".',
            "Look the name up at ollama.com/library, or give hf.co/USER/REPO:QUANT.",
        )
    again = f"Try again: jupyter assistant pull {name}"
    return AssistantError(f"{error.message} (while getting {name})", again)
