"""The chat's model is ready before the first message: in memory, with the system prompt read.

Contract: :func:`warm` blocks (call it in a thread) and never raises: nobody asked for anything
yet, and the first message says what is wrong. Nothing is sent off this machine. A model that is
not loaded is loaded only where memory is free for it.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from local_assistant.log import logger

if TYPE_CHECKING:
    from local_assistant.config import AssistantConfig
    from local_assistant.server import Choice, Client


def warm(config: AssistantConfig) -> bool:
    """Load the model and let it read the system prompt; return whether that was done."""
    if find_spec("jupyter_ai_persona_manager") is None:
        return False  # there is no chat here
    try:
        return _warm(config)
    except Exception as error:
        logger("jupyterlab").info("the chat is not warm: %s", error)
        return False


def _warm(config: AssistantConfig) -> bool:
    from local_assistant.lab.chat.window import abilities
    from local_assistant.lab.options import generation_options
    from local_assistant.server import Client, ServerError, choose

    choice = choose("chat", config)
    if not choice.endpoint.local or choice.remote_host:
        return False
    client = Client(choice.endpoint)
    if not _has_room(choice, config, client):
        return False
    body: dict[str, Any] = {
        "model": choice.model,
        "messages": [{"role": "system", "content": config.chat.system_prompt}],
        "stream": False,
        "keep_alive": config.server.keep_alive,
        # As a message asks: another context size would load the model anew.
        "options": {**generation_options(choice.model, config), "num_predict": 1},
    }
    if config.chat.tools and "tools" in abilities(choice):
        from local_assistant.lab.chat.tools.catalogue import definitions

        body["tools"] = definitions()  # templates write them in front of everything else
    try:
        client.post("/api/chat", body)
    except ServerError:
        # The templates of some models want a user's message: then it is loaded at least.
        client.post("/api/chat", {**body, "messages": []})
    return True


def _has_room(choice: Choice, config: AssistantConfig, client: Client) -> bool:
    """Return whether the model is loaded, or can be without pushing anything out of memory."""
    from local_assistant.machine import available_memory
    from local_assistant.models.sizing import need_of
    from local_assistant.server import installed
    from local_assistant.server.installed import find
    from local_assistant.server.loaded import process_of

    if process_of(client, choice.model) is not None:
        return True
    there = find(choice.model, installed(choice.endpoint))
    need = need_of(choice.model, there.size if there else 0, config.chat.context_tokens)
    return need <= available_memory()
