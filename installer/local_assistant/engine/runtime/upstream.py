"""A small HTTP client for the model processes: JSON in, JSON or event lines out.

Contract: asyncio and loopback only; one connection per request. When the caller leaves, our
half of the connection is closed at once, because that is how a generation is cancelled in
llama.cpp, and the other half is read to its end, because that is how to know when it is:
llama.cpp's HTTP thread queues the cancellation before it closes, so whatever is asked after
the end comes after it. It speaks to one known server, so it reads exactly what that sends: a
status line, headers, and a body that is chunked, counted or ended by the close.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from typing import Any

_LINE_LIMIT = 16 * 1024 * 1024


class UpstreamGone(Exception):
    """The model process closed the connection or does not listen any more."""


class UpstreamError(Exception):
    """The model process answered with an error."""

    def __init__(self, status: int, message: str, kind: str = "", details: Any = None) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.kind = kind
        self.details = details if isinstance(details, dict) else {}


class Upstream:
    """One model process's HTTP port."""

    def __init__(
        self,
        port: int,
        api_key: str,
        max_tokens: int | None = None,
        runs: Callable[[], bool] = lambda: True,
    ) -> None:
        self.port = port
        self._runs = runs
        self._key = api_key
        self._max_tokens = max_tokens
        self._open_requests = 0
        self._heard = time.monotonic()
        self._watchers: dict[int, Callable[[dict[str, Any]], None]] = {}
        self._leaving: dict[int, asyncio.Task[None]] = {}

    def watch(self, slot: int, see: Callable[[dict[str, Any]], None] | None) -> None:
        """Have ``see`` called with each event of the requests that name ``slot``."""
        if see is None:
            self._watchers.pop(slot, None)
        else:
            self._watchers[slot] = see

    def leaving(self, slot: int) -> asyncio.Task[None] | None:
        """Return what ends when llama.cpp has let go of the last request in ``slot``."""
        return self._leaving.get(slot)

    def silent_for(self) -> float:
        """Return for how many seconds nothing came though something was asked.

        What a caller has left counts until the process has let go of it: its slot is not free
        before, and who waits for that slot has not asked anything yet.
        """
        return time.monotonic() - self._heard if self._is_asked() else 0.0

    def _is_asked(self) -> bool:
        return self._open_requests > 0 or bool(self._leaving)

    async def lives(self, timeout_s: float) -> bool:
        """Whether the process still accepts and answers; a computing one does."""
        try:
            await asyncio.wait_for(self.call("GET", "/health"), timeout_s)
        except UpstreamError:
            return True
        except (UpstreamGone, asyncio.TimeoutError):
            return False
        return True

    async def call(self, method: str, path: str, body: Any = None) -> Any:
        """Return the JSON answer of a request.

        Raises:
            UpstreamError: the answer is an error.
            UpstreamGone: there is no whole answer.
        """
        async with self._open(method, path, body) as reply:
            return _decode(await reply.read())

    async def events(self, path: str, body: Any) -> AsyncGenerator[dict[str, Any], None]:
        """Yield the objects of a server-sent event stream, until its end.

        Raises:
            UpstreamError: instead of the stream, or as an event in the middle of it.
            UpstreamGone: the stream broke off.
        """
        see = self._watchers.get(body.get("id_slot", -1))
        if self._max_tokens is not None:
            wanted = body.get("n_predict", -1)
            few = self._max_tokens if wanted < 0 else min(wanted, self._max_tokens)
            body = {**body, "n_predict": few}
        async with self._open("POST", path, body) as reply:
            async for line in reply.lines():
                self._heard = time.monotonic()
                if line.startswith(b"error:"):
                    raise _error_of(500, _decode(line[6:]))
                if not line.startswith(b"data:"):
                    continue
                if line[5:].strip() == b"[DONE]":
                    return
                event = _decode(line[5:])
                if isinstance(event, dict) and "error" in event:
                    raise _error_of(500, event)
                if see is not None:
                    see(event)
                yield event

    @contextlib.asynccontextmanager
    async def _open(self, method: str, path: str, body: Any) -> AsyncIterator[_Reply]:
        data = b"" if body is None else json.dumps(body).encode()
        if not self._is_asked():
            self._heard = time.monotonic()
        self._open_requests += 1
        try:
            async with self._connected(method, path, body, data) as reply:
                yield reply
        finally:
            self._open_requests -= 1

    @contextlib.asynccontextmanager
    async def _connected(
        self, method: str, path: str, body: Any, data: bytes
    ) -> AsyncIterator[_Reply]:
        try:
            reader, writer = await asyncio.open_connection(
                "127.0.0.1", self.port, limit=_LINE_LIMIT
            )
        except OSError as error:
            raise UpstreamGone(str(error)) from error
        if not self._runs():
            # Whoever took its port since must not hear the key, nor what is asked.
            writer.transport.abort()
            raise UpstreamGone("it has ended")
        try:
            writer.write(
                f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{self.port}\r\n"
                f"Authorization: Bearer {self._key}\r\nContent-Type: application/json\r\n"
                f"Content-Length: {len(data)}\r\nConnection: close\r\n\r\n".encode()
                + data
            )
            await writer.drain()
            reply = await _Reply.start(reader)
            if reply.status != 200:
                raise _error_of(reply.status, _decode(await reply.read()))
            yield reply
        except (OSError, EOFError, asyncio.LimitOverrunError) as error:
            raise UpstreamGone(str(error)) from error
        finally:
            slot = body.get("id_slot") if isinstance(body, dict) else None
            if slot is None:
                writer.transport.abort()
            else:
                self._leave(slot, reader, writer)

    def _leave(self, slot: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(_read_to_the_end(reader, writer))
        self._leaving[slot] = task

        def ended(_: asyncio.Task[None]) -> None:
            if self._leaving.get(slot) is task:
                del self._leaving[slot]

        task.add_done_callback(ended)


async def _read_to_the_end(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Close our half, then wait until the other side closes too."""
    try:
        with contextlib.suppress(OSError):  # broken already: nothing to wait for
            writer.write_eof()
            while await reader.read(65536):
                pass
    finally:
        writer.transport.abort()


class _Reply:
    def __init__(self, reader: asyncio.StreamReader, status: int, headers: dict[str, str]) -> None:
        self.status = status
        self._reader = reader
        self._chunked = headers.get("transfer-encoding", "").lower() == "chunked"
        length = headers.get("content-length", "")
        self._length = int(length) if length.isdigit() else None

    @classmethod
    async def start(cls, reader: asyncio.StreamReader) -> _Reply:
        first = (await reader.readuntil(b"\r\n")).split()
        if len(first) < 2 or not first[1].isdigit():
            raise UpstreamGone("no HTTP answer")
        headers = {}
        while (line := await reader.readuntil(b"\r\n")) != b"\r\n":
            key, _, value = line.decode("latin-1").partition(":")
            headers[key.strip().lower()] = value.strip()
        return cls(reader, int(first[1]), headers)

    async def pieces(self) -> AsyncIterator[bytes]:
        if self._chunked:
            while size := int(await self._reader.readuntil(b"\r\n"), 16):
                yield await self._reader.readexactly(size)
                await self._reader.readexactly(2)
        elif self._length is not None:
            yield await self._reader.readexactly(self._length)
        else:
            while piece := await self._reader.read(65536):
                yield piece

    async def read(self) -> bytes:
        return b"".join([piece async for piece in self.pieces()])

    async def lines(self) -> AsyncIterator[bytes]:
        rest = b""
        async for piece in self.pieces():
            *whole, rest = (rest + piece).split(b"\n")
            for line in whole:
                if line:
                    yield line
        if rest:
            yield rest


def _decode(data: bytes) -> Any:
    try:
        return json.loads(data)
    except ValueError as error:
        raise UpstreamGone(f"not JSON: {data[:80]!r}") from error


def _error_of(status: int, answer: Any) -> UpstreamError:
    error = answer.get("error", answer) if isinstance(answer, dict) else answer
    if not isinstance(error, dict):
        return UpstreamError(status, str(error))
    code = error.get("code")
    return UpstreamError(
        code if isinstance(code, int) else status,
        str(error.get("message", error)),
        str(error.get("type", "")),
        error,
    )
