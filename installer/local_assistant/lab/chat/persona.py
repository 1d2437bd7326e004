"""The assistant in Jupyter AI's chat: one persona per chat.

Contract: importing this module costs next to nothing beside Jupyter AI itself; langchain,
configuration and server code are imported on first use, in a thread. Nothing here blocks
the event loop: everything that reads a file, looks for a server or waits for one runs in a
thread, and the answer itself streams on the loop. No failure reaches the user as a
traceback: it is said in the chat in a sentence with a way out, and logged in a file.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jupyter_ai_persona_manager import (
    BasePersona,
    CommandOption,
    ModelConfiguration,
    ModelOption,
    PersonaDefaults,
    Usage,
)

from local_assistant.errors import AssistantError
from local_assistant.lab.chat import commands, notes
from local_assistant.lab.chat.attachments import read_attachments
from local_assistant.lab.chat.backend import Backend, Counts, Unreachable, load
from local_assistant.lab.chat.history import conversation
from local_assistant.lab.chat.prompt import Attachment, Prompt, build_prompt
from local_assistant.lab.prompts import SYSTEM_PROMPT
from local_assistant.log import log_file, logger

if TYPE_CHECKING:
    from local_assistant.config import AssistantConfig, ConfigWatcher
    from local_assistant.server import Choice

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
        self._backend = Backend()
        self._watcher: tuple[str, ConfigWatcher] | None = None
        self._told_problem: str | None = None
        self._reply: asyncio.Task[None] | None = None
        self._background: set[asyncio.Task[None]] = set()
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
        task = asyncio.create_task(self._report_models(None))
        self._background.add(task)
        task.add_done_callback(self._background.discard)

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
        """Nothing to switch: each message says itself which model its writer picked.

        The base class would keep one writer's choice for everybody in the chat, and after
        a change back to "Default".
        """

    async def handle_uncaught_exception(self, exc: Exception) -> None:
        self._say_failure(exc)

    async def shutdown(self) -> None:
        for task in [*self._background, *([self._reply] if self._reply else [])]:
            task.cancel()
        await super().shutdown()

    async def _respond(self, message: Any) -> None:
        failure: list[Exception] = []

        async def guarded() -> AsyncIterator[str]:
            # The base class would print the traceback of anything raised in here.
            try:
                async for piece in self._pieces(message):
                    yield piece
            except Exception as error:
                failure.append(error)

        text = message.body.strip()
        try:
            if text in commands.COMMANDS:
                self.send_message(await self._run_command(text))
            elif not text:
                self.send_message(notes.note(EMPTY))
            else:
                await self.stream_message(guarded())
        except Exception as error:
            failure.append(error)
        for failed in failure:
            self._say_failure(failed)

    async def _pieces(self, message: Any) -> AsyncIterator[str]:
        """Yield what goes into the answer's message: notes first, then the model's words."""
        config = await self._config()
        problem = self._problem_note()
        if problem:
            yield problem + "\n\n"
        told: set[str] = set()
        for attempt in (1, 2):
            choice = await self._choose(message, config)
            try:
                async for piece in self._ask(message, choice, config, told):
                    yield piece
                return
            except Unreachable:
                # It answered a moment ago: killed or restarted meanwhile, and nothing is
                # generated yet. choose() looks for it anew, and starts the engine where
                # that is the server.
                if attempt == 2:
                    raise

    async def _ask(
        self, message: Any, choice: Choice, config: AssistantConfig, told: set[str]
    ) -> AsyncIterator[str]:
        from local_assistant.lab.chat.window import context_window
        from local_assistant.server import ServerGone

        self.set_status(f"is reading ({short(choice.model)})")
        try:
            window = await asyncio.to_thread(context_window, choice, config)
        except ServerGone as error:
            raise Unreachable(error.message, error.fix) from error
        budget = window.prompt_budget(config.chat.max_tokens)
        # Read here: a shared (RTC) chat must not be touched from another thread.
        messages, known = self.chat.get_messages(), self.chat.get_attachments()

        def build() -> Prompt:
            return self._prompt(message, messages, known, choice, config, budget)

        prompt = await asyncio.to_thread(build)
        standing = [choice.notice] if choice.notice and not self._told(choice.notice) else []
        for text in [*standing, *_left_out(prompt, budget)]:
            if text not in told:
                told.add(text)
                yield notes.note(text) + "\n\n"
        self.set_status()
        counts = Counts()
        async for piece in self._backend.stream(choice, config, prompt.messages, counts):
            yield piece
        if counts.cut:
            yield "\n\n" + notes.note("The answer ends here: it has reached its limit of tokens.")
        self._report_usage(counts, window.tokens)
        await self._report_models(choice if message_model(message) is None else None)

    async def _config(self) -> AssistantConfig:
        """Return the configuration in force for this chat's folder."""

        folder = str(self.get_chat_dir())

        def read() -> AssistantConfig:
            from local_assistant.config import ConfigWatcher

            if self._watcher is None or self._watcher[0] != folder:
                self._watcher = (folder, ConfigWatcher(Path(folder)))
            return self._watcher[1].current().config

        return await asyncio.to_thread(read)

    async def _choose(self, message: Any, config: AssistantConfig) -> Choice:
        from local_assistant.server import choose

        return await asyncio.to_thread(choose, "chat", config, model=message_model(message))

    def _prompt(
        self,
        message: Any,
        messages: list[Any],
        known: dict[str, Any],
        choice: Choice,
        config: AssistantConfig,
        budget: int,
    ) -> Prompt:
        root = Path(self.parent.root_dir)
        unread: list[str] = []

        def attached(said: Any) -> tuple[Attachment, ...]:
            found, missing = read_attachments(root, said.attachments or (), known)
            if said.id == message.id:
                unread.extend(missing)
            return tuple(found)

        turns = conversation(messages, message.id, self.id, attached)
        prompt = build_prompt(config.chat.system_prompt, turns, budget, short(choice.model))
        return Prompt(prompt.messages, prompt.left_out, unread, prompt.tokens)

    def _told(self, text: str) -> bool:
        """Whether this chat holds a standing notice already (also from before a restart)."""
        said = notes.note(text)
        return any(m.sender == self.id and said in m.body for m in self.chat.get_messages())

    def _problem_note(self) -> str | None:
        """Return what is wrong with the configuration, once for each change of it."""
        problem = self._watcher[1].problem if self._watcher else None
        said = str(problem) if problem else None
        if said == self._told_problem:
            return None
        self._told_problem = said
        if problem is None:
            return notes.note("The configuration is read again: its mistake is gone.")
        return notes.problem(problem, "Until then the last good settings stay in force.")

    async def _report_models(self, choice: Choice | None) -> None:
        """Publish the models that can be picked, and which one answers by default."""
        try:
            config = await self._config()
            names = await asyncio.to_thread(commands.installed_models, config)
        except AssistantError as error:
            # The same failure is said in the chat when a message needs the server.
            logger(LOG_COMPONENT).info("models for the menu: %s", error)
            return
        current = short(choice.model) if choice else self.get_model()
        wanted = ModelConfiguration(
            current=current, options=[ModelOption(id=name, name=name) for name in names]
        )
        if wanted != self.get_model_configuration():
            self.report_model_configuration(wanted)

    def _report_usage(self, counts: Counts, window: int) -> None:
        total = counts.prompt_tokens + counts.answer_tokens
        if not total:
            return
        self.report_usage(Usage(context_tokens=total, context_size=window))
        self.report_usage(
            Usage(
                input_tokens=counts.prompt_tokens,
                output_tokens=counts.answer_tokens,
                total_tokens=total,
            ),
            append=True,
        )

    async def _run_command(self, name: str) -> str:
        if name == commands.STATUS:
            config = await self._config()
            problem = self._watcher[1].problem if self._watcher else None
            return await asyncio.to_thread(commands.status_text, config, problem)
        return commands.text_of(name)

    def _say_failure(self, error: Exception) -> None:
        if not isinstance(error, AssistantError):
            where = self.get_chat_path(relative=True)
            logger(LOG_COMPONENT).error("chat %s", where, exc_info=error)
            error = AssistantError(
                f"Something in the assistant itself went wrong ({type(error).__name__}).",
                f"Send the message again. The details are in {log_file(LOG_COMPONENT)}.",
            )
        self.send_message(notes.problem(error))


def short(model: str) -> str:
    """Return a model's name as people write it."""
    return model.removesuffix(":latest")


def message_model(message: Any) -> str | None:
    """Return the model that the writer of ``message`` picked in the menu, if any."""
    spec = (message.metadata or {}).get("model")
    name = spec.get("id") if isinstance(spec, dict) else getattr(spec, "id", None)
    return str(name) if name else None


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
