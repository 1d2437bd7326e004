"""``/v1``: OpenAI's protocol, as far as Ollama speaks it.

Contract: each endpoint is a translation around an ``/api`` endpoint of this engine, called
as a function: no rule about models, prompts or limits is repeated here. Errors have OpenAI's
shape (made in :mod:`..http`) and Ollama's sentences. An error in the middle of a stream is an
event with the error, without ``[DONE]``: OpenAI's clients raise it.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any

from local_assistant.engine.http import (
    Application,
    Events,
    Reply,
    Request,
    Stream,
    describe,
    failure_reply,
)
from local_assistant.engine.openai import answers, requests
from local_assistant.engine.wire.shapes import ApiError

_JSON = "application/json"
_INSTEAD = {
    "/v1/responses": "use /v1/chat/completions",
    "/v1/messages": "use /v1/chat/completions",
    "/v1/messages/count_tokens": "use /v1/chat/completions",
    "/v1/audio/transcriptions": "it has models for text only",
    "/v1/images/generations": "it has models for text only",
    "/v1/images/edits": "it has models for text only",
}

Whole = Callable[[Request], Awaitable[Reply]]
Text = Callable[[Request], Awaitable["Reply | Stream"]]


@dataclass(frozen=True)
class OpenAIApi:
    """The endpoints, each over the ``/api`` endpoint of that name."""

    tags: Whole
    show: Whole
    chat: Text
    generate: Text
    embed: Whole

    def add_routes(self, application: Application) -> None:
        application.route("GET", "/v1/models", self.models)
        application.route("GET", "/v1/models/*", self.model)
        application.route("POST", "/v1/chat/completions", self.chat_completions)
        application.route("POST", "/v1/completions", self.completions)
        application.route("POST", "/v1/embeddings", self.embeddings)
        for path in _INSTEAD:
            application.route("POST", path, self.left_out)

    async def models(self, http: Request) -> Reply:
        return _reply(answers.models(_read(await self.tags(http))))

    async def model(self, http: Request) -> Reply:
        body = json.dumps({"name": http.rest}).encode()
        shown = _read(await self.show(replace(http, body=body)))
        return _reply(answers.model(http.rest, shown["modified_at"]))

    async def embeddings(self, http: Request) -> Reply:
        wanted = requests.embedding(http.body)
        answer = _read(await self.embed(replace(http, body=wanted.body)))
        return _reply(answers.embeddings(wanted.model, answer, as_base64=wanted.base64))

    async def chat_completions(self, http: Request) -> Reply | Events:
        wanted = requests.chat(http.body)
        answer = await self.chat(replace(http, body=wanted.body))
        if not wanted.stream:
            return _reply(answers.chat(_read(answer)))
        events = answers.ChatEvents(include_usage=wanted.include_usage)
        return Events(_events(answer, events.of))

    async def completions(self, http: Request) -> Reply | Events:
        wanted = requests.completion(http.body)
        answer = await self.generate(replace(http, body=wanted.body))
        if not wanted.stream:
            return _reply(answers.completion(_read(answer)))
        events = answers.CompletionEvents(include_usage=wanted.include_usage)
        return Events(_events(answer, events.of))

    async def left_out(self, http: Request) -> Reply:
        raise ApiError(
            501, f"the embedded engine does not support {http.path}: {_INSTEAD[http.path]}"
        )


def _read(answer: Reply | Stream) -> dict[str, Any]:
    """Return the object of a whole answer."""
    if not isinstance(answer, Reply):
        raise TypeError("a whole answer was asked for")
    value: dict[str, Any] = json.loads(answer.body)
    return value


def _reply(value: dict[str, Any]) -> Reply:
    body = answers.dump(value) + "\n"
    return Reply(body.encode("utf-8", errors="replace"), content_type=_JSON)


async def _events(
    answer: Reply | Stream, convert: Callable[[dict[str, Any]], list[bytes]]
) -> AsyncGenerator[bytes, None]:
    """Yield the events of an answer; of a whole one (nothing generated) as of one chunk."""
    if isinstance(answer, Reply):
        for piece in convert(_read(answer)):
            yield piece
        return
    begun = False
    try:
        async with contextlib.aclosing(answer):
            async for chunk in answer:
                for piece in convert(chunk):
                    yield piece
                    begun = True
    except Exception as error:
        if not begun:
            raise  # nothing is sent yet: it gets its status
        yield b"data: " + failure_reply("/v1/", describe(error)).body + b"\n\n"
