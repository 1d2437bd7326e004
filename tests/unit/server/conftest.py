"""A server of which a test writes every byte."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator

import pytest

from local_assistant.server import Endpoint

Handler = Callable[["RawServer", socket.socket], None]


class RawServer:
    """Listens on loopback and gives every connection to a handler, in a thread."""

    def __init__(self, handler: Handler, address: str = "127.0.0.1") -> None:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        self._handler = handler
        self._listener = socket.create_server((address, 0), family=family)
        self.port: int = self._listener.getsockname()[1]
        self.requests: list[bytes] = []
        self.client_gone = threading.Event()
        self.go_on = threading.Event()
        self._connections: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def endpoint(self, kind: str = "embedded", **changes: object) -> Endpoint:
        values = {"kind": kind, "url": self.url, "token": "secret", "version": "1", "local": True}
        return Endpoint(**{**values, "detail": "", **changes})  # type: ignore[arg-type]

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self._connections.append(connection)
            threading.Thread(target=self._serve, args=[connection], daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        request = b""
        while b"\r\n\r\n" not in request:
            piece = connection.recv(65536)
            if not piece:
                return
            request += piece
        head, _, body = request.partition(b"\r\n\r\n")
        lengths = [
            int(line.split(b":")[1])
            for line in head.lower().split(b"\r\n")
            if line.startswith(b"content-length")
        ]
        while lengths and len(body) < lengths[0]:
            body += connection.recv(65536)
        self.requests.append(head + b"\r\n\r\n" + body)
        try:
            self._handler(self, connection)
        except OSError:
            self.client_gone.set()
        finally:
            connection.close()

    def close(self) -> None:
        self.go_on.set()
        self._listener.close()
        for connection in self._connections:
            connection.close()


def reply(body: object, status: str = "200 OK") -> bytes:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(raw)}\r\n\r\n".encode() + raw


def chunk(body: object) -> bytes:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode() + b"\n"
    return f"{len(raw):x}\r\n".encode() + raw + b"\r\n"


STREAM_HEAD = (
    b"HTTP/1.1 200 OK\r\nContent-Type: application/x-ndjson\r\nTransfer-Encoding: chunked\r\n\r\n"
)


@pytest.fixture
def raw_server() -> Iterator[Callable[..., RawServer]]:
    """Make servers that end with the test."""
    made: list[RawServer] = []

    def make(handler: Handler | bytes, address: str = "127.0.0.1") -> RawServer:
        if isinstance(handler, bytes):
            fixed = handler
            server = RawServer(lambda _server, connection: connection.sendall(fixed), address)
        else:
            server = RawServer(handler, address)
        made.append(server)
        return server

    yield make
    for server in made:
        server.close()
