"""The conversation of one chat, as turns.

Contract: reads messages as ``jupyterlab_chat`` models them, imports nothing of it. Deleted
messages, the system user's and our own notes are not part of a conversation; a question
that got only a problem for an answer is not, either.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from local_assistant.lab.chat.notes import without_notes
from local_assistant.lab.chat.prompt import Attachment, Turn

CLEAR = "/clear"
"""The command after which the model no longer reads what was said before."""

_SYSTEM_USER = "hidden::"


def conversation(
    messages: Sequence[Any],
    last_id: str,
    persona_id: str,
    attachments_of: Callable[[Any], tuple[Attachment, ...]],
) -> list[Turn]:
    """Return the turns up to and including the message ``last_id``.

    Args:
        messages: the chat's messages, oldest first.
        last_id: the message that is being answered; it ends the result even where the
            chat does not hold it (an ephemeral one).
        persona_id: whose messages are the model's.
        attachments_of: reads what a message has attached.
    """
    turns: list[Turn] = []
    for message in messages:
        if message.deleted or message.sender.startswith(_SYSTEM_USER):
            continue
        mine = message.sender == persona_id
        text = without_notes(message.body) if mine else message.body.strip()
        if not mine and text == CLEAR:
            turns.clear()
        elif mine and not text:
            if turns and turns[-1].role == "user":
                turns.pop()
        elif text or message.attachments:
            role = "assistant" if mine else "user"
            _append(turns, Turn(role, text, () if mine else attachments_of(message)))
        if message.id == last_id:
            break
    return turns


def _append(turns: list[Turn], turn: Turn) -> None:
    """Add a turn; two of one side in a row become one, as chat templates want them."""
    if turns and turns[-1].role == turn.role:
        before = turns.pop()
        text = "\n\n".join(part for part in (before.text, turn.text) if part)
        turn = Turn(turn.role, text, before.attachments + turn.attachments)
    turns.append(turn)
