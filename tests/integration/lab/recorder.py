"""A loopback proxy in front of the engine: keeps each request's body, and can be slow.

The assistant takes it for an Ollama (``server.kind = "ollama"``). It adds the engine's
token, forwards bytes as they come, and notes when its client closes the connection before
the answer is complete.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from local_assistant.engine.launch import EngineInfo


@dataclass
class Recorded:
    """One request that went through."""

    path: str
    body: bytes
    cut_by_client: bool = False

    def json(self) -> dict[str, Any]:
        value: dict[str, Any] = json.loads(self.body)
        return value


@dataclass
class Recorder:
    """The proxy; ``delay_s`` is waited after each piece of an answer to ``/api/chat``."""

    engine: EngineInfo
    delay_s: float = 0.0
    requests: list[Recorded] = field(default_factory=list)
    url: str = ""
    _server: asyncio.Server | None = None

    async def __aenter__(self) -> Recorder:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()

    def chats(self) -> list[Recorded]:
        return [request for request in self.requests if request.path == "/api/chat"]

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            await self._forward(reader, writer)
        with contextlib.suppress(ConnectionError):
            writer.close()

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        method, path, _ = head[0].split(" ")
        headers = dict(line.split(": ", 1) for line in head[1:] if ": " in line)
        lengths = [v for k, v in headers.items() if k.lower() == "content-length"]
        body = await reader.readexactly(int(lengths[0])) if lengths else b""
        recorded = Recorded(path, body)
        self.requests.append(recorded)
        target = urlsplit(self.engine.url)
        upstream, sender = await asyncio.open_connection(target.hostname, target.port)
        sender.write(
            f"{method} {path} HTTP/1.1\r\nHost: {target.netloc}\r\nConnection: close\r\n"
            f"Authorization: Bearer {self.engine.token}\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\n\r\n".encode()
            + body
        )
        leaving = asyncio.ensure_future(reader.read())  # ends when the client closes
        slow = self.delay_s if path == "/api/chat" else 0.0
        try:
            while data := await upstream.read(200 if slow else 65536):
                if leaving.done():
                    recorded.cut_by_client = True
                    return
                writer.write(data)
                await writer.drain()
                await asyncio.sleep(slow)
        finally:
            leaving.cancel()
            sender.close()
