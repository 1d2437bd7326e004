"""Which model server answers: the rules of ``[server] kind``, in one place.

Contract: :func:`find_server` returns a server that answers or raises an
:class:`AssistantError` with the way out. ``auto`` takes a local Ollama that is new enough
and whose socket belongs to this user, root or Ollama's account; else starts an installed
one; else the embedded engine. A server off this machine is used only because the user's own
file or OLLAMA_HOST names it, so there nothing stands in for it. No second Ollama is started
beside one that runs. Cheap at import.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from local_assistant.errors import AssistantError
from local_assistant.server import ollama, owners
from local_assistant.server.endpoint import Endpoint, NotRunning

if TYPE_CHECKING:
    from local_assistant.config import AssistantConfig

_USE_ENGINE = 'set kind = "embedded" in [server] of assistant.toml'
KEY_ENV = "OLLAMA_API_KEY"


def find_server(config: AssistantConfig, *, start: bool = True) -> Endpoint:
    """Return the server that answers for ``config``.

    Args:
        config: the configuration in force.
        start: whether to start one where none runs.

    Raises:
        AssistantError: none can be used, and how to change that.
    """
    from local_assistant.config import is_loopback

    if config.server.kind == "embedded":
        return engine_endpoint(config, start=start)
    url = config.server.url
    if not is_loopback(url):
        return _remote(url)
    try:
        return _local_ollama(url, start=start)
    except _NoOllama as reason:
        if config.server.kind == "ollama" or reason.named_by_user(url):
            raise AssistantError(reason.message, reason.fix) from None
        return engine_endpoint(config, start=start, reason=reason.message)


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


class _NoOllama(AssistantError):
    """There is no Ollama on this machine that can be used; ``auto`` may go on without it."""

    def __init__(self, message: str, fix: str, *, in_the_way: bool = False) -> None:
        super().__init__(message, fix)
        self._in_the_way = in_the_way

    @classmethod
    def like(cls, error: AssistantError) -> _NoOllama:
        return cls(error.message, error.fix or f"Otherwise {_USE_ENGINE}.")

    def named_by_user(self, url: str) -> bool:
        """Return whether the user named this very address and something else sits there."""
        from local_assistant.config import DEFAULT_URL

        return self._in_the_way and url != DEFAULT_URL


def _local_ollama(url: str, *, start: bool) -> Endpoint:
    from local_assistant.config.hosts import port_of

    seen = ollama.probe(url)
    if seen.state == "nothing":
        binary = ollama.find_binary()
        if binary is None:
            raise _NoOllama(
                f"No Ollama answers at {url}, and none is installed.",
                f"Install Ollama (ollama.com/download), or {_USE_ENGINE}.",
            )
        if not start:
            raise _NoOllama(
                f"Ollama is installed ({binary}), but does not run.", "Start it with: ollama serve"
            )
        try:
            seen = ollama.start(binary, url)
        except AssistantError as error:
            raise _NoOllama.like(error) from error
        detail = f"Ollama {seen.version} was started ({binary})."
    else:
        detail = f"Ollama {seen.version} answers at {url}."
    if seen.state != "ollama":
        raise _NoOllama(
            f"Something answers at {url} that is not Ollama: {seen.detail}."
            if seen.state == "foreign"
            else f"Something listens at {url}, but {seen.detail}.",
            "End that program, or name another address: [server] url in assistant.toml "
            "(your own Ollama is then started there).",
            in_the_way=True,
        )
    if not ollama.new_enough(seen.version):
        raise _NoOllama.like(ollama.too_old(url, seen.version))
    owner = owners.stranger(port_of(url))
    if owner is not None:
        raise _NoOllama(
            f"The Ollama at {url} belongs to {owner}, who could read what you ask.",
            "Name another port in [server] url of assistant.toml, for an Ollama of your own.",
        )
    return Endpoint("ollama", url, None, seen.version, True, detail)


def _remote(url: str) -> Endpoint:
    """Return the server off this machine that the user has named."""
    token = _users_key()
    seen = ollama.probe(url, token)
    address = "Correct the address ([server] url in assistant.toml, or OLLAMA_HOST)"
    if seen.state == "ollama":
        if ollama.new_enough(seen.version):
            return Endpoint("ollama", url, token, seen.version, False, f"You named {url}.")
        raise ollama.too_old(url, seen.version)
    if seen.state == "foreign":
        raise AssistantError(
            f"What answers at {url} is not Ollama: {seen.detail}.",
            f"{address}; a server that wants a key gets it from {KEY_ENV}.",
        )
    raise AssistantError(
        f"The server that you named does not answer: {url} ({seen.detail}).",
        f"{address}, or take it out to use this machine.",
    )


def _users_key() -> str | None:
    """Return the key that the user set; what our own extension set is the engine's token."""
    from local_assistant.config import OURS_ENV

    ours = {name.strip() for name in os.environ.get(OURS_ENV, "").split(",")}
    return None if KEY_ENV in ours else os.environ.get(KEY_ENV) or None
