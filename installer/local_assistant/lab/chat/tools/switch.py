"""Whether the model has tools in a chat: ``[chat] tools``, and ``/tools on|off`` for one chat.

Contract: blocking. What ``/tools`` says is kept in this user's own state under the chat's id, never
in the chat's file: a chat that came with somebody's folder must not give a model tools.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from local_assistant.errors import AssistantError
from local_assistant.lab.chat import notes
from local_assistant.lab.chat.tools.catalogue import TOOLS

if TYPE_CHECKING:
    from local_assistant.config import AssistantConfig

COMMAND = "/tools"
_WORDS = {"on": True, "off": False, "default": None}
_MOST_CHATS = 1000


def are_on(chat_id: str, config: AssistantConfig) -> bool:
    """Return whether the model has tools in a chat."""
    own = _read().get(chat_id)
    return config.chat.tools if own is None else own


def run_command(words: Sequence[str], chat_id: str, config: AssistantConfig) -> str:
    """Do what ``/tools`` and the word behind it ask for; return what to say about it.

    Raises:
        AssistantError: it takes no such words, or the choice cannot be kept.
    """
    if len(words) > 1 or (words and words[0] not in _WORDS):
        raise AssistantError(
            f"{COMMAND} takes on, off or default.", f"Write: {COMMAND} on, or {COMMAND} off"
        )
    if words:
        _keep(chat_id, _WORDS[words[0]])
    own = _read().get(chat_id)
    state = "on" if are_on(chat_id, config) else "off"
    why = "as [chat] tools in assistant.toml says" if own is None else "for this chat"
    listed = [
        f"{tool.name} – {tool.description}{' Asks you each time.' if tool.changes else ''}"
        for tool in TOOLS
    ]
    return notes.note(
        f"Tools are {state}, {why}.",
        *listed,
        f"{COMMAND} on, {COMMAND} off: for this chat; {COMMAND} default: as in assistant.toml. "
        "Only some models have tools; /model shows which.",
    )


def _keep(chat_id: str, choice: bool | None) -> None:
    from local_assistant.setup.files import write_atomically

    known = {key: value for key, value in _read().items() if key != chat_id}
    kept = dict(list(known.items())[-_MOST_CHATS:])
    if choice is not None:
        kept[chat_id] = choice
    write_atomically(_file(), json.dumps(kept).encode(), 0o600)


def _read() -> dict[str, bool]:
    try:
        found = json.loads(_file().read_text(encoding="utf-8"))
    except (OSError, ValueError):  # none yet, or damaged
        return {}
    pairs = found.items() if isinstance(found, dict) else ()
    return {key: value for key, value in pairs if isinstance(value, bool)}


def _file() -> Path:
    from local_assistant import paths

    return paths.state_dir() / "chat-tools.json"
