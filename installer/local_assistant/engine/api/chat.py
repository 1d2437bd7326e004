"""``/api/chat``: a conversation, with tools, thinking and formats.

Contract: checks in Ollama's order. A conversation that does not fit loses its oldest
messages, and the last chunk says how many (``dropped_messages``). Where the GGUF has a chat
template llama.cpp does everything with it; else :mod:`..text.go_chat` does it with the model's Go
template.
"""

from __future__ import annotations

import contextlib
import json
import time
from typing import Any

from local_assistant.engine.api.generate import no_images
from local_assistant.engine.http import Reply, Request, Stream, json_reply
from local_assistant.engine.log import log
from local_assistant.engine.runtime.scheduler import Loaded
from local_assistant.engine.runtime.upstream import UpstreamError
from local_assistant.engine.store.store import StoredModel
from local_assistant.engine.text import answers, formats, generation, go_chat, rendering
from local_assistant.engine.text.rendering import Message
from local_assistant.engine.text.tool_calls import NativeCalls
from local_assistant.engine.wire import options as ollama_options
from local_assistant.engine.wire import requests as reading
from local_assistant.engine.wire.requests import ChatRequest
from local_assistant.engine.wire.shapes import ApiError


class ChatApi:
    def __init__(self, models: generation.Models) -> None:
        self._models = models

    async def handle(self, http: Request) -> Reply | Stream:
        return await self.answer(reading.read_chat(http.body))

    async def answer(self, request: ChatRequest) -> Reply | Stream:
        if not request.model.strip():
            raise ApiError(400, "model is required")
        model, abilities = await self._models.find(request.model)
        if not request.messages and request.keep_alive == 0:
            await self._models.scheduler.unload(model)
            return json_reply(answers.bare(request, answers.message(""), "unload"))
        _check(request, model, abilities)
        options = ollama_options.check({**model.params, **request.options})
        if not request.messages:
            async with self._models.use(model, request, options):
                return json_reply(answers.bare(request, answers.message(""), "load"))
        if any(each.get("images") for each in request.messages):
            raise no_images(request)
        if request.debug_render_only:
            return await self._debug(request, model, options)
        stream = answers.once_more(lambda: self._chat(request, model, options))
        return stream if request.stream else await answers.collected(stream)

    async def _debug(
        self, request: ChatRequest, model: StoredModel, options: dict[str, Any]
    ) -> Reply:
        header = model.header()
        messages = rendering.conversation(model, header, request.messages)
        async with self._models.use(model, request, options) as loaded:
            if rendering.native(model, header):
                body = rendering.native_body(messages, request, request.tools)
                prompt = await generation.apply_template(loaded, body)
            else:
                prompt = await rendering.go_chat_prompt(
                    model, header, messages, request.tools, request.think
                )
        return answers.debug(request, {"message": {"role": "", "content": ""}}, prompt)

    async def _chat(
        self, request: ChatRequest, model: StoredModel, options: dict[str, Any]
    ) -> Stream:
        header = model.header()
        messages = rendering.conversation(model, header, request.messages)
        async with self._models.use(model, request, options) as loaded:
            body = ollama_options.sampling_fields(options, loaded.context, chat=True)
            if rendering.native(model, header):
                chunks = _native(request, loaded, body, messages)
            else:
                chunks = go_chat.answer(request, model, loaded, body, messages)
            async with contextlib.aclosing(chunks):
                async for chunk in chunks:
                    yield chunk


async def _native(
    request: ChatRequest, loaded: Loaded, body: dict[str, Any], messages: list[Message]
) -> Stream:
    """Yield the chunks of an answer by the GGUF's own chat template."""
    ready = time.perf_counter_ns()
    body |= await formats.chat_fields(request, loaded)
    if request.logprobs:
        body |= {"logprobs": True, "top_logprobs": max(request.top_logprobs, 1)}
    kept = messages
    too_long: UpstreamError | None = None
    while True:
        begun = False
        whole = {**body, **rendering.native_body(kept, request, request.tools)}
        try:
            answer = _NativeAnswer(request, loaded, ready, len(messages) - len(kept))
            async with contextlib.aclosing(answer.chunks(whole)) as chunks:
                async for chunk in chunks:
                    begun = True
                    yield chunk
            return
        except UpstreamError as error:
            over = generation.too_long(error)
            if too_long is not None and not begun and not over:
                # A template that does not take what is left has an error of its own to say,
                # which is not about what was asked.
                log(f"a chat that was cut to fit failed: {error}")
                raise too_long from error
            shorten = over and request.truncate and len(messages) > 1
            if begun or too_long is not None or not shorten:
                raise
            too_long = error

        async def length(some: list[Message]) -> int:
            fields = rendering.native_body(some, request, request.tools)
            prompt = await generation.apply_template(loaded, fields)
            return len(await generation.tokenize(loaded, prompt, special=True))

        kept = await rendering.fitting(messages, loaded.context - 1, length)


class _NativeAnswer:
    """One generation: llama.cpp's events become chunks."""

    def __init__(self, request: ChatRequest, loaded: Loaded, ready: int, dropped: int) -> None:
        self.request = request
        self.loaded = loaded
        self.ready = ready
        self.dropped = dropped
        self._reason = ""
        self._timings: dict[str, Any] = {}
        self._calls = NativeCalls()
        # llama.cpp tells thinking apart only where it understands the template.
        self._parser = rendering.thinking_parser(loaded.model, loaded.header, request)

    async def chunks(self, body: dict[str, Any]) -> Stream:
        request = self.request
        begins = "\n".join(json.dumps(each, ensure_ascii=False) for each in body["messages"])
        events = generation.events(self.loaded, "chat", "/v1/chat/completions", body, begins)
        async with contextlib.aclosing(events):
            async for event in events:
                self._timings = event.get("timings") or self._timings
                for choice in event.get("choices", []):
                    chunk = self._chunk(choice)
                    if chunk is not None:
                        yield chunk
                if self._reason and self._timings:
                    break
        if not self._reason:
            raise await answers.stopped(self.loaded)
        thinking, text = self._parser.end() if self._parser else ("", "")
        if thinking or text:
            yield answers.chunk(request, _message(thinking, text))
        done = "length" if self._reason == "length" else "stop"
        more = {"dropped_messages": self.dropped} if self.dropped else {}
        message = answers.message("", self._calls.fields())
        yield answers.last(request, message, done, self._timings, self.ready, **more)

    def _chunk(self, choice: dict[str, Any]) -> dict[str, Any] | None:
        delta = choice.get("delta", {})
        self._reason = choice.get("finish_reason") or self._reason
        self._calls.take(delta.get("tool_calls") or [])
        text, thinking = delta.get("content") or "", delta.get("reasoning_content") or ""
        if thinking:
            self._parser = None
        if self._parser is not None and text:
            thinking, text = self._parser.add(text)
        found = (choice.get("logprobs") or {}).get("content")
        probabilities = answers.probabilities_of(found, top=self.request.top_logprobs > 0)
        if not (text or thinking or probabilities):
            return None
        return answers.chunk(self.request, _message(thinking, text), probabilities)


def _message(thinking: str, text: str) -> dict[str, Any]:
    return answers.message(text, {"thinking": thinking} if thinking else None)


def _check(request: ChatRequest, model: StoredModel, abilities: list[str]) -> None:
    """Refuse what the model cannot do, in Ollama's order.

    Raises:
        ApiError: with Ollama's sentence (400).
    """
    if "thinking" in abilities:
        request.think = True if request.think is None else request.think
    elif request.think:
        raise ApiError(400, f'"{request.model}" does not support thinking')
    if "completion" not in abilities:
        raise ApiError(400, f'"{request.model}" does not support chat')
    if request.tools and "tools" not in abilities:
        raise ApiError(400, f"{model.name.full} does not support tools")
