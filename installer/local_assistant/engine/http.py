"""The engine's HTTP layer: a small ASGI application with Ollama's manners.

Contract: handlers get a :class:`Request` and return a :class:`Reply`, or an asynchronous
iterator of objects that is sent as NDJSON. An error before the first object has a real
status; after it, the stream ends with an ``{"error": …}`` line. When the client leaves, the
handler is cancelled at once, also while nothing is being sent. Nothing here logs bodies or
headers.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import traceback
from collections.abc import AsyncGenerator, Awaitable, Callable, MutableMapping
from dataclasses import dataclass, field
from typing import Any

from local_assistant.engine import guard
from local_assistant.engine.gguf import BadGGUF
from local_assistant.engine.log import log
from local_assistant.engine.names import InvalidName
from local_assistant.engine.process import LoadFailed
from local_assistant.engine.settings import MAX_BODY_BYTES
from local_assistant.engine.upstream import UpstreamError
from local_assistant.engine.wire import ApiError
from local_assistant.errors import AssistantError

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

JSON = "application/json; charset=utf-8"
TEXT = "text/plain; charset=utf-8"
NDJSON = "application/x-ndjson"
_ALLOWED_HEADERS = "Authorization, Content-Type, User-Agent, Accept, X-Requested-With, OpenAI-Beta"


@dataclass(frozen=True)
class Request:
    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True)
class Reply:
    """A whole answer."""

    body: bytes = b""
    status: int = 200
    content_type: str = JSON
    headers: dict[str, str] = field(default_factory=dict)


Stream = AsyncGenerator[dict[str, Any], None]
Handler = Callable[[Request], Awaitable["Reply | Stream"]]


def json_reply(value: Any, status: int = 200) -> Reply:
    return Reply(_dump(value), status)


def error_reply(status: int, message: str) -> Reply:
    return json_reply({"error": message}, status)


def _dump(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode(
        "utf-8", errors="replace"
    )


class Application:
    """Routes, guards and error texts.

    Args:
        token: what every request must carry; ``None`` lets everybody in.
        check_host: whether Host is checked (a listener on loopback).
        on_request: called with +1 when a request that counts as use begins, -1 at its end.
    """

    def __init__(
        self, token: str | None, *, check_host: bool, on_request: Callable[[int], None]
    ) -> None:
        self._token = token
        self._check_host = check_host
        self._on_request = on_request
        self._routes: dict[str, dict[str, Handler]] = {}
        self._unwatched: set[str] = set()

    def route(self, methods: str, path: str, handler: Handler, *, use: bool = True) -> None:
        """Add a handler; ``use=False`` marks a path that does not count as use."""
        table = self._routes.setdefault(path, {})
        for method in methods.split():
            table[method] = handler
        if not use:
            self._unwatched.add(path)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        headers = {
            key.decode("latin-1").lower(): value.decode("latin-1")
            for key, value in scope["headers"]
        }
        method, path = scope["method"], scope["path"]
        refused = self._refusal(method, headers)
        if refused is not None:
            await _send_reply(send, refused, method)
            return
        try:
            body = await _read_body(receive)
        except ApiError as error:
            await _send_reply(send, error_reply(error.status, error.message), method)
            return
        if body is None:
            return
        request = Request(method, path, headers, body)
        used = path not in self._unwatched
        self._on_request(1 if used else 0)
        try:
            await _until_disconnect(receive, self._answer(request, send))
        finally:
            self._on_request(-1 if used else 0)

    def _refusal(self, method: str, headers: dict[str, str]) -> Reply | None:
        host, origin = headers.get("host"), headers.get("origin")
        if self._check_host and not guard.host_allowed(host):
            return Reply(status=403, content_type=TEXT)
        if not guard.origin_allowed(origin, host):
            return Reply(status=403, content_type=TEXT)
        if method == "OPTIONS" and origin:
            return Reply(
                status=204,
                content_type=TEXT,
                headers={
                    "Access-Control-Allow-Origin": origin,
                    "Access-Control-Allow-Methods": "GET,POST,PUT,PATCH,DELETE,HEAD,OPTIONS",
                    "Access-Control-Allow-Headers": _ALLOWED_HEADERS,
                    "Access-Control-Max-Age": "43200",
                    "Vary": "Origin",
                },
            )
        if not guard.has_token(headers.get("authorization"), self._token):
            return error_reply(
                401, "unauthorized: this engine wants its token (Authorization: Bearer …)"
            )
        return None

    def _handler(self, method: str, path: str) -> Handler | Reply:
        table = self._routes.get(path)
        if table is None:
            if path != "/" and path.rstrip("/") in self._routes:
                status = 301 if method == "GET" else 307
                return Reply(
                    status=status, content_type=TEXT, headers={"Location": path.rstrip("/")}
                )
            if path.startswith(("/api/", "/v1/")) and _known_to_ollama(path):
                return error_reply(501, f"the embedded engine does not support {path}")
            return Reply(b"404 page not found", 404, TEXT)
        handler = table.get(method)
        if handler is None:
            allow = {"Allow": ", ".join(sorted(table))}
            return Reply(b"405 method not allowed", 405, TEXT, allow)
        return handler

    async def _answer(self, request: Request, send: Send) -> None:
        handler = self._handler(request.method, request.path)
        if isinstance(handler, Reply):
            await _send_reply(send, handler, request.method)
            return
        begun = False
        try:
            answer = await handler(request)
            if isinstance(answer, Reply):
                await _send_reply(send, answer, request.method, request.headers.get("origin"))
                return
            async with contextlib.aclosing(answer):
                async for item in answer:
                    if not begun:
                        begun = True
                        await _start(send, 200, NDJSON, request.headers.get("origin"))
                    await _send_line(send, item)
            await send({"type": "http.response.body", "body": b""})
        except Exception as error:  # the one place where failures become answers
            failure = describe(error)
            if not begun:
                await _send_reply(send, error_reply(failure.status, failure.message), "POST")
                return
            await _send_line(send, {"error": failure.message})
            await send({"type": "http.response.body", "body": b""})


def describe(error: Exception) -> ApiError:
    """Return the status and sentence for a failure; what nobody foresaw is logged."""
    if isinstance(error, ApiError):
        return error
    if isinstance(error, UpstreamError):
        return ApiError(error.status if 400 <= error.status < 600 else 500, error.message)
    if isinstance(error, InvalidName):
        return ApiError(400, "invalid model name")
    if isinstance(error, LoadFailed):
        return ApiError(500, f"the model could not be loaded: {error}")
    if isinstance(error, BadGGUF):
        return ApiError(500, str(error))
    if isinstance(error, AssistantError):
        return ApiError(500, str(error))
    log("".join(traceback.format_exception(error)))
    return ApiError(500, f"internal error of the embedded engine: {type(error).__name__}")


def _known_to_ollama(path: str) -> bool:
    names = ("pull", "push", "create", "copy", "delete", "blobs", "embeddings", "status",
             "me", "signout")  # fmt: skip
    return path.startswith("/v1/") or path.split("/")[2] in names


async def _read_body(receive: Receive) -> bytes | None:
    """Return the request's body; ``None`` when the client left before its end."""
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        part = message.get("body", b"")
        size += len(part)
        if size > MAX_BODY_BYTES:
            raise ApiError(413, f"request body larger than {MAX_BODY_BYTES >> 20} MiB")
        parts.append(part)
        if not message.get("more_body", False):
            return b"".join(parts)


async def _until_disconnect(receive: Receive, work: Any) -> None:
    """Run ``work``; cancel it when the client leaves, and wait until it has let go."""
    task = asyncio.ensure_future(work)
    watcher = asyncio.ensure_future(_disconnected(receive))
    try:
        await asyncio.wait({task, watcher}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for each in (watcher, task):
            if not each.done():
                each.cancel()
        results = await asyncio.gather(task, watcher, return_exceptions=True)
    failure = results[0]
    if isinstance(failure, Exception):
        raise failure


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _start(
    send: Send, status: int, kind: str, origin: str | None, extra: dict[str, str] | None = None
) -> None:
    headers = {"Content-Type": kind, **(extra or {})}
    if origin:
        headers |= {"Access-Control-Allow-Origin": origin, "Vary": "Origin"}
    pairs = [(key.lower().encode(), value.encode("latin-1")) for key, value in headers.items()]
    await send({"type": "http.response.start", "status": status, "headers": pairs})


async def _send_reply(send: Send, reply: Reply, method: str, origin: str | None = None) -> None:
    extra = {**reply.headers, "Content-Length": str(len(reply.body))}
    await _start(send, reply.status, reply.content_type, origin, extra)
    body = b"" if method == "HEAD" else reply.body
    await send({"type": "http.response.body", "body": body})


async def _send_line(send: Send, item: dict[str, Any]) -> None:
    await send({"type": "http.response.body", "body": _dump(item) + b"\n", "more_body": True})
