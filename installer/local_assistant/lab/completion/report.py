"""What the browser is told: the "end" line of an answer, and the state for the status item.

Contract: an error is remembered until something works again, so that it is shown once, not
per key; while it is fresh, typing does not try again (``holds_back``), asking by hand does.
"""

from __future__ import annotations

import time
from collections.abc import Hashable
from dataclasses import asdict, dataclass, field
from typing import Any

from local_assistant.config import AssistantConfig
from local_assistant.errors import AssistantError
from local_assistant.lab.completion.generation import Generation
from local_assistant.lab.completion.prompt import Mode, mode_for
from local_assistant.lab.completion.request import CompletionRequest
from local_assistant.lab.completion.target import Target
from local_assistant.server import ServerError

_FIRST_PAUSE_S = 2.0
_LONGEST_PAUSE_S = 30.0


@dataclass
class Outcome:
    """What an answer has come to so far."""

    request: CompletionRequest
    begun: float = field(default_factory=time.perf_counter)
    text: str = ""
    first: float | None = None
    queue_ms: float = 0.0
    target: Target | None = None
    mode: Mode | None = None

    def said(self, text: str) -> dict[str, Any]:
        """Return the line for ``text``, which is added to what was shown."""
        self.first = self.first or time.perf_counter()
        self.text += text
        return {"type": "text", "text": text}

    def since(self, moment: float | None) -> float | None:
        """Return the milliseconds from the beginning to ``moment``."""
        return None if moment is None else round((moment - self.begun) * 1000, 2)


class Report:
    """The state of the service, in the protocol's words."""

    def __init__(self) -> None:
        self._last: dict[str, Any] | None = None
        self._error: AssistantError | None = None
        self._config: Hashable = None
        self._until = 0.0
        self._pause_s = 0.0

    def failed(self, error: AssistantError, config: AssistantConfig) -> None:
        """Remember what is wrong."""
        missing = is_missing(error)
        self._pause_s = min(max(_FIRST_PAUSE_S, 2 * self._pause_s), _LONGEST_PAUSE_S)
        self._until = time.monotonic() + (_FIRST_PAUSE_S if missing else self._pause_s)
        self._error, self._config = error, config

    def works(self) -> None:
        """Forget what was wrong."""
        self._error, self._pause_s, self._until = None, 0.0, 0.0

    def found(self, config: AssistantConfig) -> None:
        """The server is there and has the model: forget what said otherwise.

        What the server itself answered (a model that does not fit into memory, say) stays
        until a suggestion works or the settings are others.
        """
        error = self._error
        stays = isinstance(error, ServerError) and not is_missing(error)
        if not stays or self._config != config:
            self.works()

    def holds_back(self, request: CompletionRequest, config: AssistantConfig) -> bool:
        """Return whether it is too early to try again after an error."""
        early = self._error is not None and time.monotonic() < self._until
        return early and self._config == config and request.trigger != "invoke"

    @property
    def error(self) -> AssistantError | None:
        return self._error

    def end(
        self,
        outcome: Outcome,
        reason: str,
        message: str | None,
        generation: Generation | None = None,
        *,
        free: bool = False,
    ) -> dict[str, Any]:
        """Return an "end" line, without its status."""
        counts = asdict(generation.counts) if generation is not None else {}
        none = 0 if free else None
        timings = {
            "total_ms": outcome.since(time.perf_counter()),
            "first_token_ms": outcome.since(outcome.first),
            "queue_ms": round(outcome.queue_ms, 2),
            "prompt_ms": counts.get("prompt_ms"),
            "evaluated": counts.get("evaluated", none),
            "cached": counts.get("cached", none),
            "generated": counts.get("generated", none),
        }
        message = None if outcome.text else message
        if reason != "superseded" and not outcome.request.ahead:
            latency = timings["first_token_ms"] if outcome.text else timings["total_ms"]
            self._last = {"latency_ms": latency, "reason": reason, "message": message}
        return {
            "type": "end",
            "reason": reason,
            "shown": bool(outcome.text),
            "message": message,
            "model": outcome.target.model if outcome.target else None,
            "mode": outcome.mode,
            "timings": timings,
        }

    def status(
        self, config: AssistantConfig, target: Target | None, *, loading: bool, busy: bool
    ) -> dict[str, Any]:
        """Return the protocol's STATUS."""
        mode = mode_of(target, config) if target is not None else None
        error, completion = self._error, config.completion
        state = "no_fim" if mode == "prefix" else "ready"
        if not completion.enabled:
            state = "paused"
        elif loading:
            state = "loading"
        elif busy:
            state = "generating"
        elif error is not None:
            state = "error"
        return {
            "schema": 1,
            "enabled": completion.enabled,
            "state": state,
            "model": target.model if target else None,
            "server": {
                "kind": target.endpoint.kind if target else None,
                "local": target.endpoint.local if target else True,
            },
            "mode": mode,
            "hint": target.hint if target else None,
            "error": {"message": error.message, "fix": error.fix} if error else None,
            "last": self._last,
            "settings": {
                "debounce_ms": completion.debounce_ms,
                "max_latency_ms": completion.max_latency_ms,
                "max_tokens": completion.max_tokens,
            },
        }


def mode_of(target: Target, config: AssistantConfig) -> Mode:
    """Return how ``target`` is asked."""
    return mode_for(target.family, config.completion.fim_order, inserts=target.inserts)


def is_missing(error: AssistantError) -> bool:
    """Return whether the error is that a model is not there."""
    if isinstance(error, ServerError):
        return error.status == 404
    return "is not installed" in error.message


def reason_of(error: AssistantError) -> str:
    """Return the protocol's reason for an error."""
    return "no_model" if is_missing(error) else "error"


def sentence(error: AssistantError) -> str:
    """Return an error and the way out as one text."""
    return f"{error.message} {error.fix or ''}".strip()
