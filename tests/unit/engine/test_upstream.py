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
