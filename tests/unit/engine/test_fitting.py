"""Which messages of a conversation are kept where it is too long, whatever its template takes."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from local_assistant.engine.runtime.upstream import UpstreamError
from local_assistant.engine.text import rendering

Message = dict[str, Any]


def _say(role: str, size: int = 100) -> Message:
    return {"role": role, "content": "x" * size}


async def _length(some: list[Message]) -> int:
    return sum(len(each["content"]) for each in some)


async def _strict(some: list[Message]) -> int:
    """As the templates of Gemma and Mistral: user and assistant in turn, the user first."""
    turns = [each["role"] for each in some if each["role"] not in ("system", "tool")]
    if any(role != ("user", "assistant")[index % 2] for index, role in enumerate(turns)):
        raise UpstreamError(500, "Conversation roles must alternate user/assistant/...")
    return await _length(some)


def _kept(messages: list[Message], room: int, length: Any = _strict) -> list[int]:
    """Return the places of the messages that are kept."""
    kept = asyncio.run(rendering.fitting(messages, room, length))
    return [index for index, each in enumerate(messages) if any(each is one for one in kept)]


TALK = [_say("system", 50), *(_say(role) for role in ("user", "assistant") * 4), _say("user", 10)]


@pytest.mark.parametrize(
    ("room", "begin"), [(660, 3), (659, 5), (460, 5), (459, 7), (260, 7), (259, 9), (5, 9)]
)
def test_for_a_strict_template_what_is_kept_begins_with_the_user(room: int, begin: int) -> None:
    assert _kept(TALK, room) == [0, *range(begin, 10)]


@pytest.mark.parametrize(("room", "begin"), [(660, 3), (659, 4), (559, 5), (60, 9), (5, 9)])
def test_for_any_other_it_begins_anywhere_as_in_ollama(room: int, begin: int) -> None:
    assert _kept(TALK, room, _length) == [0, *range(begin, 10)]


def test_the_last_message_stays_where_the_template_takes_nothing() -> None:
    async def refuses(_some: list[Message]) -> int:
        raise UpstreamError(500, "never")

    assert _kept(TALK, 500, refuses) == [0, 9]


def test_an_upper_case_role_is_that_role() -> None:
    loud = [{**each, "role": each["role"].upper()} for each in TALK]

    async def length(some: list[Message]) -> int:
        return await _strict([{**each, "role": each["role"].lower()} for each in some])

    assert _kept(loud, 259, length) == [0, 9]
    assert _kept(loud, 459, length) == [0, 7, 8, 9]
