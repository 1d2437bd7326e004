"""From a question to the pieces of its answer: what is read, sent, said around it, counted.

Contract: everything that blocks runs in a thread; the chat itself is touched on the event loop
only. Failures are raised as they come.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jupyter_ai_persona_manager import Usage

from local_assistant.errors import AssistantError
from local_assistant.lab.chat import notes
from local_assistant.lab.chat.asking import Asking, Chat
from local_assistant.lab.chat.backend import Backend, Counts, Unreachable
from local_assistant.lab.chat.model import CHOOSER, ChatModel, short
from local_assistant.lab.chat.prompt import Prompt, Turn, build_prompt
from local_assistant.lab.chat.question import Question, wording
from local_assistant.lab.chat.settings import Settings
from local_assistant.lab.chat.sharing import Sharing
from local_assistant.lab.chat.speaking import Speech, speak
from local_assistant.lab.chat.tools import calling
from local_assistant.lab.chat.window import Window, context_window
from local_assistant.lab.prompts import system_prompt

if TYPE_CHECKING:
    from local_assistant.config import AssistantConfig
    from local_assistant.server import Choice


@dataclass(frozen=True)
class Measured:
    """What the last answer took."""

    model: str
    counts: Counts


class Answering:
    """Answers in one chat.

    Attributes:
        last: what the last complete answer took.
        sharing: what goes along with its questions by itself.
    """

    def __init__(self, persona: Any, settings: Settings, chat_model: ChatModel) -> None:
        self._persona = persona
        self._settings = settings
        self._chat_model = chat_model
        self._backend = Backend()
        self.last: Measured | None = None
        self.sharing = Sharing(persona, self.config)
        self._asked: dict[str, tuple[object, Question]] = {}
        """What messages asked that is not in their text, with that: /again reads it, too."""

    def asked(self, message: Any) -> Question | None:
        """Return what a message asked that is not in its text; None of one that was edited."""
        said, question = self._asked.get(message.id, (None, None))
        return question if said == wording(message) else None

    async def pieces(self, question: Question) -> AsyncIterator[str]:
        """Yield what goes into the answer's message: notes first, then the model's words."""
        config = await self.config()
        news = self._settings.news()
        if news:
            yield news + "\n\n"
        told: set[str] = set()
        for attempt in (1, 2):
            choice = await self._choose(question.asker or question.message, config)
            try:
                async for piece in self._ask(question, choice, config, told):
                    yield piece
                return
            except Unreachable:
                # It answered a moment ago: killed or restarted meanwhile, and nothing is
                # generated yet. choose() looks for it anew, and starts the engine where
                # that is the server.
                if attempt == 2:
                    raise

    async def config(self) -> AssistantConfig:
        """Return the configuration in force for this chat's folder."""
        return await asyncio.to_thread(self._settings.read, Path(self._persona.get_chat_dir()))

    async def _choose(self, message: Any, config: AssistantConfig) -> Choice:
        from local_assistant.server import choose

        wanted = self._chat_model.wanted(message)
        choice = await asyncio.to_thread(choose, "chat", config, model=wanted)
        self._chat_model.remember(wanted)
        return choice

    async def whole(self, message: Any, turn: Turn, output_format: str) -> str:
        """Return a whole answer that is not shown while it comes, without thoughts.

        Args:
            message: whose pick in the menu counts.
            turn: all that is asked.
            output_format: one of ``%%ai``'s, for the system prompt.
        """
        config = await self.config()
        system = system_prompt(output_format, config.chat.system_prompt)
        try:
            return await self._whole(message, turn, system, config)
        except Unreachable:  # as in pieces()
            return await self._whole(message, turn, system, config)

    async def _whole(self, message: Any, turn: Turn, system: str, config: AssistantConfig) -> str:
        choice = await self._choose(message, config)
        window = await _window(choice, config)
        budget = window.prompt_budget(config.chat.max_tokens)
        prompt = build_prompt(system, [turn], budget, short(choice.model))
        speech = Speech()
        pieces = self._backend.stream(
            choice, config, prompt.messages, speech.counts, thinks=window.thinks
        )
        async for _ in speak(pieces, speech):
            pass
        self.last = Measured(choice.model, speech.counts)
        self._report_usage(speech.counts, window.tokens)
        return speech.answer

    async def _ask(
        self, question: Question, choice: Choice, config: AssistantConfig, told: set[str]
    ) -> AsyncIterator[str]:
        persona = self._persona
        persona.set_status(f"is reading ({short(choice.model)})")
        window = await _window(choice, config)
        tools = await calling.offered(persona, question, config, window, short(choice.model))
        prompt = await self._prompt(question, choice, config, tools)
        left_out = _left_out(prompt, tools.budget)
        for text in [*self._standing(choice, tools.lacking), *question.said, *left_out]:
            if text not in told:
                told.add(text)
                yield notes.note(text) + "\n\n"
        persona.set_status()
        stream, speech = self._backend.stream, Speech()
        ask = partial(stream, choice, config, thinks=window.thinks, tools=tools.definitions)
        if tools.definitions:
            rounds = calling.rounds(persona, question, ask, tools.room - prompt.tokens)
            words = rounds.pieces(prompt.messages, speech)
        else:
            words = speak(ask(prompt.messages, speech.counts), speech, persona.set_status)
        answered = False
        async for shown in words:
            yield shown
            answered = answered or bool(tools.definitions and shown.strip())
        counts = speech.counts
        self.last = Measured(choice.model, counts)
        if not (answered or speech.answer.strip() or counts.cut):
            raise AssistantError(
                f"{short(choice.model)} gave an empty answer.", "Say it in other words."
            )
        closing = "" if counts.cut else question.closing(speech.answer)
        for under in _under(closing, counts, prompt):
            yield "\n\n" + under
        self._report_usage(counts, window.tokens)

    async def _prompt(
        self, question: Question, choice: Choice, config: AssistantConfig, tools: calling.Offer
    ) -> Prompt:
        """Return the prompt; later questions know what it was."""
        persona, sharing, message = self._persona, self.sharing, question.message
        if question.turn is not None:
            self._asked[message.id] = (wording(message), question)
        # Read here: a shared (RTC) chat must not be touched from another thread.
        messages, known = persona.chat.get_messages(), persona.chat.get_attachments()
        shown = sharing.last_shown(messages, before=message.id)
        root = Path(persona.parent.root_dir)
        offered = bool(tools.definitions)
        chat = Chat(root, messages, known, persona.id, sharing.turns(messages), shown, offered)
        context = await sharing.context_for(message, known, config) if question.plain else None
        model = short(choice.model)
        asking = Asking(question, chat, context, config, tools.budget, model)
        prompt, sent = await asyncio.to_thread(asking.prompt)
        sharing.budget = tools.budget
        if sent is not None:
            sharing.keep(message.id, sent)
        return prompt

    def _standing(self, choice: Choice, lacking: str) -> list[str]:
        """Return what holds for a choice, unless this chat holds it (also from before a restart).

        Args:
            choice: the server and its model.
            lacking: why there are no tools, where they are on.
        """
        standing = [each for each in (_in_jupyterlab(choice), lacking) if each]
        bodies = [m.body for m in self._persona.chat.get_messages() if m.sender == self._persona.id]
        return [each for each in standing if not any(notes.note(each) in body for body in bodies)]

    def _report_usage(self, counts: Counts, window: int) -> None:
        total = counts.prompt_tokens + counts.answer_tokens
        if not total:
            return
        self._persona.report_usage(Usage(context_tokens=total, context_size=window))
        self._persona.report_usage(
            Usage(
                input_tokens=counts.prompt_tokens,
                output_tokens=counts.answer_tokens,
                total_tokens=total,
            ),
            append=True,
        )


async def _window(choice: Choice, config: AssistantConfig) -> Window:
    """Return what the model reads at once.

    Raises:
        Unreachable: its server has gone meanwhile.
    """
    from local_assistant.server import ServerGone

    try:
        return await asyncio.to_thread(context_window, choice, config)
    except ServerGone as error:
        raise Unreachable(error.message, error.fix) from error


def _in_jupyterlab(choice: Choice) -> str | None:
    """Return a choice's notice; how to get a better model than the demo, here, too."""
    from local_assistant.server import DEMO_MODEL

    if choice.notice is None or choice.model != DEMO_MODEL:
        return choice.notice
    return f"{choice.notice}, or in JupyterLab: {CHOOSER}"


def _left_out(prompt: Prompt, budget: int) -> list[str]:
    said = []
    if prompt.left_out:
        said.append(
            f"Left out, because the model reads about {budget:,} tokens at once: "
            f"{'; '.join(prompt.left_out)}."
        )
    if prompt.unread:
        said.append(f"Not read: {'; '.join(prompt.unread)}.")
    return said


def _under(closing: str, counts: Counts, prompt: Prompt) -> list[str]:
    """Return the paragraphs that stand under the model's words."""
    under = [closing] if closing else []
    if counts.cut:
        under.append(notes.note("The answer ends here: it has reached its limit of tokens."))
    if prompt.sources:
        under.append(notes.note("From what was learned:", *prompt.sources))
    return under
