"""What a chat, or one message of it, remembers for us: in the chat's file, under our own name.

Contract: the chat is touched on the event loop only. Each value keeps the others.
"""

from __future__ import annotations

from typing import Any

_KEY = "local_assistant"


def recalled(chat: Any, name: str) -> Any:
    """Return what the chat remembers under ``name``, or None."""
    return _ours(chat.get_metadata()).get(name)


def remember(chat: Any, name: str, value: Any) -> None:
    """Let the chat remember ``value``, which JSON can hold."""
    chat.set_metadata(_KEY, {**_ours(chat.get_metadata()), name: value})


def recalled_of(message: Any, name: str) -> Any:
    """Return what a message remembers under ``name``, or None."""
    return _ours(message.metadata).get(name)


def remember_with(chat: Any, message_id: str, name: str, value: Any) -> None:
    """Let a message remember ``value``; one that is gone remembers nothing."""
    message = chat.get_message(message_id)
    if message is not None:
        message.metadata = {
            **(message.metadata or {}),
            _KEY: {**_ours(message.metadata), name: value},
        }
        chat.update_message(message)


def _ours(metadata: Any) -> dict[str, Any]:
    kept = metadata.get(_KEY) if isinstance(metadata, dict) else None
    return kept if isinstance(kept, dict) else {}
