"""A generation at work: load, ask, ask again where the server was gone, and stop.

Contract: :func:`run` never raises but on cancellation, and its generation has an ``end``
afterwards. :meth:`Running.stop` returns when the model server is free of it.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass

from local_assistant.config import seconds
from local_assistant.errors import AssistantError
from local_assistant.lab.completion.budget import Budget
from local_assistant.lab.completion.generation import Generation
from local_assistant.lab.completion.prompt import Prompt
from local_assistant.lab.completion.report import Report, is_missing, reason_of, sentence
from local_assistant.lab.completion.target import Target, Targets
from local_assistant.log import logger
from local_assistant.server import ServerError, ServerGone

_IDLE_WAIT_S = 1.0
_LOOK_EVERY_S = 0.004
_SHORTER = 4
"""How often a prompt that was refused for its length is asked again with less."""


@dataclass(eq=False)
class Running:
    """The generation in progress, and what it is for."""

    key: Hashable
    prefix: str
    generation: Generation
    task: asyncio.Task[None]

    async def stop(self) -> None:
        """Cancel it, and wait until the model server is free of it."""
        if self.task.done():
            return
        self.task.cancel()
        await asyncio.wait([self.task])
        await _until_idle(self.generation.target)


async def run(
    generation: Generation,
    targets: Targets,
    budget: Budget,
    report: Report,
    rebuild: Callable[[], Prompt],
) -> None:
    """Ask the model, and say in ``report`` how it went.

    Args:
        generation: what to ask.
        targets: where a server that was gone is looked for.
        budget: is told what was counted.
        report: is told how it went.
        rebuild: returns the prompt within the limits that the budget has now.
    """
    config = generation.config
    try:
        for last in (False, True):
            try:
                await _fitting(generation, targets, budget, rebuild)
                break
            except ServerGone:
                # An engine that was killed, or a connection that had gone stale.
                targets.forget()
                if last or generation.shown:
                    raise
                target = await targets.find(config)
                if (target.model, target.family) != _who(generation):
                    raise
                generation.target = target
        budget.learn(generation.target, generation)
        report.works()
    except AssistantError as error:
        generation.target.seen_loaded = float("-inf")
        if is_missing(error):
            targets.forget()
        report.failed(error, config)
        generation.finish(reason_of(error), sentence(error))
    except Exception as error:
        # Whatever it is, typing must go on: it is said once, and the log has the rest.
        logger("completion").exception("a suggestion failed")
        broken = AssistantError(f"A suggestion failed: {error!r}.", "See: jupyter assistant logs")
        report.failed(broken, config)
        generation.finish("error", sentence(broken))
    finally:
        generation.finish("superseded")


def _who(generation: Generation) -> tuple[str, object]:
    return generation.target.model, generation.target.family


async def _fitting(
    generation: Generation, targets: Targets, budget: Budget, rebuild: Callable[[], Prompt]
) -> None:
    """Ask, and ask with less where the server refuses the prompt for its length."""
    for left in reversed(range(_SHORTER)):
        try:
            await _once(generation, targets)
            return
        except ServerError as error:
            if not left or generation.shown or not too_long(error):
                raise
            budget.too_long(generation.target)
            generation.prompt = rebuild()


def too_long(error: ServerError) -> bool:
    """Return whether a server says that a prompt does not fit into the context."""
    said = error.message.lower()
    return "context" in said and ("exceed" in said or "longer than" in said)


async def _once(generation: Generation, targets: Targets) -> None:
    target, config = generation.target, generation.config
    if seconds(config.server.keep_alive) == 0:
        await generation.run()  # it is loaded by each request, as was asked for
        return
    loading = asyncio.ensure_future(targets.ensure_loaded(target, config))
    try:
        left = generation.deadline - time.monotonic()
        await asyncio.wait_for(loading, max(0.001, left))
    except asyncio.TimeoutError:
        # The load itself goes on: only this suggestion is given up.
        generation.finish("time", f"{target.model} is being loaded.")
        return
    await generation.run()
    target.seen_loaded = time.monotonic()


async def _until_idle(target: Target) -> None:
    """The embedded engine tells when its slot is free: before, its cache is of no use.

    Only the user's own: one on another machine works for others, too, and is never idle.
    """
    if target.endpoint.kind != "embedded" or not target.endpoint.local:
        return
    deadline = time.monotonic() + _IDLE_WAIT_S
    with contextlib.suppress(AssistantError):  # it is gone: then nothing runs there
        while time.monotonic() < deadline:
            status = await target.server.get("/assistant/status", 2)
            kinds = (status.get("generations") or {}).get("by_kind") or {}
            if not (kinds.get("completion") or {}).get("active"):
                return
            await asyncio.sleep(_LOOK_EVERY_S)
