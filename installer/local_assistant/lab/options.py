"""The generation options that chat and ``%%ai`` send. Standard library only."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from local_assistant.config import AssistantConfig


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
