"""One streamed answer from a model server, by ``langchain-ollama``.

Contract: importing this module is cheap; :func:`load` imports the libraries (1.3 s to 2 s)
and must run in a thread. Cancelling the task that iterates :meth:`Backend.stream` closes
the connection, which ends the generation at the server. Every failure is an AssistantError.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import re
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from local_assistant.errors import AssistantError
from local_assistant.lab.options import generation_options

if TYPE_CHECKING:
    from local_assistant.config import AssistantConfig
    from local_assistant.server import Choice

_COALESCE_S, _COALESCE_SHARE = 0.04, 10
"""Pieces that arrive faster become one update: each update saves and sends the whole message, and
may take a tenth of the time."""

_CONNECT_TIMEOUT_S = 10.0

_LATER = (
    "langchain_core.messages.block_translators.langchain_v0",
    "langchain_core.tracers.context",
    "langchain_core.tracers.stdout",
    "anyio.streams.tls",
    "anyio._backends._asyncio",
)
"""What langchain and httpx import in the first answer, while somebody waits for it (0.1 s)."""

_CALL_NOT_READ = re.compile(r"tool[ _]call|arguments|json|xml|pars(?:e|ing)|unmarshal", re.I)
"""What servers say in the middle of an answer where the model's call makes no sense to them."""


@dataclass
class Counts:
    """What was counted for one answer; filled in when the stream ends.

    Attributes:
        prompt_tokens: read, or known from before.
        answer_tokens: written, thoughts among them.
        cut: whether the answer reached its limit of tokens.
        ended: whether the server has said that it is over.
        first_s: from sending to the first piece.
        per_second: tokens written in a second, as the server says it.
    """

    prompt_tokens: int = 0
    answer_tokens: int = 0
    cut: bool = False
    ended: bool = False
    first_s: float | None = None
    per_second: float | None = None


@dataclass(frozen=True)
class Piece:
    """The next words of an answer, of what the model thinks before it, and the tools it calls.

    Attributes:
        calls: each with ``id``, ``name`` and ``args``.
    """

    text: str = ""
    thought: str = ""
    calls: tuple[Mapping[str, Any], ...] = ()

    def __add__(self, more: Piece) -> Piece:
        return Piece(self.text + more.text, self.thought + more.thought, self.calls + more.calls)


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
    for name in _LATER:
        with contextlib.suppress(ImportError):  # another version has it elsewhere
            importlib.import_module(name)


class Unreachable(AssistantError):
    """The server did not take the request: nothing was generated, so it may be asked again."""


class CallNotRead(AssistantError):
    """The model called a tool in words that its server cannot read."""


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
        messages: Sequence[Mapping[str, Any]],
        counts: Counts,
        *,
        thinks: bool = False,
        tools: Sequence[Mapping[str, Any]] = (),
    ) -> AsyncIterator[Piece]:
        """Yield the answer as it comes.

        Args:
            choice: the server and its model.
            config: the configuration in force.
            messages: the prompt.
            counts: filled in.
            thinks: whether the model is one that thinks, and its server tells that apart.
            tools: what it may call, as the API describes them.

        Raises:
            Unreachable: no connection; nothing was sent to the model.
            CallNotRead: a call is not what the server can read.
            AssistantError: the server refused, or stopped in the middle.
        """
        model = self._client(choice, config, thinks)
        pending, due, sent_at, begun = Piece(), 0.0, time.monotonic(), False
        try:
            offered = {"tools": list(tools)} if tools else {}
            async for chunk in _untraced(model.astream(list(messages), **offered)):
                begun = True
                _count(chunk, counts)
                more = _piece(chunk)
                if more != Piece() and counts.first_s is None:
                    counts.first_s = time.monotonic() - sent_at
                pending += more
                if pending != Piece() and (now := time.monotonic()) >= due:
                    yield pending
                    pending, took = Piece(), time.monotonic() - now
                    due = time.monotonic() + max(_COALESCE_S, _COALESCE_SHARE * took)
        except Exception as error:
            self.forget()
            if pending != Piece():
                yield pending
            raise _explained(error, choice, begun, bool(tools)) from error
        if pending != Piece():
            yield pending
        if not counts.ended:
            raise _stopped(choice)

    def _client(self, choice: Choice, config: AssistantConfig, thinks: bool) -> Any:
        from langchain_ollama import ChatOllama

        options = generation_options(choice.model, config)
        options["keep_alive"] = config.server.keep_alive
        if thinks:
            options["reasoning"] = True  # it thinks anyway; this gives us the thoughts
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


async def _untraced(stream: AsyncIterator[Any]) -> AsyncIterator[Any]:
    """Yield what ``stream`` yields, and let LangChain tell LangSmith nothing of it.

    It does, prompts and answers, where ``LANGSMITH_TRACING`` is set: that is a variable for the
    user's own programs, and no leave to send a private chat elsewhere. LangChain looks with the
    first step, and this holds for no other call.
    """
    from langsmith import tracing_context

    with tracing_context(enabled=False):
        first = await anext(stream, None)
    if first is not None:
        yield first
    async for chunk in stream:
        yield chunk


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
    told = getattr(chunk, "response_metadata", None) or {}
    counts.ended = counts.ended or bool(told.get("done"))
    if told.get("done_reason") == "length":
        counts.cut = True
    if told.get("eval_duration"):
        counts.per_second = int(told.get("eval_count") or 0) / int(told["eval_duration"]) * 1e9


def _piece(chunk: Any) -> Piece:
    thought = (getattr(chunk, "additional_kwargs", None) or {}).get("reasoning_content")
    calls = tuple(getattr(chunk, "tool_calls", None) or ())
    return Piece(_text(chunk.content), str(thought or ""), calls)


def _text(content: Any) -> str:
    if isinstance(content, str):
        return content
    return "".join(
        part if isinstance(part, str) else str(part.get("text", "")) for part in content or []
    )


def _explained(error: Exception, choice: Choice, begun: bool, tools: bool) -> Exception:
    """Return ``error`` in a user's words; an error of our own code stays what it is."""
    import httpx
    import ollama

    from local_assistant.server.client import no_server

    if tools and _is_call_not_read(error):
        return CallNotRead("The model called a tool in a form that cannot be read.", None)
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
    if isinstance(error, httpx.TransportError):
        if not begun and isinstance(error, httpx.RemoteProtocolError):
            return Unreachable(
                f"The model server at {where} closed the connection without an answer.",
                "Send the message again. If it happens again: jupyter assistant logs",
            )
        return _stopped(choice)
    if isinstance(error, (AttributeError, TypeError, ValueError)):
        # What the ollama package makes of a line that is no answer; an end can cut one off.
        cut_off = begun and isinstance(error, json.JSONDecodeError)
        return _stopped(choice) if cut_off else no_server(choice.endpoint)
    return error


def _stopped(choice: Choice) -> AssistantError:
    return AssistantError(
        "The model server stopped in the middle of the answer.",
        "Send the message again: the engine restarts by itself."
        if choice.endpoint.kind == "embedded"
        else f"Check that Ollama still runs at {choice.endpoint.url}, then send the message again.",
    )


def _is_call_not_read(error: Exception) -> bool:
    import ollama
    from langchain_core.exceptions import OutputParserException
    from pydantic import ValidationError

    if isinstance(error, ollama.ResponseError):
        # Below zero: the answer had begun, so the request itself is none of its reasons.
        return error.status_code < 0 and _CALL_NOT_READ.search(str(error.error)) is not None
    return isinstance(error, (OutputParserException, ValidationError))


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
