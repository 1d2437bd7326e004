"""One conversation with whichever model is configured, for a kernel or a script.

Contract: every question reads assistant.toml anew (a changed line counts for the next one) and
is sent with as much of the earlier ones as the model can read beside it. Notices are told once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from local_assistant.errors import AssistantError
from local_assistant.lab.magics import ask
from local_assistant.lab.magics.history import History
from local_assistant.lab.magics.schema import ANY, Shape
from local_assistant.server.client import Client, ServerError

if TYPE_CHECKING:
    from local_assistant.config import AssistantConfig
    from local_assistant.lab.magics.grammar import Question
    from local_assistant.server import Choice

_CLIENT_TIMEOUT_S = 600.0
"""Between two tokens: a large model may take minutes to load and to read a long prompt."""

_FOR_THE_ANSWER = 4
"""A fourth of the model's window is kept for the answer."""


class Dialogue:
    """Settings, history and aliases of one conversation.

    Args:
        start: the folder from which a project's assistant.toml is looked for.
        tell: shows the user a remark of ours.
    """

    def __init__(self, start: Path | None, tell: Callable[[str], None]) -> None:
        self.history = History()
        self.aliases: dict[str, str] = {}
        self._start = start
        self._show = tell
        self._watcher: Any = None
        self._told: set[str] = set()

    @property
    def config(self) -> AssistantConfig:
        """The configuration in force; a file that cannot be used is told of."""
        if self._watcher is None:
            from local_assistant.config import ConfigWatcher

            self._watcher = ConfigWatcher(self._start)
        config: AssistantConfig = self._watcher.current().config
        problem = self._watcher.problem
        self.tell(str(problem) if problem else None)
        return config

    def tell(self, notice: str | None) -> None:
        """Show a notice, once."""
        if notice and notice not in self._told:
            self._told.add(notice)
            self._show(notice)

    def choice(self, question: Question) -> Choice:
        """Return who answers.

        Raises:
            AssistantError: nobody can.
        """
        from local_assistant.server import choose

        named = question.model
        model = self.aliases.get(named, named) if named else None
        try:
            choice = choose("chat", self.config, model=model)
        except AssistantError as error:
            if model == named:
                raise
            said = f"{named} stands for {model}. {error.message}"
            raise AssistantError(said, error.fix) from None
        self.tell(choice.notice)
        return choice

    @contextmanager
    def answer(
        self, question: Question, choice: Choice, prompt: str, shape: Shape = ANY
    ) -> Iterator[ask.Answer]:
        """Ask, and give the answer while it comes; leaving stops the model.

        Raises:
            AssistantError: the prompt is too long, or the server failed.
        """
        client = Client(choice.endpoint, timeout_s=_CLIENT_TIMEOUT_S)
        config = self.config
        schema = shape.wire if question.format == "json" else None
        earlier = self._earlier(client, question, choice, prompt)
        asked = {"role": "user", "content": prompt}
        body = ask.request(choice, config, question, [*earlier, asked], schema)
        try:
            answer = ask.Answer(client, body).__enter__()
        except ServerError as error:
            if not ask.is_too_long(error):
                raise
            if not earlier:
                limit = ask.context_tokens(client, choice.model, config.chat.context_tokens)
                takes = f"the {limit:,} tokens that {choice.model} takes" if limit else choice.model
                raise ask.too_long(f"is too long for {takes}") from error
            self.tell("Nothing asked before was sent: the prompt fills the model's window.")
            body = ask.request(choice, config, question, [asked], schema)
            answer = ask.Answer(client, body).__enter__()
        try:
            yield answer
        finally:
            # At once, not when something happens to be collected: this is what stops the
            # model after an interrupt.
            answer.__exit__(None, None, None)

    def window(self, choice: Choice) -> int | None:
        """Return how many tokens the model reads, as far as the server says."""
        client = Client(choice.endpoint, timeout_s=_CLIENT_TIMEOUT_S)
        return ask.context_tokens(client, choice.model, self.config.chat.context_tokens)

    def _earlier(
        self, client: Client, question: Question, choice: Choice, prompt: str
    ) -> list[dict[str, str]]:
        """Return the earlier messages that fit, after a look at whether the prompt does."""
        history = self.history if question.history else History()
        size = len(prompt.encode())
        if size + history.size <= ask.SURELY_FITS_BYTES:
            return history.messages()
        limit = ask.context_tokens(client, choice.model, self.config.chat.context_tokens)
        ask.check_size(prompt, choice.model, limit)
        if limit is None or not len(history):
            return history.messages()
        from local_assistant.lab.chat.prompt import estimate_tokens

        system = question.system or self.config.chat.system_prompt
        fixed = estimate_tokens(prompt) + estimate_tokens(system) + 32
        answer = min(question.max_tokens or limit, limit // _FOR_THE_ANSWER)
        # A third less: small vocabularies take more tokens than the estimate says.
        room = max(limit - answer - fixed, 0) * 2 // 3
        kept = history.fitting(choice.model, room)
        if len(kept) < len(history.messages()):
            self.tell(f"The oldest questions are no longer sent: {choice.model} reads {limit:,} "
                      "tokens. %ai reset begins anew.")  # fmt: skip
        return kept
