"""``/api/generate``: a prompt, raw or by a template, or a gap to fill.

Contract: checks in Ollama's order, so that a request with two mistakes gets the same answer.
Unlike Ollama a gap at the very beginning (empty prompt, some suffix) is filled, and a GGUF's
own fill-in-the-middle tokens are used where the model has no template for it.
"""

from __future__ import annotations

import contextlib
import time
from typing import Any

from local_assistant.engine.gguf.header import Header
from local_assistant.engine.http import Reply, Request, Stream, json_reply
from local_assistant.engine.runtime.scheduler import Loaded
from local_assistant.engine.runtime.upstream import UpstreamError
from local_assistant.engine.store.store import StoredModel
from local_assistant.engine.text import answers, formats, generation, rendering
from local_assistant.engine.wire import options as ollama_options
from local_assistant.engine.wire import requests as reading
from local_assistant.engine.wire.requests import GenerateRequest
from local_assistant.engine.wire.shapes import ApiError


class GenerateApi:
    def __init__(self, models: generation.Models) -> None:
        self._models = models

    async def handle(self, http: Request) -> Reply | Stream:
        return await self.answer(reading.read_generate(http.body))

    async def answer(self, request: GenerateRequest) -> Reply | Stream:
        if not request.model.strip():
            raise ApiError(404, f"model '{request.model}' not found")
        model, abilities = await self._models.find(request.model)
        nothing = {"response": ""}
        if not request.prompt and request.keep_alive == 0:
            await self._models.scheduler.unload(model)
            return json_reply(answers.bare(request, nothing, "unload"))
        _check(request, model, abilities)
        options = ollama_options.check({**model.params, **request.options})
        if not request.prompt and not request.suffix:
            async with self._models.use(model, request, options):
                return json_reply(answers.bare(request, nothing, "load"))
        if request.images:
            raise no_images(request)
        if request.debug_render_only:
            return await self._debug(request, model, options)
        stream = answers.once_more(lambda: self._generate(request, model, options))
        return stream if request.stream else await answers.collected(stream)

    async def _debug(
        self, request: GenerateRequest, model: StoredModel, options: dict[str, Any]
    ) -> Reply:
        async with self._models.use(model, request, options) as loaded:
            prompt = await rendering.generate_prompt(request, model, model.header(), loaded)
            if not isinstance(prompt, str):
                tokens = await generation.tokenize(loaded, prompt)
                prompt = await generation.detokenize(loaded, tokens)
            return answers.debug(request, {"response": ""}, prompt)

    async def _generate(
        self, request: GenerateRequest, model: StoredModel, options: dict[str, Any]
    ) -> Stream:
        header = model.header()
        async with self._models.use(model, request, options) as loaded:
            run = _Run(request, loaded)
            body = ollama_options.sampling_fields(options, loaded.context)
            body["prompt"] = await rendering.generate_prompt(request, model, header, loaded)
            body |= await formats.completion_fields(request, loaded)
            run.think(model, header, body["prompt"])
            try:
                async with contextlib.aclosing(run.chunks(body)) as chunks:
                    async for chunk in chunks:
                        yield chunk
                return
            except UpstreamError as error:
                if run.begun or not generation.too_long(error) or not request.truncate:
                    raise
                keep = body["n_keep"]
                tokens = await rendering.shortened(body["prompt"], request, loaded, keep)
                run.dropped = int(error.details.get("n_prompt_tokens", 0)) - len(tokens)
            async with contextlib.aclosing(run.chunks({**body, "prompt": tokens})) as chunks:
                async for chunk in chunks:
                    yield chunk


class _Run:
    """One generation: llama.cpp's events become chunks."""

    def __init__(self, request: GenerateRequest, loaded: Loaded) -> None:
        self.request = request
        self.loaded = loaded
        self.ready = time.perf_counter_ns()
        self.begun = False
        self.dropped = 0
        self._parser: Any = None
        self._texts: list[str] = []
        self._prompt: rendering.Prompt = ""
        """Before it was shortened: that is what ``context`` is about."""

    def think(self, model: StoredModel, header: Header, prompt: rendering.Prompt) -> None:
        """Tell thinking from answer, where the model thinks."""
        native = rendering.native(model, header)
        if self.request.suffix or (self.request.raw and native):
            return
        self._parser = rendering.thinking_parser(model, header, self.request)
        if self._parser is not None and isinstance(prompt, str):
            self._parser.begin(prompt)

    async def chunks(self, body: dict[str, Any]) -> Stream:
        request, prompt = self.request, body["prompt"]
        self._prompt = self._prompt or prompt
        if request.logprobs:
            body = {**body, "n_probs": max(request.top_logprobs, 1)}
        kind: generation.Kind = "completion" if request.raw or request.suffix else "chat"
        stream = generation.events(self.loaded, kind, "/completion", body, _begins(prompt))
        final: dict[str, Any] | None = None
        async with contextlib.aclosing(stream):
            async for event in stream:
                if event.get("stop"):
                    final = event
                    break
                chunk = self._chunk(event)
                if chunk is not None:
                    self.begun = True
                    yield chunk
        if final is None:
            raise await answers.stopped(self.loaded)
        rest = self._parser.end() if self._parser is not None else ("", "")
        if any(rest):
            yield answers.chunk(request, _fields(*rest))
        more: dict[str, Any] = {}
        if not request.raw:
            said = "".join(self._texts)
            asked = self._prompt
            content = asked + said if isinstance(asked, str) else [*asked, said]
            more["context"] = await generation.tokenize(self.loaded, content)
        if self.dropped:
            more["dropped_tokens"] = self.dropped
        reason = "length" if final.get("stop_type") == "limit" else "stop"
        timings = final.get("timings", {})
        yield answers.last(request, {"response": ""}, reason, timings, self.ready, **more)

    def _chunk(self, event: dict[str, Any]) -> dict[str, Any] | None:
        text = event.get("content") or ""
        found = event.get("completion_probabilities")
        top = self.request.top_logprobs > 0
        probabilities = answers.probabilities_of(found, top=top) if self.request.logprobs else []
        if not text:
            return None
        self._texts.append(text)
        thinking = ""
        if self._parser is not None:
            thinking, text = self._parser.add(text)
        return answers.chunk(self.request, _fields(thinking, text), probabilities)


def no_images(request: reading.TextRequest) -> ApiError:
    """Return the refusal of images."""
    return ApiError(
        400, f'"{request.model}" cannot look at images: the embedded engine reads text only'
    )


def _check(request: GenerateRequest, model: StoredModel, abilities: list[str]) -> None:
    """Refuse what the model cannot do, in Ollama's order.

    Raises:
        ApiError: with Ollama's sentence (400).
    """
    if request.raw and (request.template or request.system or request.context):
        raise ApiError(400, "raw mode does not support template, system, or context")
    if "thinking" in abilities:
        request.think = True if request.think is None else request.think
    elif request.think:
        raise ApiError(400, f'"{request.model}" does not support thinking')
    if "completion" not in abilities:
        raise ApiError(400, f'"{request.model}" does not support generate')
    if request.suffix and "insert" not in abilities:
        raise ApiError(400, f"{model.name.full} does not support insert")


def _fields(thinking: str, text: str) -> dict[str, Any]:
    return {"response": text, **({"thinking": thinking} if thinking else {})}


def _begins(prompt: rendering.Prompt) -> str:
    if isinstance(prompt, str):
        return prompt
    return "\n".join(str(part) for part in prompt)
