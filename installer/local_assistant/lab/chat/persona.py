"""The assistant in Jupyter AI's chat: one persona per chat.

Contract: importing this module costs next to nothing beside Jupyter AI itself; langchain,
configuration and server code are imported on first use, in a thread. Nothing here blocks
the event loop: everything that reads a file, looks for a server or waits for one runs in a
thread, and the answer itself streams on the loop. No failure reaches the user as a
traceback: it is said in the chat in a sentence with a way out, and logged in a file.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from jupyter_ai_persona_manager import (
    BasePersona,
    CommandOption,
    ModelConfiguration,
    ModelOption,
    PersonaDefaults,
)

from local_assistant.errors import AssistantError
from local_assistant.lab.chat import (
    beside,
    commands,
    documents,
    export,
    generate,
    model,
    notes,
    tasks,
)
from local_assistant.lab.chat.answering import Answering
from local_assistant.lab.chat.backend import load
from local_assistant.lab.chat.history import AGAIN, question_before
from local_assistant.lab.chat.model import IN_JUPYTERLAB, ChatModel, picked_model
from local_assistant.lab.chat.question import NEW_MESSAGE, Question
from local_assistant.lab.chat.saving import Saving
from local_assistant.lab.chat.settings import Settings
from local_assistant.lab.chat.tools import switch
from local_assistant.lab.chat.tools.talk import is_answer
from local_assistant.lab.chat.window import look_ahead
from local_assistant.lab.models import changes
from local_assistant.lab.prompts import SYSTEM_PROMPT
from local_assistant.log import log_file, logger

LOG_COMPONENT = "jupyterlab"
NAME = "Assistant"  # short: the side bar is 250 pixels wide
EMPTY = (
    "Write a question, and I answer it here. You can attach files and cells with the paper clip; "
    "type / to see what else I do."
)


class LocalAssistantPersona(BasePersona):  # type: ignore[misc]  # Jupyter AI ships no types
    """Answers with the model that ``assistant.toml`` (or the model menu) names."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._reply: asyncio.Task[None] | None = None
        self._background: set[asyncio.Task[None]] = set()
        self._saving = Saving(self.chat)
        self._chat_model = ChatModel(self.chat)
        self._settings = Settings()
        self._answering = Answering(self, self._settings, self._chat_model)
        self._unsubscribe: Callable[[], None] | None = None
        self.report_slash_commands(
            [CommandOption(name=name, description=text) for name, text in commands.COMMANDS.items()]
        )

    @property
    def defaults(self) -> PersonaDefaults:
        return PersonaDefaults(
            name=NAME,
            description="Answers from a model on your own machine.",
            avatar_path=str(Path(__file__).with_name("avatar.svg")),
            system_prompt=SYSTEM_PROMPT,
        )

    async def prepare(self) -> None:
        """Import what an answer needs; the models for the menu are looked up meanwhile."""
        await asyncio.to_thread(load)
        if self._unsubscribe is None:
            self._unsubscribe = changes.subscribe(self._look_at_models)
        self._look_at_models()

    def _look_at_models(self) -> None:
        """Have the menu show what there is now."""
        task = asyncio.create_task(self._look())
        self._background.add(task)
        task.add_done_callback(self._background.discard)

    async def _look(self) -> None:
        await self._report_models()
        with contextlib.suppress(AssistantError):  # said when a message needs the server
            config = await self._answering.config()
            await asyncio.to_thread(look_ahead, config, self._chat_model.own)

    async def on_message(self, message: Any) -> None:
        """Take a message: it is about what its writer looks at now, however long it waits."""
        try:
            self._answering.sharing.arrived(message)
        except Exception as error:  # the message is answered all the same
            logger(LOG_COMPONENT).error("what a page has told", exc_info=error)
        await super().on_message(message)

    async def process_message(self, message: Any) -> None:
        """Answer one message; the stop button ends this early and without a complaint."""
        self._reply = asyncio.ensure_future(self._respond(message))
        try:
            await asyncio.wait({self._reply})
        finally:
            self._reply.cancel()
            reply, self._reply = self._reply, None
        if not reply.cancelled():
            reply.result()
        elif self.chat.get_messages()[-1:] and self.chat.get_messages()[-1].id == message.id:
            self.send_message(notes.note("Stopped before the answer began."))

    async def cancel_response(self) -> None:
        """Stop generating: the connection is closed, and the server ends its work on that."""
        if self._reply is not None:
            self._reply.cancel()

    async def apply_model_spec(self, spec: Any) -> None:
        """Nothing to switch here: the pick counts, and is remembered, when it is answered."""

    async def handle_uncaught_exception(self, exc: Exception) -> None:
        self._say_failure(exc)

    async def shutdown(self) -> None:
        if self._unsubscribe is not None:
            self._unsubscribe()
        for task in [*self._background, *([self._reply] if self._reply else [])]:
            task.cancel()
        self._answering.sharing.close()
        await super().shutdown()

    def _as_it_is(self, message: Any) -> Any:
        """Return a message in its wording of now: it may have been edited while it waited."""
        now = self.chat.get_message(message.id)
        if now is None:
            return message  # an ephemeral one
        return replace(message, body=now.body, attachments=now.attachments, deleted=now.deleted)

    async def _respond(self, message: Any) -> None:
        message = self._as_it_is(message)
        if message.deleted:
            return
        text = message.body.strip()
        if is_answer(self.chat.get_message(message.id) or message):
            return  # the answer that asked for it goes on by itself
        beside.ask_page_of(message)
        try:
            if documents.is_learn(text):
                self.send_message(await self._learn(text))
            elif commands.is_command(text):
                self.send_message(await self._run_command(text, message))
            elif generate.is_generate(text):
                await self._stream(self._writing(message))
            elif text == AGAIN:
                await self._answer(await self._question_again(message))
            elif not text:
                self.send_message(notes.note(EMPTY))
            else:
                await self._answer(await self._question(message))
        except Exception as error:
            self._say_failure(error)
        finally:
            self.clear_status()
            self._say_what_is_not_saved()

    def _say_what_is_not_saved(self) -> None:
        problem, damaged = self._saving.problem, self._saving.damaged
        if problem is not None:
            self.send_message(notes.problem(problem))
        if damaged is not None:
            self._saving.damaged = None
            self.send_message(
                notes.note(f"The file of this chat was damaged; what it held is in {damaged.name}.")
            )

    async def _question(self, message: Any) -> Question:
        if not tasks.is_task(message.body.strip()):
            return Question(message)
        self.set_status("is looking at the notebook")
        root, known = Path(self.parent.root_dir), self.chat.get_attachments()
        sharing = self._answering.sharing
        try:
            return await tasks.question(message, root, known, sharing.told)
        except AssistantError:
            sharing.forget(message)  # /again may come once the cell has been run
            raise

    async def _question_again(self, message: Any) -> Question:
        """Return the last question; a cell as it was then, unless JupyterLab was restarted."""
        messages = self.chat.get_messages()
        last = question_before(messages, message.id, self.id, commands.is_question)
        if last is None:
            raise AssistantError("There is no question to answer again.", "Write one.")
        asked = self._answering.asked(last) or await self._question(last)
        return replace(asked, asker=message)

    async def _answer(self, question: Question) -> None:
        await self._stream(self._answering.pieces(question))
        await self._report_models()

    def _writing(self, message: Any) -> AsyncIterator[str]:
        """Return the pieces of what is said while a notebook is written."""
        folder, root = Path(self.get_chat_dir()), Path(self.parent.root_dir)
        ask = partial(self._answering.whole, message)
        return generate.writing(message.body, folder, root, ask, self.set_status)

    async def _stream(self, pieces: AsyncIterator[str]) -> None:
        """Show an answer while it comes; it may go on in a message of its own."""
        failure: list[Exception] = []
        going_on = True

        async def part() -> AsyncIterator[str]:
            # The base class would print the traceback of anything raised in here.
            nonlocal going_on
            going_on = False
            try:
                async for piece in pieces:
                    if piece == NEW_MESSAGE:
                        going_on = True
                        return
                    yield piece
            except Exception as error:
                failure.append(error)

        while going_on:
            await self.stream_message(part())
        for failed in failure:
            raise failed

    async def _report_models(self) -> None:
        """Publish the models that can be picked, and which one answers in this chat."""
        try:
            config = await self._answering.config()
            menu = await asyncio.to_thread(model.menu, config, self._chat_model.own)
        except AssistantError as error:
            # The same failure is said in the chat when a message needs the server.
            logger(LOG_COMPONENT).info("models for the menu: %s", error)
            return
        wanted = ModelConfiguration(
            current=menu.current,
            options=[
                ModelOption(id=offer.id, name=offer.name, description=offer.about or None)
                for offer in menu.offers
            ],
        )
        if wanted != self.get_model_configuration():
            self.report_model_configuration(wanted)

    async def _learn(self, text: str) -> str:
        config = await self._answering.config()
        root = Path(self.parent.root_dir)
        return await documents.learning(text, root, config, self.set_status)

    async def _run_command(self, text: str, message: Any) -> str:
        name, *words = text.split()
        own = self._chat_model.own
        if name == model.COMMAND:
            config, picked = await self._answering.config(), picked_model(message)
            asked = await asyncio.to_thread(model.run_command, words, own, picked, config)
            self._chat_model.remember(asked.own)
            changes.tell()
            return asked.text
        if name == switch.COMMAND:
            config, chat = await self._answering.config(), self.chat.get_id()
            return await asyncio.to_thread(switch.run_command, words, chat, config)
        if name == commands.STATUS:
            config = await self._answering.config()
            wanted, problem = self._chat_model.wanted(message), self._settings.problem
            last = self._answering.last
            return await asyncio.to_thread(commands.status_text, config, problem, wanted, last)
        if name == export.EXPORT:
            messages, users = self.chat.get_messages(), self.chat.get_users()
            names = {key: user.display_name or user.name for key, user in users.items()}
            file = Path(self.get_chat_path())
            return await asyncio.to_thread(export.export, words, messages, names, self.id, file)
        return commands.text_of(name)

    def _say_failure(self, error: Exception) -> None:
        if not isinstance(error, AssistantError):
            where = self.get_chat_path(relative=True)
            logger(LOG_COMPONENT).error("chat %s", where, exc_info=error)
            error = AssistantError(
                f"Something in the assistant itself went wrong ({type(error).__name__}).",
                f"Send the message again. The details are in {log_file(LOG_COMPONENT)}.",
            )
        self.send_message(notes.problem(error, *_ways_out(error, self._chat_model.own)))


def _ways_out(error: AssistantError, own: str | None) -> list[str]:
    """Return what else can be done about a model that is not there."""
    from local_assistant.server.choice import NotInstalled

    if not isinstance(error, NotInstalled):
        return []
    back = [f"Or let assistant.toml decide in this chat: {model.COMMAND} default"] if own else []
    said = "Models…" in (error.fix or "")
    return [*([] if said else [IN_JUPYTERLAB]), *back]
