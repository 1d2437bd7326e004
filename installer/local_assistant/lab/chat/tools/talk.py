"""What was really said between model and tools, kept with the messages of the chat.

Contract: a chat's file may come from anybody, so what is read from it is checked: only a model's
and tools' messages, each call with its result. The chat is touched on the event loop only.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from local_assistant.lab.chat import memory

_TALK, _ANSWER = "talk", "answer"
_ROLES = ("assistant", "tool", "user")


class TalkKeeper:
    """Keeps one answer's talk with the newest of its messages.

    Args:
        chat: the chat.
        persona_id: whose messages the answer's are.
        asker_id: the message that it answers.
    """

    def __init__(self, chat: Any, persona_id: str, asker_id: str) -> None:
        self._chat = chat
        self._persona_id = persona_id
        self._asker_id = asker_id

    def keep(self, talk: list[dict[str, Any]]) -> None:
        """Keep all of what was said so far."""
        *earlier, last = self._mine() or [None]
        for message in earlier:
            memory.remember_with(self._chat, message.id, _TALK, [])
        if last is not None:
            memory.remember_with(self._chat, last.id, _TALK, talk)

    def _mine(self) -> list[Any]:
        """Return the answer's messages so far."""
        found: list[Any] = []
        for message in reversed(self._chat.get_messages()):
            if message.id == self._asker_id:
                break
            if message.sender == self._persona_id:
                found.insert(0, message)
        return found


def keep_answer(chat: Any, message_id: str) -> None:
    """Keep that a message was a yes or no to a change."""
    memory.remember_with(chat, message_id, _ANSWER, True)


def is_answer(message: Any) -> bool:
    """Return whether a message was a yes or no to a change, and so asks nothing."""
    return memory.recalled_of(message, _ANSWER) is True


def talk_of(message: Any) -> tuple[Mapping[str, Any], ...] | None:
    """Return what an answer really was, None where no tools were called for it."""
    kept = memory.recalled_of(message, _TALK)
    if not isinstance(kept, list):
        return None
    talk = [_checked(each) for each in kept]
    sound = [each for each in talk if each is not None]
    return tuple(sound) if len(sound) == len(talk) and _is_complete(sound) else None


def _checked(said: Any) -> dict[str, Any] | None:
    """Return a message in the shape that a request has, None where it has another."""
    if not isinstance(said, dict) or said.get("role") not in _ROLES:
        return None
    if not isinstance(said.get("content"), str):
        return None
    message: dict[str, Any] = {"role": said["role"], "content": said["content"]}
    if said["role"] == "tool":
        message["tool_call_id"] = str(said.get("tool_call_id"))
    if said["role"] == "assistant" and said.get("tool_calls"):
        calls = said["tool_calls"]
        if not isinstance(calls, list) or not all(_is_call(call) for call in calls):
            return None
        message["tool_calls"] = calls
    return message


def _is_call(call: Any) -> bool:
    function = call.get("function") if isinstance(call, dict) else None
    return (
        isinstance(function, dict)
        and isinstance(call.get("id"), str)
        and isinstance(function.get("name"), str)
        and isinstance(function.get("arguments"), dict)
    )


def _is_complete(talk: list[dict[str, Any]]) -> bool:
    """Return whether each call is followed by its result, and no result stands alone."""
    waiting: list[str] = []
    for message in talk:
        if message["role"] == "tool":
            if not waiting or waiting.pop(0) != message["tool_call_id"]:
                return False
        elif waiting:
            return False
        waiting += [call["id"] for call in message.get("tool_calls", ())]
    return not waiting
