"""Which model server answers: the rules of ``[server] kind``, in one place.

Contract: :func:`find_server` returns a server that answers or raises an
:class:`AssistantError` with the way out. ``auto`` takes a local Ollama that is new enough
and whose socket belongs to this user, root or Ollama's account; else starts an installed
one; else the embedded engine. A server off this machine is used only because the user's own
file or OLLAMA_HOST names it, so there nothing stands in for it. No second Ollama is started
beside one that runs. Cheap at import.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from local_assistant.errors import AssistantError
from local_assistant.server.endpoint import Endpoint, NotRunning

if TYPE_CHECKING:
    from local_assistant.config import AssistantConfig
    from local_assistant.server.states import ServerState


def find_server(
    config: AssistantConfig, *, start: bool = True, seen: ServerState | None = None
) -> Endpoint:
    """Return the server that answers for ``config``.

    Args:
        config: the configuration in force.
        start: whether to start one where none runs.
        seen: Ollama's state, where that was looked at just now.

    Raises:
        AssistantError: none can be used, and how to change that.
    """
    if config.server.kind == "embedded":
        return engine_endpoint(config, start=start)
    from local_assistant.server import states

    found = seen or states.look(config)
    if found.state == "stopped":
        found = _started(found, config) if start else _not_started(found, config)
    if found.state == "answers":
        token = None if found.local else states.users_key()
        return Endpoint("ollama", found.url, token, found.version, found.local, found.detail)
    if stands_alone(found, config):
        raise AssistantError(found.detail, found.fix)
    return engine_endpoint(config, start=start, reason=found.detail)


def stands_alone(found: ServerState, config: AssistantConfig) -> bool:
    """Return whether the embedded engine may not answer in the place of this server.

    It may not for a server that the user has named: one elsewhere, or an address here at
    which something else sits.
    """
    from local_assistant.config import DEFAULT_URL

    named = found.in_the_way and found.url != DEFAULT_URL
    return config.server.kind == "ollama" or not found.local or named


def _started(found: ServerState, config: AssistantConfig) -> ServerState:
    """Start the installed Ollama; return how it answers, or why it does not."""
    from dataclasses import replace

    from local_assistant.server import features, ollama, service, states

    binary = found.binary or ""
    version = ollama.binary_version(binary, found.url)
    if version and features.needed_but_lacking(version):
        return states.too_old(found.url, version, local=True, binary=binary)
    try:
        seen = ollama.start(binary, found.url, keep_alive=config.server.keep_alive)
    except AssistantError as error:
        return replace(found, detail=error.message, fix=error.fix or f"Or {states.USE_ENGINE}.")
    state = states.judge(found.url, seen)
    if state.state == "old":
        ollama.stop()
    if state.state != "answers" or ollama.started_by_us() is None:
        return state
    detail = f"Ollama {seen.version} was started ({binary})."
    if found.how == "service":
        detail += f" Models that its service had are in that one only: {service.START}"
    return replace(state, detail=detail)


def _not_started(found: ServerState, config: AssistantConfig) -> ServerState:
    """Return the state where nothing is to be started now.

    Raises:
        NotRunning: a question would start Ollama, and no engine answers meanwhile.
    """
    from local_assistant.engine.launch import running_engine
    from local_assistant.server import ollama

    stands_in = config.server.kind == "auto" and running_engine() is not None
    if ollama.failed_lately(found.url) is None and not stands_in:
        fix = f"It starts by itself with the next question. {found.fix or ''}".rstrip()
        raise NotRunning("ollama", found.detail, fix)
    return found


def engine_endpoint(
    config: AssistantConfig, *, start: bool = True, reason: str | None = None
) -> Endpoint:
    """Return the embedded engine.

    Args:
        config: the configuration in force.
        start: whether to start it where it does not run.
        reason: why it answers, where that was not the user's choice.

    Raises:
        AssistantError: it does not run, or cannot.
    """
    from local_assistant.engine.launch import ensure_engine, running_engine

    info = ensure_engine(config) if start else running_engine()
    if info is None:
        raise NotRunning(
            "embedded",
            "The embedded engine is not running.",
            "It starts by itself with the next question, or with: jupyter assistant serve",
        )
    detail = reason or 'The embedded engine answers: kind = "embedded" in assistant.toml.'
    return Endpoint("embedded", info.url.rstrip("/"), info.token, info.version, True, detail)
