"""One streamed answer from a model server, by ``langchain-ollama``.

Contract: importing this module is cheap; :func:`load` imports the libraries (1.3 s to 2 s)
and must run in a thread. Cancelling the task that iterates :meth:`Backend.stream` closes
the connection, which ends the generation at the server. Every failure is an AssistantError.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from local_assistant.errors import AssistantError
from local_assistant.lab.options import generation_options

if TYPE_CHECKING:
    from local_assistant.config import AssistantConfig
    from local_assistant.server import Choice

_COALESCE_S = 0.04
"""Pieces that arrive faster become one update: each update saves and sends the whole message."""

_CONNECT_TIMEOUT_S = 10.0


@dataclass
class Counts:
    """What the server counted for one answer; filled in when the stream ends."""

    prompt_tokens: int = 0
    answer_tokens: int = 0
    cut: bool = False


def load() -> None:
    """Import what an answer needs.

    Raises:
        AssistantError: it is not installed.
    """
    try:
        import langchain_ollama  # noqa: F401
    except ImportError as error:
        raise AssistantError(
            f"The chat needs langchain-ollama, which cannot be imported here ({error}).",
            'Run: pip install "jupyter-local-assistant[chat]"',
        ) from error


class Unreachable(AssistantError):
    """The server did not take the request: nothing was generated, so it may be asked again."""


class Backend:
    """Holds one client per server, model and options, so that connections are reused."""

    def __init__(self) -> None:
        self._key: tuple[Any, ...] | None = None
        self._model: Any = None

    def forget(self) -> None:
        """Let the next request build its client anew (the server was restarted)."""
        self._key = self._model = None

    async def stream(
        self,
        choice: Choice,
        config: AssistantConfig,
        messages: list[dict[str, str]],
        counts: Counts,
    ) -> AsyncIterator[str]:
        """Yield the answer's text as it comes.

        Raises:
            Unreachable: no connection; nothing was sent to the model.
            AssistantError: the server refused, or stopped in the middle.
        """
        model = self._client(choice, config)
        pending, shown_at, begun = "", 0.0, False
        try:
            async for chunk in model.astream(messages):
                begun = True
                _count(chunk, counts)
                pending += _text(chunk.content)
                if pending and time.monotonic() - shown_at >= _COALESCE_S:
                    yield pending
                    pending, shown_at = "", time.monotonic()
        except Exception as error:
            self.forget()
            if pending:
                yield pending
            raise _explained(error, choice, begun) from error
        if pending:
            yield pending

    def _client(self, choice: Choice, config: AssistantConfig) -> Any:
        from langchain_ollama import ChatOllama

        options = generation_options(choice.model, config)
        options["keep_alive"] = config.server.keep_alive
        endpoint = choice.endpoint
        key = (endpoint.url, endpoint.token, choice.model, *options.items())
        if key != self._key:
            self._model = ChatOllama(
                model=choice.model,
                base_url=endpoint.url,
                client_kwargs=_client_options(endpoint.url, endpoint.token, endpoint.local),
                **options,
            )
            self._key = key
        return self._model


def _client_options(url: str, token: str | None, local: bool) -> dict[str, Any]:
    import httpx

    def authorize(request: httpx.Request) -> httpx.Request:
        if token:
            request.headers["Authorization"] = f"Bearer {token}"
        elif "OLLAMA_API_KEY" in os.environ.get("LOCAL_ASSISTANT_ENV", "").split(","):
            # The ollama package sends this variable to any server. Here it is the engine's
            # token, set by our own extension: no other server's business.
            request.headers.pop("Authorization", None)
        return request

    options: dict[str, Any] = {
        "auth": authorize,
        "timeout": httpx.Timeout(None, connect=_CONNECT_TIMEOUT_S),
        "trust_env": not local,  # no proxy between us and this machine
    }
    if url.startswith("http://"):
        options["verify"] = False  # no TLS here; building a certificate store costs 20 ms
    return options


def _count(chunk: Any, counts: Counts) -> None:
    usage = getattr(chunk, "usage_metadata", None)
    if usage:
        counts.prompt_tokens = int(usage.get("input_tokens") or 0)
        counts.answer_tokens = int(usage.get("output_tokens") or 0)
    if (getattr(chunk, "response_metadata", None) or {}).get("done_reason") == "length":
        counts.cut = True


def _text(content: Any) -> str:
    if isinstance(content, str):
        return content
    return "".join(
        part if isinstance(part, str) else str(part.get("text", "")) for part in content or []
    )


def _explained(error: Exception, choice: Choice, begun: bool) -> Exception:
    """Return ``error`` in a user's words; an error of our own code stays what it is."""
    import httpx
    import ollama

    embedded = choice.endpoint.kind == "embedded"
    where = choice.endpoint.url
    if isinstance(error, ollama.ResponseError):
        return _refused(error, choice)
    if isinstance(error, (httpx.ConnectError, httpx.ConnectTimeout, ConnectionError)):
        return Unreachable(
            f"The model server at {where} cannot be reached.",
            "Send the message again: the server is looked for, and started, anew."
            if embedded
            else "Start Ollama, or run: jupyter assistant status",
        )
    if isinstance(error, (httpx.TransportError, json.JSONDecodeError)):
        if not begun and isinstance(error, httpx.RemoteProtocolError):
            return Unreachable(
                f"The model server at {where} closed the connection without an answer.",
                "Send the message again. If it happens again: jupyter assistant logs",
            )
        return AssistantError(
            "The model server stopped in the middle of the answer.",
            "Send the message again: the engine restarts by itself."
            if embedded
            else f"Check that Ollama still runs at {where}, then send the message again.",
        )
    return error


def _refused(error: Any, choice: Choice) -> AssistantError:
    message = str(error.error or "no reason given")
    try:
        message = str(json.loads(message)["error"])
    except (ValueError, KeyError, TypeError):
        message = " ".join(message.split())[:300]  # plain text, as it came
    if error.status_code == 404:
        return AssistantError(
            f"The model {choice.model} is not on the server at {choice.endpoint.url} (any more).",
            f"Run: jupyter assistant pull {choice.model}",
        )
    return AssistantError(
        f"The model server could not answer with {choice.model}: {message.rstrip('.')}.",
        "Send the message again, or see: jupyter assistant logs",
    )
