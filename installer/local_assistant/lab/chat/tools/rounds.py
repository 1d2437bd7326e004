"""An answer in rounds: the model calls tools, reads what came of it, and goes on.

Contract: at most :data:`MOST_ROUNDS` requests that end in calls, and what they add fits into the
model's window: a result is cut to what there is room for, and the cut is said to both. A call that
makes no sense is answered with a sentence, not with an error. What was really said to and by the
model is handed over after each round, so that later requests begin with the same words.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from local_assistant.errors import AssistantError
from local_assistant.lab.chat import notes
from local_assistant.lab.chat.backend import CallNotRead, Counts, Piece, Unreachable
from local_assistant.lab.chat.prompt import cost_of
from local_assistant.lab.chat.question import NEW_MESSAGE
from local_assistant.lab.chat.speaking import Speech, speak
from local_assistant.lab.chat.tools import shown
from local_assistant.lab.chat.tools.carrying import begun
from local_assistant.lab.chat.tools.catalogue import CannotDo, checked
from local_assistant.lab.chat.tools.consent import Answer
from local_assistant.lab.chat.tools.fitting import fitted
from local_assistant.lab.chat.tools.results import Plan, Result

MOST_ROUNDS = 8
_MOST_CALLS = 8
"""In one round; a model that calls more at once is told to call fewer."""

_LEAST_ROOM = 150
"""Tokens that must be free for another round: a call and a few lines of a result."""

_SHARE = 0.6
"""Of the free room, for one result: others may follow."""

_REFUSED = "The user said no, so this was not done."
_NOT_READ = "Your tool call could not be read. Call a tool with a JSON object, or answer in words."
_TOO_MANY = f"This was not done: {_MOST_CALLS} calls at once are the most."
_OTHER = "This was not done: the user wrote something else."

Message = dict[str, Any]
Ask = Callable[[Sequence[Mapping[str, Any]], Counts], AsyncIterator[Piece]]


@dataclass(frozen=True)
class Desk:
    """What an answer with tools works with.

    Attributes:
        root: JupyterLab's folder.
        room: tokens that the rounds may add.
        ask: sends a request.
        consent: returns the user's answer to the change that was shown last.
        keep: takes what was really said so far.
        say: says something in a message of its own.
        set_status: shows what goes on.
    """

    root: Path
    room: int
    ask: Ask
    consent: Callable[[], Any]
    keep: Callable[[list[Message]], None]
    say: Callable[[str], None]
    set_status: Callable[[str], None]


class Rounds:
    """One answer."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._talk: list[Message] = []
        self._over = ""
        self._unread = False
        self._called = False

    async def pieces(
        self, messages: Sequence[Mapping[str, Any]], speech: Speech
    ) -> AsyncIterator[str]:
        """Yield Markdown of the whole answer.

        Args:
            messages: the prompt.
            speech: filled in with the last round's words and counts.
        """
        for number in range(MOST_ROUNDS):
            said = Speech()
            try:
                async for piece in self._spoken([*messages, *self._talk], said, number == 0):
                    yield piece
            finally:
                first = speech.counts.first_s or said.counts.first_s
                speech.answer, speech.counts = said.answer, replace(said.counts, first_s=first)
                if said.answer and not said.calls and not self._unread:
                    self._add({"role": "assistant", "content": said.answer})
            if not said.calls and not self._unread:
                return
            async for piece in self._answered(said):
                yield piece
            if self._over:
                break
        else:
            self._over = f"Stopped after {MOST_ROUNDS} rounds of tools. Ask, and it goes on."
        yield "\n\n" + notes.note(self._over)

    async def _spoken(
        self, messages: Sequence[Mapping[str, Any]], said: Speech, first: bool
    ) -> AsyncIterator[str]:
        """Yield one round's words; a call that the server cannot read ends them."""
        desk, self._unread = self._desk, False
        try:
            async for piece in speak(desk.ask(messages, said.counts), said, desk.set_status):
                yield piece
        except CallNotRead as error:
            self._unread = True
            yield "\n\n" + notes.note(error.message)
        except Unreachable as error:
            if first:
                raise
            # Asked anew from the start, the model would do everything a second time.
            raise AssistantError(error.message, error.fix) from error

    async def _answered(self, said: Speech) -> AsyncIterator[str]:
        """Carry out what was called, and yield how that is shown."""
        if self._unread:
            words = said.answer or "I call a tool."
            self._add({"role": "assistant", "content": words})
            self._add({"role": "user", "content": _NOT_READ})
        else:
            called = {"role": "assistant", "content": said.answer, "tool_calls": _sent(said.calls)}
            results: list[Message] = []
            for call in said.calls:
                async for piece in self._one(call, [called, *results], results):
                    yield piece
            self._add(called, *results)
        if not self._over and self._free() < _LEAST_ROOM:
            self._over = "Stopped, because the model's window is full."

    async def _one(
        self, call: Mapping[str, Any], before: list[Message], results: list[Message]
    ) -> AsyncIterator[str]:
        """Carry out one call; its result is added to ``results``."""
        self._called = True
        line = shown.call_line(call["name"], call["args"])
        text = _OTHER if self._over else _TOO_MANY if len(results) >= _MOST_CALLS else ""
        try:
            if text:
                raise CannotDo(text)
            _, asked = checked(call["name"], call["args"])
            found = await begun(self._desk.root, asked)
            if isinstance(found, Plan):
                yield "\n\n" + shown.question(found)
                self._desk.keep(self._talk)
                answer = await self._waited()
                if answer is not Answer.OTHER:  # that message waits for its own answer
                    yield NEW_MESSAGE
                found = await self._agreed(found, answer)
        except CannotDo as error:
            text = str(error)
            yield "\n\n" + shown.not_done(line, text) + "\n\n"
        else:
            text, cut = fitted(found.text, int((self._free() - cost_of(before)) * _SHARE))
            size = f"{found.size}; {cut}" if cut else found.size
            yield "\n\n" + shown.done(line, size, text, found.language) + "\n\n"
            text += f"\n({cut})" if cut else ""
        results.append({"role": "tool", "content": text, "tool_call_id": call["id"]})

    async def _waited(self) -> Answer:
        self._desk.set_status("is waiting for your yes or no")
        try:
            answer: Answer = await self._desk.consent()
        except asyncio.CancelledError:
            self._desk.say(notes.note(shown.STOPPED))
            raise
        return answer

    async def _agreed(self, plan: Plan, answer: Answer) -> Result:
        """Make a change that the user has agreed to.

        Raises:
            CannotDo: they have not, or it failed.
        """
        if answer is not Answer.YES:
            if answer is Answer.OTHER:
                self._over = "You wrote something else, so the tools end here."
            raise CannotDo(_OTHER if answer is Answer.OTHER else _REFUSED)
        self._desk.set_status("is at work in the notebook")
        try:
            return await plan.carry_out()
        except asyncio.CancelledError:
            self._desk.say(notes.note(shown.LEFT))
            raise

    def _add(self, *messages: Message) -> None:
        self._talk.extend(messages)
        if self._called:
            self._desk.keep(self._talk)

    def _free(self) -> int:
        return self._desk.room - cost_of(self._talk)


def _sent(calls: Sequence[Mapping[str, Any]]) -> list[Message]:
    """Return calls as the next request holds them."""
    return [
        {
            "id": call["id"],
            "type": "function",
            "function": {"name": call["name"], "arguments": dict(call["args"])},
        }
        for call in calls
    ]
