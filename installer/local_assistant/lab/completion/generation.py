"""One generation: from a prompt to text that may be shown, time-boxed.

Contract: :meth:`Generation.run` is one task; cancelling it closes the connection to the
model server. ``shown`` only grows; ``end`` is set when it is over. Where the line ends in a
half-typed word, the model first writes that word itself (the prompt ends before it), and what
does not begin with the typed characters is dropped and asked again with the whole line. What
the model said there is remembered, so that the next key does not ask it in vain.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import OrderedDict
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from typing import Any

from local_assistant.config import AssistantConfig
from local_assistant.lab.completion.postprocess import Settled, Surroundings, settle
from local_assistant.lab.completion.prompt import Prompt
from local_assistant.lab.completion.target import Target

_GRACE = 1.0
"""After ``max_latency_ms`` a line that has begun may take this share of it more."""
_PATIENCE_S = 30.0
"""So long a prompt is read at least, where nobody types: what has been read stays in the
model server's cache, and giving up earlier would free nobody."""
_MEMO_SIZE = 64


@dataclass(frozen=True)
class End:
    """Why a generation is over."""

    reason: str
    message: str | None = None


@dataclass
class Counts:
    """What the model server reports; None where it could not."""

    evaluated: int | None = None
    cached: int | None = None
    generated: int | None = None
    prompt_ms: float | None = None

    def piece(self) -> None:
        """Take another chunk: one token, as far as can be told of an answer that is left."""
        self.generated = (self.generated or 0) + 1

    def add(self, last: dict[str, Any], pieces: int = 0) -> None:
        """Take the last chunk of one answer, of which ``pieces`` were taken before.

        Ollama counts the prompt's tokens with those of its cache and does not tell these
        apart: then it is unknown how many were evaluated.
        """
        total, cached = last.get("prompt_eval_count"), last.get("cached_count")
        if isinstance(total, int) and isinstance(cached, int):
            self.evaluated = (self.evaluated or 0) + total - cached
            self.cached = (self.cached or 0) + cached
        if isinstance(last.get("eval_count"), int):
            self.generated = (self.generated or 0) + int(last["eval_count"]) - pieces
        if isinstance(last.get("prompt_eval_duration"), int):
            self.prompt_ms = (self.prompt_ms or 0.0) + last["prompt_eval_duration"] / 1e6


class Memo:
    """What the model says at the boundaries of words, by prompt."""

    def __init__(self) -> None:
        self._said: OrderedDict[tuple[str, str], str] = OrderedDict()

    def contradicts(self, model: str, prompt: Prompt) -> bool:
        """Return whether it is known that the model would not write ``prompt.cut``."""
        said = self._said.get((model, prompt.healed))
        return said is not None and not agrees(said, prompt.cut)

    def remember(self, model: str, prompt: Prompt, said: str) -> None:
        self._said[(model, prompt.healed)] = said
        self._said.move_to_end((model, prompt.healed))
        while len(self._said) > _MEMO_SIZE:
            self._said.popitem(last=False)


def agrees(said: str, cut: str) -> bool:
    """Return whether ``said`` may still become a text that begins with ``cut``."""
    return said.startswith(cut) or cut.startswith(said)


@dataclass(eq=False)
class Generation:
    """A suggestion in the making."""

    target: Target
    config: AssistantConfig
    prompt: Prompt
    around: Surroundings
    memo: Memo
    deadline: float
    shown: str = ""
    end: End | None = None
    counts: Counts = field(default_factory=Counts)
    total_tokens: int | None = None
    first_text: float | None = None
    _changed: asyncio.Event = field(default_factory=asyncio.Event)
    _begun: float = field(default_factory=time.monotonic)
    _first_shown: float = 0.0

    async def run(self) -> None:
        """Ask the model until the suggestion is over."""
        prompt = self.prompt
        healing = prompt.cut and not self.memo.contradicts(self.target.model, prompt)
        if not (healing and await self._attempt(prompt.healed, prompt.cut)):
            await self._attempt(prompt.whole, "")

    @property
    def change(self) -> asyncio.Event:
        """Set at the next change from now on; to be taken before looking."""
        return self._changed

    def finish(self, reason: str, message: str | None = None) -> None:
        """Say that it is over."""
        if self.end is None:
            self.end = End(reason, message)
        self._wake()

    def _wake(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()

    async def _attempt(self, prompt: str, cut: str) -> bool:
        """Ask once; False where the answer does not begin with ``cut``."""
        said, pieces = "", 0
        stream = self.target.server.stream("/api/generate", self._body(prompt, len(cut)))
        async with contextlib.aclosing(stream):
            while True:
                item = await self._next(stream)
                if item is None:
                    return True
                said += str(item.get("response") or "")
                done = bool(item.get("done"))
                if done:
                    self.counts.add(item, pieces)
                    count = item.get("prompt_eval_count")
                    self.total_tokens = count if isinstance(count, int) else None
                else:
                    pieces += 1
                    self.counts.piece()
                if cut and not self._begins_with(cut, said, done):
                    self.memo.remember(self.target.model, self.prompt, said)
                    return False
                if cut and len(said) < len(cut):
                    continue
                settled = settle(said[len(cut) :], self.around, final=done)
                if self._show(settled, item, done):
                    return True

    @staticmethod
    def _begins_with(cut: str, said: str, done: bool) -> bool:
        return said.startswith(cut) if done or len(said) >= len(cut) else agrees(said, cut)

    def _show(self, settled: Settled, item: dict[str, Any], done: bool) -> bool:
        """Publish what is safe; return whether that is the end."""
        if len(settled.shown) > len(self.shown):
            if self.first_text is None:
                self.first_text = time.perf_counter()
                self._first_shown = time.monotonic()
            self.shown = settled.shown
            self._wake()
        late = time.monotonic() > self.deadline
        if settled.reason is not None:
            reason = settled.reason
            if done and reason == "stop":
                reason = "limit" if item.get("done_reason") == "length" else self._how_it_stopped()
            self.finish(reason, settled.message)
        elif late and self.shown and "\n" in self.shown:
            self.finish("time")
        elif done:
            self.finish("stop" if self.shown else "empty")
        return self.end is not None

    def _how_it_stopped(self) -> str:
        # With one line wanted the line's end is a stop text, and ends most answers.
        return "line" if self.around.shape.kind == "line" else "stop"

    async def _next(self, stream: AsyncGenerator[dict[str, Any], None]) -> dict[str, Any] | None:
        """Return the next chunk; None where the time is over."""
        budget = self.config.completion.max_latency_ms / 1000
        limit = max(self.deadline, self._begun + _PATIENCE_S)
        if self.shown:
            limit = max(self.deadline, self._first_shown) + _GRACE * budget
        left = limit - time.monotonic()
        try:
            if left <= 0:  # also where the next chunk is there already
                raise asyncio.TimeoutError
            return await asyncio.wait_for(stream.__anext__(), left)
        except asyncio.TimeoutError:
            message = None
            if not self.shown:
                message = f"The model wrote nothing within {time.monotonic() - self._begun:.0f} s."
            self.finish("time", message)
        except StopAsyncIteration:
            self.finish("stop" if self.shown else "empty")
        return None

    def _body(self, prompt: str, extra: int) -> dict[str, Any]:
        options: dict[str, Any] = {
            "num_predict": self.config.completion.max_tokens + extra,
            "temperature": 0,
            "repeat_penalty": 1.0,
        }
        stops = list(self.prompt.stops)
        if self.around.shape.kind == "line":
            stops.insert(0, "\n")
        options["stop"] = stops
        if self.config.chat.context_tokens:
            options["num_ctx"] = self.config.chat.context_tokens
        body: dict[str, Any] = {
            "model": self.target.model,
            "prompt": prompt,
            "stream": True,
            # A prompt cut by the server would lose the tokens in it: rather refused (runs.py).
            "truncate": False,
            "keep_alive": self.config.server.keep_alive,
            "options": options,
        }
        if self.prompt.suffix is None:
            body["raw"] = True
        else:
            body["suffix"] = self.prompt.suffix
        return body
