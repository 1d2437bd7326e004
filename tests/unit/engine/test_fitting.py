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
@pytest.mark.parametrize("length", [_strict, _length])
def test_what_is_kept_begins_with_the_user(room: int, begin: int, length: Any) -> None:
    assert _kept(TALK, room, length) == [0, *range(begin, 10)]


WORK = [_say("user"), _say("assistant"), _say("user"),
        *(_say(role) for role in ("assistant", "tool") * 3)]  # fmt: skip


@pytest.mark.parametrize(
    ("room", "begin"), [(700, 2), (699, 3), (600, 3), (599, 5), (399, 7), (200, 7), (199, 8)]
)
def test_a_tools_result_is_not_kept_without_its_call(room: int, begin: int) -> None:
    """But for the last message, which stays whatever is left of the rest."""
    assert _kept(WORK, room, _length) == list(range(begin, 9))


def test_only_whole_turns_are_tried_where_the_template_takes_nothing_else() -> None:
    assert _kept(WORK, 700, _length) == _kept(WORK, 700, _calls_are_answers) == [*range(2, 9)]
    assert _kept(WORK, 699, _calls_are_answers) == [8]


async def _calls_are_answers(some: list[Message]) -> int:
    if some[0]["role"] != "user":
        raise UpstreamError(500, "After the optional system message, the user must speak")
    return await _length(some)


def test_an_upper_case_role_is_that_role() -> None:
    loud = [{**each, "role": each["role"].upper()} for each in TALK]
    assert _kept(loud, 259, _length) == [0, 9]
