"""The engine's HTTP layer: a small ASGI application with Ollama's manners.

Contract: handlers get a :class:`Request` and return a :class:`Reply`, an asynchronous iterator of
objects that is sent as NDJSON, or :class:`Events`. An error before the first object has a real
status; after it, the stream ends with an ``{"error": …}`` line. When the client leaves, the handler
is cancelled at once. No body or header is logged. Under ``/v1/`` errors have OpenAI's shape.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import html
import json
import traceback
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, MutableMapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from local_assistant.engine import guard, runfile
from local_assistant.engine.gguf.header import BadGGUF
from local_assistant.engine.log import log
from local_assistant.engine.runtime.process import LoadFailed
from local_assistant.engine.runtime.upstream import UpstreamError
from local_assistant.engine.settings import MAX_BODY_BYTES
from local_assistant.engine.store.names import InvalidName
from local_assistant.engine.wire.shapes import ApiError
from local_assistant.errors import AssistantError

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

JSON = "application/json; charset=utf-8"
TEXT = "text/plain; charset=utf-8"
NDJSON = "application/x-ndjson"
_NO_ROOM = {errno.ENOSPC, errno.EFBIG, errno.EROFS, errno.EIO, getattr(errno, "EDQUOT", 0)}
_PLAIN = "text/plain"  # as Ollama's router says it, without a charset


class ClientGone(Exception):
    """The client left before it had sent the whole body."""


@dataclass(frozen=True)
class Request:
    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    rest: str = ""
    """The last segment of the path, where the route ends with ``/*``."""
    receive: Receive | None = None
    """Where the body of a streamed request comes from."""

    async def chunks(self) -> AsyncIterator[bytes]:
        """Yield the body of a request on a streamed route, in pieces of any size.

        Raises:
            ClientGone: before the end.
        """
        if self.receive is None:
            yield self.body
            return
        more = True
        while more:
            message = await self.receive()
            if message["type"] == "http.disconnect":
                raise ClientGone
            if message.get("body"):
                yield message["body"]
            more = message.get("more_body", False)


@dataclass(frozen=True)
class Reply:
    """A whole answer."""

    body: bytes = b""
    status: int = 200
    content_type: str = JSON
    headers: dict[str, str] = field(default_factory=dict)


Stream = AsyncGenerator[dict[str, Any], None]


@dataclass(frozen=True)
class Events:
    """A stream of ready-made pieces, for server-sent events."""

    pieces: AsyncGenerator[bytes, None]
    content_type: str = "text/event-stream"


Handler = Callable[[Request], Awaitable["Reply | Stream | Events"]]


@dataclass(frozen=True)
class Route:
    """What answers one path."""

    methods: dict[str, Handler] = field(default_factory=dict)
    use: bool = True
    """Whether a request counts as use of the engine."""
    streamed: bool = False
    """Whether the handler reads the body itself, piece by piece and of any size."""


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
        origins: pages let in beside the usual ones.
    """

    def __init__(
        self,
        token: str | None,
        *,
        check_host: bool,
        on_request: Callable[[int], None],
        origins: tuple[str, ...] = (),
    ) -> None:
        self._origins = origins
        self._token = token
        self._check_host = check_host
        self._on_request = on_request
        self._routes: dict[str, Route] = {}

    def route(
        self,
        methods: str,
        path: str,
        handler: Handler,
        *,
        use: bool = True,
        body: Literal["whole", "stream"] = "whole",
    ) -> None:
        """Add a handler.

        Args:
            path: ends with ``/*`` where one more segment of any text follows.
            use: False marks a path that does not count as use.
            body: ``stream`` gives the handler :meth:`Request.chunks` to read.
        """
        route = self._routes.setdefault(path, Route(use=use, streamed=body == "stream"))
        for method in methods.split():
            route.methods[method] = handler

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        headers = {
            key.decode("latin-1").lower(): value.decode("latin-1")
            for key, value in scope["headers"]
        }
        request = Request(scope["method"], scope["path"], headers, b"")
        refused = self._refusal(request, (scope.get("server") or ("", 0))[1])
        if refused is not None:
            await _send_reply(send, refused, request.method)
            return
        route, rest = self._find(request.path)
        request = replace(request, rest=rest)
        used = 1 if route is None or route.use else 0
        self._on_request(used)
        try:
            if route is not None and route.streamed:
                await self._answer(replace(request, receive=receive), route, send)
            else:
                await self._answer_whole(request, route, receive, send)
        except ClientGone:
            return
        finally:
            self._on_request(-used)

    async def _answer_whole(
        self, request: Request, route: Route | None, receive: Receive, send: Send
    ) -> None:
        try:
            body = await _read_body(receive)
        except ApiError as error:
            await _send_reply(send, failure_reply(request.path, error), request.method)
            return
        request = replace(request, body=body)
        await _until_disconnect(receive, self._answer(request, route, send))

    def _refusal(self, request: Request, port: int) -> Reply | None:
        headers, method = request.headers, request.method
        host, origin = headers.get("host"), headers.get("origin")
        if self._check_host and not guard.host_allowed(host):
            return Reply(status=403, content_type=TEXT)
        if not guard.origin_allowed(origin, host, self._origins):
            return Reply(status=403, content_type=TEXT)
        if method == "OPTIONS" and origin:
            return Reply(
                status=204,
                content_type=TEXT,
                headers={
                    "Access-Control-Allow-Origin": origin,
                    "Access-Control-Allow-Methods": "GET,POST,PUT,PATCH,DELETE,HEAD,OPTIONS",
                    "Access-Control-Allow-Headers": guard.ALLOWED_HEADERS,
                    "Access-Control-Max-Age": "43200",
                    "Vary": "Origin, Access-Control-Request-Method, Access-Control-Request-Headers",
                },
            )
        if not guard.has_token(headers.get("authorization"), self._token):
            text = "unauthorized: this engine wants its token (Authorization: Bearer …)"
            reply = failure_reply(request.path, ApiError(401, text))
            asked = headers.get(runfile.CHALLENGE.lower(), "")
            proof = runfile.proof(self._token or "", asked, port)
            return replace(reply, headers={runfile.PROOF: proof} if asked else {})
        return None

    def _find(self, path: str) -> tuple[Route | None, str]:
        route = self._routes.get(path)
        if route is not None:
            return route, ""
        before, _, last = path.rpartition("/")
        return (self._routes.get(f"{before}/*"), last) if last else (None, "")

    def _handler(self, method: str, path: str, route: Route | None) -> Handler | Reply:
        if route is None:
            if path != "/" and path.rstrip("/") in self._routes:
                return _moved(method, path.rstrip("/"))
            if path.startswith("/api/") and _known_to_ollama(path):
                text = f"the embedded engine does not support {path}"
                return failure_reply(path, ApiError(501, text))
            return Reply(b"404 page not found", 404, _PLAIN)
        handler = route.methods.get(method)
        if handler is None:
            allow = {"Allow": ", ".join(sorted(route.methods))}
            return Reply(b"405 method not allowed", 405, _PLAIN, allow)
        return handler

    async def _answer(self, request: Request, route: Route | None, send: Send) -> None:
        handler = self._handler(request.method, request.path, route)
        origin = request.headers.get("origin")
        if isinstance(handler, Reply):
            await _send_reply(send, handler, request.method, origin)
            return
        begun = False
        try:
            answer = await handler(request)
            if isinstance(answer, Reply):
                await _send_reply(send, answer, request.method, origin)
                return
            kind = answer.content_type if isinstance(answer, Events) else NDJSON
            pieces = answer.pieces if isinstance(answer, Events) else _lines(answer)
            async with contextlib.aclosing(pieces):
                async for piece in pieces:
                    if not begun:
                        begun = True
                        await _start(send, 200, kind, origin)
                    await _send_piece(send, piece)
            if not begun:
                await _start(send, 200, kind, origin)
            await send({"type": "http.response.body", "body": b""})
        except ClientGone:
            raise
        except Exception as error:  # the one place where failures become answers
            failure = describe(error)
            reply = failure_reply(request.path, failure)
            if not begun:
                await _send_reply(send, reply, "POST", origin)
                return
            await _send_piece(send, reply.body + b"\n")
            await send({"type": "http.response.body", "body": b""})


def failure_reply(path: str, error: ApiError) -> Reply:
    """Return an error in the shape that belongs to the path."""
    if not path.startswith("/v1/"):
        return error_reply(error.status, error.message)
    kinds = {400: "invalid_request_error", 404: "not_found_error"}
    kind = kinds.get(error.status, "api_error")
    return json_reply(
        {"error": {"message": error.message, "type": kind, "param": None, "code": None}},
        error.status,
    )


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
    if isinstance(error, (BadGGUF, AssistantError)):
        return ApiError(500, str(error))
    if isinstance(error, OSError) and error.errno in _NO_ROOM:
        return ApiError(500, f"cannot write {error.filename or 'a file'}: {error.strerror}")
    log("".join(traceback.format_exception(error)))
    return ApiError(500, f"internal error of the embedded engine: {type(error).__name__}")


def _moved(method: str, path: str) -> Reply:
    """Return what Go's router answers for a path with a slash too many."""
    if method != "GET":
        return Reply(status=307, headers={"Location": path})
    page = f'<a href="{html.escape(path)}">Moved Permanently</a>.\n\n'.encode()
    return Reply(page, 301, "text/html; charset=utf-8", {"Location": path})


def _known_to_ollama(path: str) -> bool:
    return path.split("/")[2] in ("push", "status", "me", "signout")


async def _read_body(receive: Receive) -> bytes:
    """Return the request's body.

    Raises:
        ApiError: it is too large.
        ClientGone: the client left before its end.
    """
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientGone
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
    headers = {**({"Content-Type": kind} if kind else {}), **(extra or {})}
    if origin:
        headers |= {"Access-Control-Allow-Origin": origin, "Vary": "Origin"}
    pairs = [(key.lower().encode(), value.encode("latin-1")) for key, value in headers.items()]
    await send({"type": "http.response.start", "status": status, "headers": pairs})


async def _send_reply(send: Send, reply: Reply, method: str, origin: str | None = None) -> None:
    extra = {**reply.headers, "Content-Length": str(len(reply.body))}
    # What is empty is of no type, as in Go.
    kind = reply.content_type if reply.body else ""
    await _start(send, reply.status, kind, origin, extra)
    body = b"" if method == "HEAD" else reply.body
    await send({"type": "http.response.body", "body": body})


async def _lines(stream: Stream) -> AsyncGenerator[bytes, None]:
    async with contextlib.aclosing(stream):
        async for item in stream:
            yield _dump(item) + b"\n"


async def _send_piece(send: Send, piece: bytes) -> None:
    await send({"type": "http.response.body", "body": piece, "more_body": True})
