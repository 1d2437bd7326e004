"""One question to the model server, over plain HTTP.

Contract: Ollama's ``/api/chat``, streamed, through the standard library; leaving
:func:`answer` in any way (an interrupt too) closes the connection, at which the server
stops generating. A prompt that the model cannot take is refused with both numbers, never
cut in silence: ``truncate: false`` asks the same of the server.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from local_assistant.errors import AssistantError
from local_assistant.lab.prompts import system_prompt
from local_assistant.server.client import Client

if TYPE_CHECKING:
    from local_assistant.config import AssistantConfig
    from local_assistant.server import Choice

_DEMO = "assistant-demo"
_SURELY_FITS_BYTES = 1_000
"""Prompts up to here are sent unmeasured: every model takes them, and asking for the
size of its context would cost two round trips."""

_BYTES_PER_TOKEN = 4
"""On the generous side for text and code, so that a prompt that fits is never refused."""


def request(
    choice: Choice, config: AssistantConfig, output_format: str, prompt: str
) -> dict[str, Any]:
    """Return the body of the request."""
    chat = config.chat
    options: dict[str, Any] = {}
    if chat.temperature is not None:
        options["temperature"] = chat.temperature
    elif choice.model.partition(":")[0] == _DEMO:
        options["temperature"] = 0
    if chat.context_tokens is not None:
        options["num_ctx"] = chat.context_tokens
    if chat.max_tokens is not None:
        options["num_predict"] = chat.max_tokens
    return {
        "model": choice.model,
        "messages": [
            {"role": "system", "content": system_prompt(output_format, chat.system_prompt)},
            {"role": "user", "content": prompt},
        ],
        "stream": True,
        "truncate": False,
        "keep_alive": config.server.keep_alive,
        "options": options,
    }


def answer(client: Client, body: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the server's chunks as they come.

    Raises:
        AssistantError: the prompt is too long, or the server failed.
    """
    _refuse_too_long(client, body)
    with client.stream("/api/chat", body) as chunks:
        yield from chunks


def _refuse_too_long(client: Client, body: dict[str, Any]) -> None:
    size = sum(len(message["content"].encode()) for message in body["messages"])
    if size <= _SURELY_FITS_BYTES:
        return
    tokens = size // _BYTES_PER_TOKEN
    limit = _context_tokens(client, body)
    if limit is not None and tokens >= limit:
        raise AssistantError(
            f"The prompt has about {tokens:,} tokens; {body['model']} takes {limit:,}.",
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
