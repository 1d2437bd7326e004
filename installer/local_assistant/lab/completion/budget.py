"""How long a prompt may get for one model.

Contract: a prompt never exceeds the loaded context. Tokens are estimated from characters, by
what the model server counted for earlier prompts; the estimate moves in steps, because every
change of it moves the prompt's beginning out of the server's cache. A slow machine reads
shorter prompts: what it cannot read within the time for a suggestion helps nobody.
"""

from __future__ import annotations

import math

from local_assistant.config import AssistantConfig
from local_assistant.lab.completion.generation import Generation
from local_assistant.lab.completion.prompt import Limits
from local_assistant.lab.completion.target import Target

MAX_TOKENS = 3_072
MIN_TOKENS = 384
_MARGIN = 48
_START = 2.5
_STEP = 0.25
_LEAST = 0.75
_MOST = 4.5
_MEASURED = 96
"""From how many evaluated tokens on a prompt tells the machine's speed."""
_SPEED_STEP = 256


class Budget:
    """Learns, per model, how many characters a token has and how fast it is read."""

    def __init__(self) -> None:
        self._ratio: dict[str, float] = {}
        self._speed: dict[str, float] = {}

    def limits(self, target: Target, config: AssistantConfig, text: str = "") -> Limits:
        """Return the limits of a prompt, most of which is like ``text``."""
        context = target.context_for(config)
        fits = context - config.completion.max_tokens - _MARGIN
        tokens = max(32, min(fits, MAX_TOKENS, self._readable(target, config)))
        ratio = self._ratio.get(target.model, _START)
        return Limits(int(tokens * ratio * _thrift(text)), config.completion.context_cells)

    def _readable(self, target: Target, config: AssistantConfig) -> int:
        speed = self._speed.get(target.model)
        if speed is None:
            return MAX_TOKENS
        tokens = speed * config.completion.max_latency_ms / 1000 * 0.8
        return max(MIN_TOKENS, int(tokens // _SPEED_STEP * _SPEED_STEP))

    def learn(self, target: Target, generation: Generation) -> None:
        """Take what the model server counted for a finished generation."""
        counts, total = generation.counts, generation.total_tokens
        characters = len(generation.prompt.whole) + len(generation.prompt.suffix or "")
        if total and total > 64:
            self._learn_ratio(target.model, characters / total)
        if counts.evaluated and counts.prompt_ms and counts.evaluated >= _MEASURED:
            self._learn_speed(target.model, counts.evaluated / counts.prompt_ms * 1000)

    def too_long(self, target: Target) -> None:
        """The server refused a prompt for its length."""
        now = self._ratio.get(target.model, _START)
        self._ratio[target.model] = max(_LEAST, now * 0.7)

    def _learn_ratio(self, model: str, seen: float) -> None:
        now = self._ratio.get(model, _START)
        # Down at once, since too long a prompt is refused; up only when much is given away.
        if seen < now or seen > now + 4 * _STEP:
            stepped = math.floor((seen if seen < now else seen - _STEP) / _STEP) * _STEP
            self._ratio[model] = min(_MOST, max(_LEAST, stepped))

    def _learn_speed(self, model: str, seen: float) -> None:
        now = self._speed.get(model)
        if now is None or not 0.7 < seen / now < 1.5:
            self._speed[model] = seen


def _thrift(text: str) -> float:
    """Return how much of the usual characters a token has in ``text``, in steps.

    Most writings but the Latin have hardly more than one character in a token.
    """
    sample = text[-4_096:]
    foreign = sum(not character.isascii() for character in sample)
    share = foreign / len(sample) if sample else 0.0
    return 1.0 if share < 0.05 else 0.6 if share < 0.25 else 0.35
