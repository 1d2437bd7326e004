"""The user's yes or no to one change, as a message in the chat.

Contract: only the one who asked the question answers, with ``yes`` or ``no``; any other message of
theirs means no. Nobody else's words count, the model's least of all. Nothing waits after a stop.
"""

from __future__ import annotations

import asyncio
from enum import Enum
from typing import Any

from local_assistant.lab.chat.tools.talk import keep_answer

_YES, _NO = ("yes", "y"), ("no", "n")


class Answer(Enum):
    """What the user said to a change."""

    YES = "yes"
    NO = "no"
    OTHER = "other"
    """Something else: a new question, most likely, which is answered next."""


def meant(text: str) -> Answer:
    """Return what a message says to a change."""
    word = text.strip().rstrip(".!").lower()
    return Answer.YES if word in _YES else Answer.NO if word in _NO else Answer.OTHER


async def consent(chat: Any, asker: str) -> Answer:
    """Return what the asker of a question says next in the chat.

    Args:
        chat: the chat.
        asker: the sender of the question that the change belongs to.
    """
    from jupyterlab_chat.models import ChatMessageAction

    said: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
    new = (ChatMessageAction.CLIENT_MSG_RECEIVED, ChatMessageAction.SERVER_MSG_SENT)

    def look(event: Any) -> None:
        if event.action in new and event.message.sender == asker and not said.done():
            said.set_result(event.message)

    observer = chat.observe_messages(look)
    try:
        message = await said
    finally:
        chat.unobserve_messages(observer)
    answer = meant(message.body)
    if answer is not Answer.OTHER:
        keep_answer(chat, message.id)
    return answer
