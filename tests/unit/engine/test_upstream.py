"""The front speaks to its model process alone."""

from __future__ import annotations

import asyncio

import pytest

from local_assistant.engine.runtime.upstream import Upstream, UpstreamGone


def test_who_took_a_dead_models_port_hears_nothing() -> None:
    heard: list[bytes] = []

    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await reader.read())
        writer.close()

    async def run() -> None:
        server = await asyncio.start_server(listen, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        upstream = Upstream(port, "the-key", runs=lambda: False)
        with pytest.raises(UpstreamGone):
            await upstream.call("POST", "/completion", {"prompt": "secret"})
        with pytest.raises(UpstreamGone):
            async for _ in upstream.events("/completion", {"prompt": "secret", "id_slot": 0}):
                pass
        for _ in range(500):
            if len(heard) == 2:
                break
            await asyncio.sleep(0.01)
        server.close()

    asyncio.run(run())
    assert b"".join(heard) == b""


def test_a_process_that_lets_go_of_nothing_is_silent() -> None:
    """Also where the client has left: its slot stays taken, and others wait for it."""

    async def run() -> None:
        lets_go = asyncio.Event()

        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(b"HTTP/1.1 200 OK\r\n\r\ndata: {}\n")
            await lets_go.wait()
            writer.close()

        server = await asyncio.start_server(answer, "127.0.0.1", 0)
        upstream = Upstream(server.sockets[0].getsockname()[1], "the-key")
        assert upstream.silent_for() == 0
        events = upstream.events("/completion", {"id_slot": 0})
        assert await anext(events) == {}
        await events.aclose()
        left = upstream.leaving(0)
        assert left is not None
        upstream._heard -= 100
        assert upstream.silent_for() >= 100
        lets_go.set()
        await asyncio.wait_for(left, 60)
        await asyncio.sleep(0)
        assert upstream.silent_for() == 0
        server.close()

    asyncio.run(run())
