"""The conversation of one chat, as turns.

Contract: reads messages as ``jupyterlab_chat`` models them, imports nothing of it. Deleted
messages, the system user's and our own notes are not part of a conversation; a question
that got only a problem for an answer is not, either.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from local_assistant.lab.chat.notes import without_notes
from local_assistant.lab.chat.prompt import Attachment, Turn
from local_assistant.lab.chat.tools.talk import is_answer, talk_of

CLEAR = "/clear"
"""The command after which the model no longer reads what was said before."""

AGAIN = "/again"
"""The command that has the last question answered anew; the new answer is the one that counts."""

_SYSTEM_USER = "hidden::"


def conversation(
    messages: Sequence[Any],
    last_id: str,
    persona_id: str,
    attachments_of: Callable[[Any], tuple[Attachment, ...]],
    asks: Callable[[str], bool],
    asked: Mapping[str, Turn] = MappingProxyType({}),
    with_talk: bool = False,
) -> list[Turn]:
    """Return the turns up to and including the message ``last_id``.

    Args:
        messages: the chat's messages, oldest first.
        last_id: the message that is being answered; it ends the result even where the
            chat does not hold it (an ephemeral one).
        persona_id: whose messages are the model's.
        attachments_of: reads what a message has attached.
        asks: whether a user's text is for a model.
        asked: what messages asked that is not in their text, by id.
        with_talk: whether what tools were called, and gave, is part of it.
    """
    turns: list[Turn] = []
    unanswered: Turn | None = None
    anew = False
    for message in messages:
        if message.deleted or message.sender.startswith(_SYSTEM_USER) or is_answer(message):
            continue
        mine = message.sender == persona_id
        text = without_notes(message.body) if mine else message.body.strip()
        talk = talk_of(message) if mine else None
        if not mine and text == CLEAR:
            turns.clear()
        elif not mine and text == AGAIN:
            anew = unanswered is None
            turns += [unanswered] if unanswered else []
        elif mine and not text and talk is None:
            if turns and turns[-1].role == "user":
                unanswered = turns.pop()
        elif mine:
            if anew and turns and turns[-1].role == "assistant":
                turns.pop()
            talk = talk if with_talk else None
            if text or talk:
                _append(turns, Turn("assistant", text, talk=talk))
            anew = False
        elif (text and asks(text)) or (not text and message.attachments):
            turn = asked.get(message.id) or Turn("user", text, attachments_of(message))
            _append(turns, turn)
            unanswered, anew = None, False
        if message.id == last_id:
            break
    return turns


def question_before(
    messages: Sequence[Any], last_id: str, persona_id: str, asks: Callable[[str], bool]
) -> Any | None:
    """Return the last message before ``last_id`` that a model answers, if it still counts.

    Args:
        messages: the chat's messages, oldest first.
        last_id: where to look back from.
        persona_id: whose messages are the model's.
        asks: whether a text is for a model.
    """
    found = None
    for message in messages:
        if message.id == last_id:
            break
        if message.deleted or message.sender.startswith((persona_id, _SYSTEM_USER)):
            continue
        if is_answer(message):
            continue
        text = message.body.strip()
        if text == CLEAR:
            found = None
        elif asks(text):
            found = message
    return found


def _append(turns: list[Turn], turn: Turn) -> None:
    """Add a turn; two of one side in a row become one, as chat templates want them."""
    if turns and turns[-1].role == turn.role:
        before = turns.pop()
        text = "\n\n".join(part for part in (before.text, turn.text) if part)
        attachments = before.attachments + turn.attachments
        both = None
        if before.talk is not None or turn.talk is not None:
            both = (*before.messages(), *turn.messages())
        turn = Turn(turn.role, text, attachments, before.context + turn.context, both)
    turns.append(turn)
