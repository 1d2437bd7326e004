"""Get models, by the server that answers: Ollama or the embedded engine.

Contract: :func:`pull` is the one thing in the assistant that has something fetched from off
the machine, and only what it is asked for. It tells its progress by a callback; what was
interrupted goes on where it stopped; a model is either whole or not there, and each one is
loaded and has to say something before it counts. One that fails does not stop the others.
Where the embedded engine cannot reach Ollama's registry, a preset's model comes from Hugging
Face. Cheap at import.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from local_assistant.errors import AssistantError, quoted
from local_assistant.models.progress import OnProgress, Progress, PullCancelled, PullProgress

if TYPE_CHECKING:
    from local_assistant.config import AssistantConfig
    from local_assistant.models.plan import Plan
    from local_assistant.server import Endpoint

__all__ = ["OnProgress", "Outcome", "PullCancelled", "PullProgress", "TooLarge", "pull"]


@dataclass(frozen=True)
class Options:
    """How models are got.

    Attributes:
        verify: whether each one has to answer in the end.
        insecure: whether a registry may be asked without encryption.
        force: whether a model comes that is too large for the memory.
        cancel: set by another thread, ends it; what is there is kept.
    """

    verify: bool = True
    insecure: bool = False
    force: bool = False
    cancel: threading.Event = field(default_factory=threading.Event)


@dataclass(frozen=True)
class Outcome:
    """What became of one name.

    Attributes:
        name: as it was asked for.
        model: what the server calls it; None where it could not be had.
        size: bytes of the download, where known.
        about: what it is, in a line; may be empty.
        error: why it could not be had.
    """

    name: str
    model: str | None
    size: int | None = None
    about: str = ""
    error: AssistantError | None = None


class TooLarge(AssistantError):
    """The model does not fit this machine's memory."""


def pull(
    names: Iterable[str],
    config: AssistantConfig,
    on_progress: OnProgress,
    *,
    verify: bool = True,
    cancel: threading.Event | None = None,
    force: bool = False,
) -> list[str]:
    """Get models and return their names at the server.

    Args:
        names: model names, ``hf.co/USER/REPO[:QUANT]``, paths of GGUF files, or presets
            (all their models; ``auto`` is the one for this machine).
        config: the configuration in force; it decides which server gets them.
        on_progress: called often, possibly from another thread.
        verify: whether each model has to answer in the end.
        cancel: set by another thread, ends it.
        force: whether one comes that is too large for the memory.

    Raises:
        PullCancelled: ``cancel`` was set.
        AssistantError: a model cannot be had; the others are there.
    """
    options = Options(verify=verify, cancel=cancel or threading.Event(), force=force)
    outcomes = pull_each(names, config, on_progress, options)
    failures = [(each.name, each.error) for each in outcomes if each.error]
    if len(failures) == 1:
        raise failures[0][1]
    if failures:
        message = " ".join(error.message for _, error in failures)
        names = " ".join(quoted(name) for name, _ in failures)
        raise AssistantError(message, f"Try again: jupyter assistant pull {names}")
    return [each.model for each in outcomes if each.model]


def pull_each(
    names: Iterable[str], config: AssistantConfig, on_progress: OnProgress, options: Options
) -> list[Outcome]:
    """Get models one after the other, and return what became of each.

    Raises:
        PullCancelled: ``options.cancel`` was set.
        AssistantError: no server answers.
    """
    from local_assistant.models.plan import expand
    from local_assistant.server import find_server

    endpoint = find_server(config)
    outcomes = [
        pull_one(name, endpoint, config, on_progress, options)
        for name in expand(names, config, endpoint)
    ]
    follow(outcomes, config)
    return outcomes


def follow(outcomes: Iterable[Outcome], config: AssistantConfig) -> None:
    """Let the fixed names mean what came, which may answer from now on."""
    from local_assistant.models import aliases
    from local_assistant.models.answering import answers

    if any(each.model for each in outcomes):
        aliases.follow(answers(config))


def pull_one(
    name: str,
    endpoint: Endpoint,
    config: AssistantConfig,
    on_progress: OnProgress,
    options: Options,
    plan: Plan | None = None,
) -> Outcome:
    """Get one model; what goes wrong is in the outcome.

    Args:
        plan: what was found out about it before.

    The fixed names are set by :func:`follow`, once all have come.

    Raises:
        PullCancelled: ``options.cancel`` was set.
    """
    from local_assistant.models import plan as planning

    progress = Progress(name, on_progress, options.cancel)
    try:
        plan = plan or planning.make(name, endpoint, progress, insecure=options.insecure)
        if plan.fit == "no" and not options.force:
            raise too_large(plan)
        model = _get(plan, endpoint, config, progress, options)
        progress.say("ready")
        return Outcome(name, model, plan.size, plan.about)
    except PullCancelled:
        raise
    except AssistantError as error:
        return Outcome(name, None, error=error)


def too_large(plan: Plan) -> TooLarge:
    """Return why a model should not be had on this machine."""
    from local_assistant.machine import read_machine
    from local_assistant.setup.files import shown_bytes

    has = shown_bytes(read_machine().memory_bytes)
    what = f" ({plan.about})" if plan.about else ""
    return TooLarge(
        f"{plan.name}{what} is too large for this machine: {shown_bytes(plan.size or 0)} of model, "
        f"and room to work, do not fit into {has} of memory.",
        f"Get it all the same with: jupyter assistant pull --yes {quoted(plan.name)}",
    )


def _get(
    plan: Plan,
    endpoint: Endpoint,
    config: AssistantConfig,
    progress: Progress,
    options: Options,
) -> str:
    """Have the model at the server, whole and answering; return its name there."""
    from local_assistant.models import fetch, untested
    from local_assistant.server.installed import find, installed

    if plan.way == "demo":
        progress.say("part of the assistant")
        return plan.model
    there = find(plan.model, installed(endpoint)) is not None
    known = there and not untested.has(endpoint, plan.model)
    if not known:
        untested.add(endpoint, plan.model)
    model = fetch.fetch(plan, endpoint, config, progress, insecure=options.insecure)
    if options.verify:
        try:
            _verify(model, endpoint, progress, known=known)
        except _Removed:
            untested.forget(endpoint, plan.model)
            raise
    untested.forget(endpoint, plan.model)
    return model


class _Removed(AssistantError):
    """The model could not be loaded, and is not there any more."""


def _verify(model: str, endpoint: Endpoint, progress: Progress, *, known: bool) -> None:
    """Have the model say something; one that never will does not stay.

    Args:
        known: whether it was there before, and is not ours to remove.

    Raises:
        AssistantError: it cannot be loaded.
    """
    from local_assistant.models.verify import CannotLoad, load_test
    from local_assistant.server import Client

    progress.say("loading it for a test")
    problem = load_test(endpoint, model)
    if problem is None:
        return
    if not isinstance(problem, CannotLoad) or problem.memory:
        raise AssistantError(f"{problem.message} It is kept.", problem.fix)
    if known:
        again = "It was there before, so it is kept."
        raise AssistantError(
            f"{problem.message} {again}", f"Remove it with: jupyter assistant rm {model}"
        )
    Client(endpoint).request("DELETE", "/api/delete", {"model": model})
    raise _Removed(f"{problem.message} It was removed again.", problem.fix)
