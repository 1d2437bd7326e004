"""A client that stops in the middle is cut off; one that is slow is not."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
import uvicorn

from local_assistant.engine import connections
from local_assistant.engine.connections import Impatient

SOON_S = 0.2
HEAD = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"


@contextlib.asynccontextmanager
async def serving(application: Any) -> AsyncIterator[int]:
    config = uvicorn.Config(application, port=0, http=Impatient, ws="none", lifespan="off",
                            log_config=None, access_log=False)  # fmt: skip
    server = uvicorn.Server(config)
    server.config.load()
    server.lifespan = config.lifespan_class(config)
    await server.startup()
    try:
        yield server.servers[0].sockets[0].getsockname()[1]
    finally:
        server.force_exit = True
        await server.shutdown()


async def endless(scope: Any, receive: Callable[[], Awaitable[Any]], send: Any) -> None:
    """Answer without end, as long as somebody is there."""
    await send({"type": "http.response.start", "status": 200, "headers": []})
    while True:
        await send({"type": "http.response.body", "body": b"x" * 65536, "more_body": True})


async def short(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200,
                "headers": [(b"content-length", b"2")]})  # fmt: skip
    await send({"type": "http.response.body", "body": b"ok"})


async def closed(reader: asyncio.StreamReader) -> bool:
    """Return whether the other side ends the connection."""
    with contextlib.suppress(ConnectionError):
        while await asyncio.wait_for(reader.read(65536), 20):
            pass
    return True


def test_a_client_that_stops_reading_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "READ_S", SOON_S)
    gone: list[bool] = []

    async def answering(scope: Any, receive: Any, send: Any) -> None:
        work = asyncio.ensure_future(endless(scope, receive, send))
        while (await receive())["type"] != "http.disconnect":
            pass
        gone.append(True)
        work.cancel()

    async def run() -> None:
        async with serving(answering) as port:
            _, writer = await asyncio.open_connection("127.0.0.1", port, limit=1024)
            writer.write(HEAD)
            for _ in range(2000):
                if gone:
                    break
                await asyncio.sleep(0.01)
            writer.transport.abort()

    asyncio.run(run())
    assert gone == [True]


@pytest.mark.parametrize("before", [b"", HEAD], ids=["first", "second"])
def test_a_request_without_end_is_cut_off(monkeypatch: pytest.MonkeyPatch, before: bytes) -> None:
    monkeypatch.setattr(connections, "ASK_S", SOON_S)

    async def run() -> bool:
        async with serving(short) as port:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            if before:
                writer.write(before)
                await reader.readuntil(b"ok")
            writer.write(HEAD[:20])
            done = await closed(reader)
            writer.transport.abort()
            return done

    assert asyncio.run(run())


def test_waiting_between_two_requests_is_fine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "ASK_S", SOON_S)

    async def run() -> bytes:
        async with serving(short) as port:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            said = b""
            for _ in range(2):
                writer.write(HEAD)
                said += (await reader.readuntil(b"ok"))[-2:]
                await asyncio.sleep(SOON_S * 2)
            writer.transport.abort()
            return said

    assert asyncio.run(run()) == b"okok"
