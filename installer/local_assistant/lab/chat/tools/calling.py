"""Where a chat's questions meet the tools: who gets them, and what they work with there."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from local_assistant.lab.chat.prompt import estimate_tokens
from local_assistant.lab.chat.tools import switch
from local_assistant.lab.chat.tools.catalogue import definitions
from local_assistant.lab.chat.tools.consent import consent
from local_assistant.lab.chat.tools.rounds import Ask, Desk, Rounds
from local_assistant.lab.chat.tools.talk import TalkKeeper

if TYPE_CHECKING:
    from local_assistant.config import AssistantConfig
    from local_assistant.lab.chat.question import Question
    from local_assistant.lab.chat.window import Window

_PROMPT_SHARE = 2 / 3
"""Of the room that the tools leave, what a question and its conversation may take."""

_LEAST_ROOM = 600
"""Tokens; a model that reads less has no room for a question, a call and its result."""


@dataclass(frozen=True)
class Offer:
    """What one answer has of tools.

    Attributes:
        definitions: what the request offers; empty where it offers nothing.
        lacking: why not, where tools are on.
        budget: how many tokens the prompt may take.
        room: how many prompt and rounds may take together.
    """

    definitions: tuple[dict[str, Any], ...]
    lacking: str
    budget: int
    room: int


async def offered(
    persona: Any, question: Question, config: AssistantConfig, window: Window, model: str
) -> Offer:
    """Return which tools a question's answer has.

    Args:
        persona: who answers, in its chat.
        question: one with a text of its own for the model has none: it asks one thing.
        config: the configuration in force.
        window: the model's.
        model: its name, for people.
    """
    budget = window.prompt_budget(config.chat.max_tokens)
    without = Offer((), "", budget, 0)
    chat_id = persona.chat.get_id()
    if not question.plain or not await asyncio.to_thread(switch.are_on, chat_id, config):
        return without
    if not window.tools:
        return Offer((), f"{model} has no tools, so it answers without them.", budget, 0)
    tools = definitions()
    room = budget - estimate_tokens(json.dumps(tools))
    if room < _LEAST_ROOM:
        lacking = f"{model} reads too little at once for tools, so it answers without them."
        return Offer((), lacking, budget, 0)
    return Offer(tuple(tools), "", int(room * _PROMPT_SHARE), room)


def rounds(persona: Any, question: Question, ask: Ask, room: int) -> Rounds:
    """Return an answer that may call tools.

    Args:
        persona: who answers, in its chat.
        question: what is asked.
        ask: sends a request that offers the tools.
        room: how many tokens the rounds may take.
    """
    asker = question.asker or question.message
    chat = persona.chat
    desk = Desk(
        Path(persona.parent.root_dir),
        room,
        ask,
        partial(consent, chat, asker.sender),
        TalkKeeper(chat, persona.id, asker.id).keep,
        persona.send_message,
        persona.set_status,
    )
    return Rounds(desk)
