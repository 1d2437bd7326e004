"""One question to the model server, over plain HTTP.

Contract: Ollama's ``/api/chat``, streamed, through the standard library; leaving
:func:`answer` in any way (an interrupt too) closes the connection, at which the server
stops generating. A prompt that the model cannot take is refused with both numbers, never
cut in silence: ``truncate: false`` asks the same of the server.
"""

from __future__ import annotations

from collections.abc import Generator
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from local_assistant.errors import AssistantError
from local_assistant.lab.options import generation_options
from local_assistant.lab.prompts import system_prompt
from local_assistant.server.client import Client, ServerError

if TYPE_CHECKING:
    from local_assistant.config import AssistantConfig
    from local_assistant.server import Choice

_SURELY_FITS_BYTES = 1_000
"""Prompts up to here are sent unmeasured: every model takes them, and asking for the
size of its context would cost two round trips."""

_BYTES_PER_TOKEN = 4
"""On the generous side for text and code, so that a prompt that fits is never refused."""


def request(
    choice: Choice, config: AssistantConfig, output_format: str, prompt: str
) -> dict[str, Any]:
    """Return the body of the request."""
    return {
        "model": choice.model,
        "messages": [
            {"role": "system", "content": system_prompt(output_format, config.chat.system_prompt)},
            {"role": "user", "content": prompt},
        ],
        "stream": True,
        "truncate": False,
        "keep_alive": config.server.keep_alive,
        "options": generation_options(choice.model, config),
    }


def answer(client: Client, body: dict[str, Any]) -> Generator[dict[str, Any], None, None]:
    """Yield the server's chunks as they come.

    Raises:
        AssistantError: the prompt is too long, or the server failed.
    """
    size = sum(len(message["content"].encode()) for message in body["messages"])
    tokens = size // _BYTES_PER_TOKEN
    if size > _SURELY_FITS_BYTES:
        limit = _context_tokens(client, body)
        if limit is not None and tokens >= limit:
            raise _too_long(f"has about {tokens:,} tokens; {body['model']} takes {limit:,}")
    try:
        with client.stream("/api/chat", body) as chunks:
            yield from chunks
    except ServerError as error:
        # The server counts, where we only estimate.
        if error.status == HTTPStatus.BAD_REQUEST and "context" in error.message.lower():
            limit = _context_tokens(client, body)
            takes = f"the {limit:,} tokens that {body['model']} takes" if limit else body["model"]
            raise _too_long(f"is too long for {takes}") from error
        raise


def _too_long(what: str) -> AssistantError:
    return AssistantError(
        f"The prompt {what}.",
        "Shorten it, or name a model that reads more: %%ai MODEL (%ai list shows them).",
    )


def _context_tokens(client: Client, body: dict[str, Any]) -> int | None:
    """Return how many tokens the model reads: as asked for, as loaded, or at most."""
    asked = body["options"].get("num_ctx")
    if asked is not None:
        return int(asked)
    model = body["model"]
    names = {model, f"{model}:latest"}
    for loaded in client.get("/api/ps").get("models") or []:
        if names & {loaded.get("name"), loaded.get("model")} and loaded.get("context_length"):
            return int(loaded["context_length"])
    info = client.post("/api/show", {"model": model}).get("model_info") or {}
    sizes = [value for key, value in info.items() if key.endswith(".context_length")]
    return int(sizes[0]) if sizes else None
