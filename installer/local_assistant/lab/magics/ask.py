"""One question to the model server, over plain HTTP.

Contract: Ollama's ``/api/chat``, streamed, through the standard library; leaving
:class:`Answer` in any way (an interrupt too) closes the connection, at which the server
stops generating. A prompt that the model cannot take is refused with both numbers, never
cut in silence: ``truncate: false`` asks the same of the server. An answer that goes on for
ever is ended at :data:`MAX_CHARACTERS`.
"""

from __future__ import annotations

from collections.abc import Iterator
from http import HTTPStatus
from types import TracebackType
from typing import TYPE_CHECKING, Any

from local_assistant.errors import AssistantError
from local_assistant.lab.options import MAX_CHARACTERS, generation_options
from local_assistant.lab.prompts import system_prompt
from local_assistant.server.client import ServerError

if TYPE_CHECKING:
    from local_assistant.config import AssistantConfig
    from local_assistant.lab.magics.grammar import Question
    from local_assistant.server import Choice
    from local_assistant.server.client import Client

SURELY_FITS_BYTES = 1_000
"""Prompts up to here are sent unmeasured: every model takes them, and asking for the
size of its context would cost two round trips."""

_BYTES_PER_TOKEN = 4
"""On the generous side for text and code, so that a prompt that fits is never refused."""


def request(
    choice: Choice,
    config: AssistantConfig,
    question: Question,
    messages: list[dict[str, str]],
    schema: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """Return the body of the request.

    Args:
        messages: what was said before, and the prompt.
        schema: what the answer must be, if it is to be JSON.
    """
    base = config.chat.system_prompt if question.system is None else question.system
    system = system_prompt(question.format, base).strip()
    options = generation_options(choice.model, config)
    if question.temperature is not None:
        options["temperature"] = question.temperature
    if question.max_tokens is not None:
        options["num_predict"] = question.max_tokens
    body: dict[str, Any] = {
        "model": choice.model,
        "messages": [*([{"role": "system", "content": system}] if system else []), *messages],
        "stream": True,
        "truncate": False,
        "keep_alive": config.server.keep_alive,
        "options": options,
    }
    if schema is not None:
        body["format"] = schema
    return body


class Answer:
    """The words of one answer as they come: a context manager and an iterator.

    Attributes:
        text: what came so far.
        reason: why it ended: ``stop``, or ``length`` for an answer that was cut off.
        thinking: whether the model has only thought so far.
    """

    def __init__(self, client: Client, body: dict[str, Any]) -> None:
        self.text = ""
        self.reason = ""
        self.thinking = False
        self._stream = client.stream("/api/chat", body)

    def __enter__(self) -> Answer:
        self._stream.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stream.close()

    def __iter__(self) -> Iterator[str]:
        """Yield each piece; an empty one says that the model thinks."""
        for chunk in self._stream:
            message = chunk.get("message")
            message = message if isinstance(message, dict) else {}
            piece = str(message.get("content") or "")
            self.text += piece
            self.reason = str(chunk.get("done_reason") or self.reason)
            self.thinking = not self.text and bool(message.get("thinking"))
            if piece or self.thinking:
                yield piece
            if len(self.text) > MAX_CHARACTERS:
                self.reason = "endless"
                return


def is_too_long(error: ServerError) -> bool:
    """Return whether the server refused a prompt for its length: it counts, we estimate."""
    return error.status == HTTPStatus.BAD_REQUEST and "context" in error.message.lower()


def check_size(prompt: str, model: str, limit: int | None) -> None:
    """Raise if ``prompt`` alone is too long for the model.

    Raises:
        AssistantError: it is, with both numbers.
    """
    tokens = len(prompt.encode()) // _BYTES_PER_TOKEN
    if limit is not None and tokens >= limit:
        raise too_long(f"has about {tokens:,} tokens; {model} takes {limit:,}")


def too_long(what: str) -> AssistantError:
    """Return the refusal of a prompt that ``what`` describes."""
    return AssistantError(
        f"The prompt {what}.",
        "Shorten it, or name a model that reads more: %%ai MODEL (%ai list shows them).",
    )


def context_tokens(client: Client, model: str, asked: int | None) -> int | None:
    """Return how many tokens the model reads: as asked for, as loaded, or at most."""
    from local_assistant.server.loaded import process_of

    if asked is not None:
        return int(asked)
    loaded = process_of(client, model)
    if loaded is not None and loaded.get("context_length"):
        return int(loaded["context_length"])
    info = client.post("/api/show", {"model": model}).get("model_info") or {}
    sizes = [value for key, value in info.items() if key.endswith(".context_length")]
    return int(sizes[0]) if sizes else None
