"""A chat with a model whose prompts its Go template writes.

Contract: as Ollama does it: the prompt is rendered here and completed by llama.cpp; thinking
and tool calls are found in the text, by the tags that the template shows. A format is kept to
only once the thinking has ended: the generation begins again behind it.
"""

from __future__ import annotations

import contextlib
import time
from typing import Any

from local_assistant.engine import gotemplate
from local_assistant.engine.http import Stream
from local_assistant.engine.runtime.scheduler import Loaded
from local_assistant.engine.runtime.upstream import UpstreamError
from local_assistant.engine.store.store import StoredModel
from local_assistant.engine.text import answers, formats, generation, rendering
from local_assistant.engine.text.rendering import Message
from local_assistant.engine.text.thinking import ThinkingParser
from local_assistant.engine.text.tool_calls import ToolParser
from local_assistant.engine.wire.requests import ChatRequest


def answer(
    request: ChatRequest,
    model: StoredModel,
    loaded: Loaded,
    body: dict[str, Any],
    messages: list[Message],
) -> Stream:
    """Yield the chunks of an answer."""
    return _GoChat(request, model, loaded, body, messages).chunks()


class _GoChat:
    def __init__(
        self,
        request: ChatRequest,
        model: StoredModel,
        loaded: Loaded,
        body: dict[str, Any],
        messages: list[Message],
    ) -> None:
        self.request = request
        self.model = model
        self.loaded = loaded
        self.body = body
        self.messages = messages
        self.ready = time.perf_counter_ns()
        self.dropped = 0
        self._thought: list[str] = []
        self._thinking: ThinkingParser | None = None
        self._tools: ToolParser | None = None
        self._final: dict[str, Any] | None = None

    async def chunks(self) -> Stream:
        request = self.request
        constrained = await formats.completion_fields(request, self.loaded)
        self._thinking = rendering.thinking_parser(self.model, self.loaded.header, request)
        if request.tools:
            tag = gotemplate.tool_tag(rendering.parsed(self.model.template))
            self._tools = ToolParser(tag, request.tools)
            self.body["preserved_tokens"] = _preserved(tag)
        if request.logprobs:
            self.body["n_probs"] = max(request.top_logprobs, 1)
        first = {} if self._thinking is not None else constrained
        again = bool(constrained) and not first
        async with contextlib.aclosing(self._run(first, until_answer=again)) as chunks:
            async for chunk in chunks:
                yield chunk
        if self._final is None and again:
            thought = {"role": "assistant", "content": "", "thinking": "".join(self._thought)}
            self.messages = [*self.messages, thought]
            self._thinking = None
            async with contextlib.aclosing(self._run(constrained)) as chunks:
                async for chunk in chunks:
                    yield chunk
        if self._final is None:
            raise await answers.stopped(self.loaded)
        for chunk in self._rest():
            yield chunk
        reason = "length" if self._final.get("stop_type") == "limit" else "stop"
        more = {"dropped_messages": self.dropped} if self.dropped else {}
        timings = self._final.get("timings", {})
        yield answers.last(request, answers.message(""), reason, timings, self.ready, **more)

    async def _run(self, fields: dict[str, Any], *, until_answer: bool = False) -> Stream:
        """Yield the chunks of one generation; it ends early where the answer begins."""
        prompt = await self._prompt(self.messages)
        if self._thinking is not None:
            self._thinking.begin(prompt)
        body = {**self.body, **fields}
        begun = False
        try:
            async with contextlib.aclosing(self._events(body, prompt, until_answer)) as chunks:
                async for chunk in chunks:
                    begun = True
                    yield chunk
            return
        except UpstreamError as error:
            if begun or not generation.too_long(error) or not self.request.truncate:
                raise
        kept = await rendering.fitting(self.messages, self.loaded.context - 1, self._length)
        self.dropped = len(self.messages) - len(kept)
        shorter: rendering.Prompt = await self._prompt(kept)
        if await self._length(kept) >= self.loaded.context:
            keep = body["n_keep"]
            shorter = await rendering.shortened(shorter, self.request, self.loaded, keep)
        async with contextlib.aclosing(self._events(body, shorter, until_answer)) as chunks:
            async for chunk in chunks:
                yield chunk

    async def _events(
        self, body: dict[str, Any], prompt: rendering.Prompt, until_answer: bool
    ) -> Stream:
        begins = prompt if isinstance(prompt, str) else str(prompt)
        body = {**body, "prompt": prompt}
        stream = generation.events(self.loaded, "chat", "/completion", body, begins)
        async with contextlib.aclosing(stream):
            async for event in stream:
                if event.get("stop"):
                    self._final = event
                    return
                said = event.get("content") or ""
                thinking, text = self._thinking.add(said) if self._thinking else ("", said)
                found = event.get("completion_probabilities") if thinking or text else None
                self._thought.append(thinking)
                ends = until_answer and bool(text) and any(self._thought)
                chunk = self._chunk(thinking, "" if ends else text, found)
                if chunk is not None:
                    yield chunk
                if ends:
                    return

    def _chunk(self, thinking: str, text: str, found: Any = None) -> dict[str, Any] | None:
        calls: list[Any] = []
        if self._tools is not None and text:
            calls, text = self._tools.add(text)
        top = self.request.top_logprobs > 0
        probabilities = answers.probabilities_of(found, top=top) if self.request.logprobs else []
        if not (thinking or text or calls or probabilities):
            return None
        fields = {"thinking": thinking, "tool_calls": calls}
        message = answers.message(text, {key: value for key, value in fields.items() if value})
        return answers.chunk(self.request, message, probabilities)

    def _rest(self) -> list[dict[str, Any]]:
        """Return what the parsers have held back."""
        thinking, text = self._thinking.end() if self._thinking else ("", "")
        chunks = [self._chunk(thinking, text)]
        held = self._tools.end() if self._tools else ""
        if held:
            chunks.append(answers.chunk(self.request, answers.message(held)))
        return [chunk for chunk in chunks if chunk is not None]

    async def _prompt(self, messages: list[Message]) -> str:
        return await rendering.go_chat_prompt(
            self.model, self.loaded.header, messages, self.request.tools, self.request.think
        )

    async def _length(self, messages: list[Message]) -> int:
        prompt = await self._prompt(messages)
        return len(await generation.tokenize(self.loaded, prompt, special=True))


def _preserved(tag: str) -> list[str]:
    """Return the special token that the tag begins with: llama.cpp then shows it."""
    closing = {"[": "]", "<": ">"}.get(tag[:1], "")
    end = tag.find(closing) if closing else -1
    if tag in ("{", "["):
        return []
    return [tag[: end + 1]] if end > 0 else [tag]
