"""What chat and ``%%ai`` ask for alike, and how long an answer may be. Standard library only."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from local_assistant.config import AssistantConfig

MAX_CHARACTERS = 1_000_000
"""No answer to be read is longer; a model that never ends would fill the page."""


def generation_options(model: str, config: AssistantConfig) -> dict[str, Any]:
    """Return Ollama's ``options`` for ``model``: what ``[chat]`` sets, and no more.

    What is not set is not sent: a ``num_ctx`` other than the loaded one would make Ollama
    load the model again.
    """
    from local_assistant.server import DEMO_MODEL

    chat = config.chat
    temperature = chat.temperature
    if temperature is None and model.partition(":")[0] == DEMO_MODEL:
        temperature = 0.0  # it is trained to answer exactly, and knows nothing to vary
    options = {
        "num_ctx": chat.context_tokens,
        "num_predict": chat.max_tokens,
        "temperature": temperature,
    }
    return {name: value for name, value in options.items() if value is not None}


def embedding_options(model: str, config: AssistantConfig) -> dict[str, Any]:
    """Return Ollama's ``options`` for vectors of ``model``.

    Where the same model chats, the context size goes with it: asked without, Ollama 0.33 loads
    the model anew (seen), and the chat's next message once more.
    """
    from local_assistant.errors import AssistantError
    from local_assistant.server import choose

    size = config.chat.context_tokens
    if size is None:
        return {}
    try:
        same = choose("chat", config).model == model
    except AssistantError:
        return {}  # there is no chat model; whoever chats is told
    return {"num_ctx": size} if same else {}
