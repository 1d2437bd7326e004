"""The engine's own socket."""

from __future__ import annotations

import asyncio
import socket

from local_assistant.engine.server import listen
from local_assistant.engine.settings import EngineOptions
from tests.jupyterlab import free_port


def test_connections_send_each_piece_at_once(home: object) -> None:
    """With Nagle's algorithm the first token on a connection used again waits for 40 ms."""
    listener = listen(EngineOptions(port=free_port()), None)
    found: list[int] = []

    async def main() -> None:
        async def accept(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            peer = writer.get_extra_info("socket")
            found.append(peer.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
            writer.close()

        async with await asyncio.start_server(accept, sock=listener):
            reader, writer = await asyncio.open_connection(*listener.getsockname()[:2])
            await reader.read()
            writer.close()

    with listener:
        asyncio.run(main())
    assert found and found[0] != 0
