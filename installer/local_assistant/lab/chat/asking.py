"""From a question to the prompt of its request: what was said before, attached, and goes along.

Contract: blocking, since attachments are files; the chat itself is not touched.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from local_assistant.lab.chat import documents
from local_assistant.lab.chat.attachments import read_attachments
from local_assistant.lab.chat.commands import is_question
from local_assistant.lab.chat.context import Context
from local_assistant.lab.chat.history import conversation
from local_assistant.lab.chat.prompt import Attachment, Prompt, Turn, build_prompt
from local_assistant.lab.chat.question import Question, wording
from local_assistant.lab.chat.sharing import Sent

if TYPE_CHECKING:
    from local_assistant.config import AssistantConfig


@dataclass(frozen=True)
class Chat:
    """A chat as it is when a question is asked.

    Attributes:
        root: JupyterLab's folder.
        messages: oldest first.
        known: the chat's attachments.
        persona_id: whose messages are the model's.
        earlier: questions as they were sent, by message.
        shown: the question that last took something along.
        tools: whether the request offers tools; then what they gave before is read, too.
    """

    root: Path
    messages: Sequence[Any]
    known: Mapping[str, Any]
    persona_id: str
    earlier: Mapping[str, Turn]
    shown: Sent | None
    tools: bool = False


class Asking:
    """One question's prompt for one model.

    Args:
        question: what is asked.
        chat: where.
        context: what goes along by itself.
        config: the configuration in force.
        budget: how many tokens the prompt may have.
        model: whose prompt it is.
    """

    def __init__(
        self,
        question: Question,
        chat: Chat,
        context: Context | None,
        config: AssistantConfig,
        budget: int,
        model: str,
    ) -> None:
        self._question = question
        self._chat = chat
        self._context = context
        self._config = config
        self._budget = budget
        self._model = model
        self._unread: list[str] = []
        self._read: dict[str, tuple[Attachment, ...]] = {}

    def prompt(self) -> tuple[Prompt, Sent | None]:
        """Return the prompt, and what to keep of it for later questions.

        Raises:
            AssistantError: the question alone does not fit.
        """
        message, turn = self._question.message, self._question.turn
        if turn is not None:
            prompt = self._built([turn])
            return prompt, Sent(prompt.asked, turn.attachments, None, wording(message))
        asked = documents.question_of(message.body)
        if asked is not None:
            last = self._conversation(())[-1]
            args = (self._chat.root, self._config, self._budget)
            turns, sources = documents.grounded(last, asked, *args)
            return replace(self._built(turns), sources=sources), None
        prompt, whole = self._with_context()
        own = Turn("user", message.body.strip(), self._attached(message), whole)
        merged = prompt.asked.text != own.text  # with a message that nothing has answered
        shown = whole if prompt.asked.context else ()  # there may have been no room at all
        sent = own if merged else prompt.asked
        return prompt, Sent(sent, shown, self._context, wording(message))

    def _with_context(self) -> tuple[Prompt, tuple[Attachment, ...]]:
        """Return the prompt, and what goes along that the model does not read already."""
        whole = self._context.parts if self._context else ()
        shown = self._chat.shown
        if whole and shown is not None and shown.whole == whole:
            prompt = self._built(self._conversation(()))
            if shown.turn in prompt.kept:
                return prompt, ()
        return self._built(self._conversation(whole)), whole

    def _conversation(self, context: tuple[Attachment, ...]) -> list[Turn]:
        """Return the conversation up to the question, which has this context."""
        message, chat = self._question.message, self._chat
        own = Turn("user", message.body.strip(), self._attached(message), context)
        asked = {**chat.earlier, message.id: own}
        return conversation(
            chat.messages,
            message.id,
            chat.persona_id,
            self._attached,
            is_question,
            asked,
            with_talk=chat.tools,
        )

    def _attached(self, message: Any) -> tuple[Attachment, ...]:
        """Return what a message has attached, as its files are now."""
        if message.id not in self._read:
            now = message.id == self._question.message.id
            ids, known = message.attachments or (), self._chat.known
            found, missing = read_attachments(self._chat.root, ids, known, earlier=not now)
            self._read[message.id] = tuple(found)
            if now:
                self._unread += missing
        return self._read[message.id]

    def _built(self, turns: Sequence[Turn]) -> Prompt:
        system = self._config.chat.system_prompt
        prompt = build_prompt(system, turns, self._budget, self._model)
        return replace(prompt, unread=self._unread)
