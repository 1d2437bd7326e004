"""What one chat's questions take along by themselves, and what they have taken along before.

Contract: on the event loop only. An earlier question is sent again exactly as it was sent then,
for as long as the server lives, so that a model server need not read it anew; one whose message
was edited since is not. What was sent and has not changed is not sent again while the model still
reads it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from local_assistant.lab.chat import pages
from local_assistant.lab.chat.commands import is_question
from local_assistant.lab.chat.context import Context, is_attached
from local_assistant.lab.chat.history import conversation
from local_assistant.lab.chat.memory import recalled, recalled_of, remember
from local_assistant.lab.chat.pages import Told
from local_assistant.lab.chat.prompt import Attachment, Turn, context_cost
from local_assistant.lab.chat.question import wording

if TYPE_CHECKING:
    from local_assistant.config import AssistantConfig

_MOST = 500
_SWITCH = "context"


@dataclass(frozen=True)
class Sent:
    """What one question was.

    Attributes:
        turn: as it was sent.
        whole: what went along, before it was cut to fit; empty where nothing did.
        context: what it would have taken along.
        wording: what its message said; one that was edited since is never sent again as it was.
    """

    turn: Turn
    whole: tuple[Attachment, ...]
    context: Context | None
    wording: tuple[str, tuple[str, ...]]


class Sharing:
    """One chat's context.

    Attributes:
        config: returns the configuration in force for the chat.
        budget: how many tokens the last prompt could have; None before there was one.
    """

    def __init__(self, persona: Any, config: Callable[[], Awaitable[AssistantConfig]]) -> None:
        self._persona = persona
        self.config = config
        self._sent: dict[str, Sent] = {}
        self.budget: int | None = None
        self._arrivals = pages.Arrivals()
        pages.join(self)

    @property
    def path(self) -> str:
        """The chat's file, from JupyterLab's folder."""
        return Path(self._persona.get_chat_path(relative=True)).as_posix()

    def is_on(self, config: AssistantConfig) -> bool:
        """Return whether questions take their context along: the chat's word, else the file's."""
        own = recalled(self._persona.chat, _SWITCH)
        return own if isinstance(own, bool) else config.chat.context

    def switch(self, on: bool) -> None:
        """Let the chat remember whether questions take their context along."""
        if recalled(self._persona.chat, _SWITCH) is not on:
            remember(self._persona.chat, _SWITCH, on)

    def arrived(self, message: Any) -> None:
        """Note what the page of a message shows now: it may wait long until it is answered."""
        shown, own = recalled_of(message, _SWITCH), recalled(self._persona.chat, _SWITCH)
        if isinstance(shown, bool) and isinstance(own, bool):
            self.switch(shown)  # its page could not say so before
        self._arrivals.note(message)

    async def told(self, message: Any) -> Told | None:
        """Return what the page of a message had told when it came."""
        return await self._arrivals.told(message)

    def forget(self, message: Any) -> None:
        """Look anew when a message is answered again."""
        self._arrivals.forget(message)

    def close(self) -> None:
        """End what goes on in the background."""
        self._arrivals.close()

    async def context_for(
        self, message: Any, known: Mapping[str, Any], config: AssistantConfig
    ) -> Context | None:
        """Return what goes along with a message; the same as before where it is asked again.

        Args:
            message: a question of a user.
            known: the chat's attachments.
            config: the configuration in force.
        """
        before = self._sent.get(message.id)
        if before is not None:
            return before.context
        told, shown = await self.told(message), recalled_of(message, _SWITCH)
        own = recalled(self._persona.chat, _SWITCH)
        if isinstance(shown, bool) and not isinstance(own, bool) and shown != config.chat.context:
            self.switch(shown)  # as above, where the chat had no word of its own
        on = shown if isinstance(shown, bool) else self.is_on(config)
        context = told.context if told else None
        if context is None or context.secret or not on:
            return None
        return None if is_attached(context, message.attachments or (), known) else context

    def keep(self, message_id: str, sent: Sent) -> None:
        """Keep what a question was."""
        self._sent.pop(message_id, None)
        self._sent[message_id] = sent
        while len(self._sent) > _MOST:
            del self._sent[next(iter(self._sent))]

    def turns(self, messages: Iterable[Any]) -> dict[str, Turn]:
        """Return the questions as they were sent, by message; those edited since are left out."""
        found = ((message.id, self._sent_as(message)) for message in messages)
        return {key: sent.turn for key, sent in found if sent is not None}

    def last_shown(self, messages: Iterable[Any], before: str = "") -> Sent | None:
        """Return the question, of those ahead of a message, that last took something along."""
        last = None
        for message in messages:
            if message.id == before:
                break
            sent = self._sent_as(message)
            last = sent if sent and sent.whole else last
        return last

    def _sent_as(self, message: Any) -> Sent | None:
        """Return what a message was, unless it says something else now."""
        sent = self._sent.get(message.id)
        return sent if sent is not None and sent.wording == wording(message) else None

    def line(self, context: Context | None, config: AssistantConfig) -> dict[str, Any]:
        """Return what the line at the chat's input says, and whether its box is ticked."""
        on = self.is_on(config)
        said: dict[str, Any] = {"on": on, "text": "", "tokens": 0, "fixed": False}
        if context is None:
            return said
        if context.secret:
            text = f"{context.place} is not sent: files of this name hold secrets"
            return {**said, "text": text, "fixed": True}
        if not on:
            return {**said, "text": "Sends only what you write"}
        if self._knows(context):
            return {**said, "text": f"Sends nothing new: {context.place} is as sent before"}
        tokens = context_cost(context.parts, self.budget)
        return {**said, "text": f"Sends {context.words()}", "tokens": tokens}

    def _knows(self, context: Context) -> bool:
        """Return whether the model reads a context already, as it is now."""
        messages = self._persona.chat.get_messages()
        last = self.last_shown(messages)
        if last is None or last.whole != context.parts:
            return False
        turns = conversation(
            messages, "", self._persona.id, lambda message: (), is_question, self.turns(messages)
        )
        return last.turn in turns
