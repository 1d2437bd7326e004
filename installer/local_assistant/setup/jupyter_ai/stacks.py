"""Which of Jupyter AI's own parts are installed, and what they must be told.

Contract: reads the metadata of packages, imports none of them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import metadata
from typing import TYPE_CHECKING, Any

from local_assistant.errors import AssistantError
from local_assistant.server.own_names import ALIASES

if TYPE_CHECKING:
    from local_assistant.config import AssistantConfig

CHAT_3 = f"ollama_chat/{ALIASES['chat']}:latest"
"""As LiteLLM wants it. With the tag, because Jupyter AI 2 reads the same file and does not
start on an id without a colon; this one it takes for an unknown model and clears."""

CHAT_2, COMPLETION_2, EMBEDDING_2 = (
    f"ollama:{ALIASES[role]}" for role in ("chat", "completion", "embedding")
)

MODELS = (CHAT_2, COMPLETION_2, EMBEDDING_2, CHAT_3)

OURS: Mapping[str, tuple[Any, ...]] = {
    "model_provider_id": (None, CHAT_2, CHAT_3),
    "completions_model_provider_id": (COMPLETION_2,),
    "embeddings_provider_id": (EMBEDDING_2,),
}
"""By key, what is nobody's choice whenever it is met: what we write for either version, and a
chat without any model. (No model for completion is a choice.)"""

UNSET: Mapping[str, Any] = dict.fromkeys(OURS)
"""What Jupyter AI itself writes where nothing is chosen."""


@dataclass(frozen=True)
class Stack:
    """One of the two: Jupyter AI 2, or Jupyternaut of Jupyter AI 3.

    Attributes:
        name: as people know it, with its version.
        wanted: our keys in ``config.json``.
        problem: why it cannot use them yet.
        needs_tools: whether it sends tools with every question.
    """

    name: str
    wanted: Mapping[str, Any] = field(default_factory=dict)
    problem: AssistantError | None = None
    needs_tools: bool = False


def find(config: AssistantConfig) -> Stack | None:
    """Return what is installed here; ``None`` where it needs nothing from us.

    Jupyter AI 3 without Jupyternaut has no model of its own: our persona answers.
    """
    version = installed("jupyter-ai")
    if version is not None and _numbers(version) < (3,):
        problem = _ollama_problem(version)
        return Stack(f"Jupyter AI {version}", {} if problem else _wanted_2(config), problem)
    version = installed("jupyter-ai-jupyternaut")
    if version is not None:
        return Stack(f"Jupyternaut {version}", _wanted_3(config), needs_tools=True)
    return None


def installed(distribution: str) -> str | None:
    """Return the version of a package, or ``None`` where it is not installed."""
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None


def _wanted_2(config: AssistantConfig) -> dict[str, Any]:
    return {
        "model_provider_id": CHAT_2,
        "completions_model_provider_id": COMPLETION_2,
        "embeddings_provider_id": EMBEDDING_2,
        **_parameters("fields", CHAT_2, config.chat.context_tokens, config.chat.temperature),
        **_parameters("completions_fields", COMPLETION_2, config.chat.context_tokens),
    }


def _wanted_3(config: AssistantConfig) -> dict[str, Any]:
    chat = config.chat
    return {
        "model_provider_id": CHAT_3,
        **_parameters("fields", CHAT_3, chat.context_tokens, chat.temperature),
    }


def _parameters(
    table: str, model: str, context_tokens: int | None, temperature: float | None = None
) -> dict[str, Any]:
    """Return the parameters that the user has set for our own chat, under their keys.

    A context size goes to chat and completion alike: another one loads the model again.
    """
    values = {"num_ctx": context_tokens, "temperature": temperature}
    return {f"{table}.{model}.{name}": value for name, value in values.items() if value is not None}


def _ollama_problem(version: str) -> AssistantError | None:
    """Return what keeps Jupyter AI 2 from talking to Ollama's API at all."""
    found = installed("langchain-ollama")
    if found is not None and _numbers(found) < (1,):
        return None
    what = "is not installed" if found is None else f"is {found}, which needs Jupyter AI 3"
    return AssistantError(
        f"Jupyter AI {version} cannot use local models: langchain-ollama {what}.",
        'Run: pip install "langchain-ollama<1", then: jupyter assistant install',
    )


def _numbers(version: str) -> tuple[int, ...]:
    """Return the leading numbers of a version.

    >>> _numbers("2.31.7rc1")
    (2, 31, 7)
    """
    return tuple(int(part) for part in re.findall(r"\d+", re.split(r"[a-zA-Z+]", version)[0]))
