"""Registries on loopback that behave as a test says: real HTTP, real bytes.

:class:`Registry` speaks Ollama's registry protocol; ``Trouble`` is what it may do wrong.
Everything that was asked and sent is counted at the server.
"""

from __future__ import annotations

import functools
import hashlib
import http.server
import json
import re
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from local_assistant.engine.store import layers as kinds
from tests.quiet_server import QuietServer
from tests.waiting import until

_PIECE = 64 << 10


@dataclass
class Trouble:
    """How blobs are served."""

    ranges: bool = True
    redirect_to: str = ""
    cut_after: int | None = None
    """Bytes of an answer after which the line is cut, ``cuts`` times."""
    cuts: int = 1
    lies: bool = False
    stall_after: int | None = None
    """Bytes after which an answer goes silent, ``stalls`` times."""
    stalls: int = 1
    trickle: bool = False
    """Whether an answer comes a byte at a time."""
    hold_after: int | None = None
    """Bytes in all after which nothing more comes until :attr:`go` is set."""
    go: threading.Event = field(default_factory=threading.Event)
    uses: int = 0
    """How often one signed address may be asked for; 0: always."""
    extra_length: int = 0
    """Added to the Content-Length and the size that an answer states."""


@dataclass
class Asked:
    path: str
    range: str | None
    authorization: str | None
    agent: str | None


class Registry:
    """One server. ``failures`` holds statuses to answer first, by a part of the path."""

    def __init__(self, wrap: Any = None) -> None:
        self.blobs: dict[str, bytes] = {}
        self.manifests: dict[str, bytes] = {}
        self.trouble = Trouble()
        self.token = ""
        self.realm = ""
        self.failures: list[tuple[str, int, dict[str, str]]] = []
        self.asked: list[Asked] = []
        self.sent = 0
        self._lock = threading.Lock()
        registry = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_: object) -> None:
                pass

            def do_GET(self) -> None:
                try:
                    registry._answer(self)
                except OSError:
                    self.close_connection = True  # the client has left

            do_HEAD = do_GET  # what Ollama asks first

        self.server = QuietServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        if wrap is not None:
            self.server.socket = wrap(self.server.socket)
        self.port = self.server.server_address[1]
        self.host = f"127.0.0.1:{self.port}"
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def add(self, name: str, *contents: bytes, kind: str = kinds.MODEL, **more: bytes) -> str:
        """Publish ``library/NAME:latest`` with model layers; return its name for a pull."""
        layers = [self._layer(kind, content) for content in contents]
        layers += [self._layer(f"application/vnd.ollama.image.{k}", v) for k, v in more.items()]
        manifest = {
            "schemaVersion": 2,
            "mediaType": kinds.MANIFEST,
            "config": self._layer(kinds.CONFIG, json.dumps({"model_format": "gguf"}).encode()),
            "layers": layers,
        }
        self.manifests[f"/v2/library/{name}/manifests/latest"] = json.dumps(manifest).encode()
        return f"{self.host}/library/{name}"

    def _layer(self, kind: str, content: bytes) -> dict[str, Any]:
        digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
        self.blobs[digest] = content
        return {"mediaType": kind, "digest": digest, "size": len(content)}

    def ranges_of(self, content: bytes) -> list[str | None]:
        digest = hashlib.sha256(content).hexdigest()
        return [each.range for each in self.asked if digest in each.path]

    def close(self) -> None:
        self.trouble.go.set()
        self.server.shutdown()
        self.server.server_close()

    def _answer(self, request: http.server.BaseHTTPRequestHandler) -> None:
        path = request.path.partition("?")[0]
        headers = request.headers
        asked = Asked(
            request.path, headers.get("Range"), headers.get("Authorization"), headers["User-Agent"]
        )
        with self._lock:
            self.asked.append(asked)
            failure = next((each for each in self.failures if each[0] in path), None)
            if failure:
                self.failures.remove(failure)
        uses = sum(each.path == request.path for each in self.asked)
        if failure:
            _send(request, failure[1], b'{"errors":"no"}', failure[2])
        elif self.trouble.uses and uses > self.trouble.uses:
            _send(request, 403, b"expired")
        elif path == "/token":
            _send(request, 200, json.dumps({"token": self.token}).encode())
        elif self.token and asked.authorization != f"Bearer {self.token}":
            realm = self.realm or f"http://{self.host}/token"
            challenge = f'Bearer realm="{realm}",service="me",scope="repository:x:pull"'
            _send(request, 401, b"", {"WWW-Authenticate": challenge})
        elif path in self.manifests:
            _send(request, 200, self.manifests[path], {"Content-Type": kinds.MANIFEST})
        elif path.rpartition("/")[2] in self.blobs:
            self._blob(request, path.rpartition("/")[2])
        else:
            _send(request, 404, b'{"errors":[]}')

    def _blob(self, request: http.server.BaseHTTPRequestHandler, digest: str) -> None:
        trouble, content = self.trouble, self.blobs[digest]
        if trouble.redirect_to:
            target = f"{trouble.redirect_to}/store/{digest}?signature={len(self.asked)}"
            _send(request, 307, b"", {"Location": target})
            return
        wanted = re.fullmatch(r"bytes=(\d+)-(\d+)", request.headers.get("Range") or "")
        start, end = (int(wanted[1]), int(wanted[2]) + 1) if wanted else (0, len(content))
        ranged = bool(wanted) and trouble.ranges
        if not ranged:
            start, end = 0, len(content)
        if trouble.lies:
            content = bytes(len(content))
        request.send_response(206 if ranged else 200)
        total = len(content) + trouble.extra_length
        if ranged:
            request.send_header("Content-Range", f"bytes {start}-{end - 1}/{total}")
        request.send_header("Content-Length", str(end - start + trouble.extra_length))
        request.end_headers()
        if request.command == "HEAD":
            return
        self._stream(request, memoryview(content)[start:end])

    def _stream(self, request: http.server.BaseHTTPRequestHandler, view: memoryview) -> None:
        trouble = self.trouble
        for at in range(0, len(view), _PIECE):
            if trouble.cut_after is not None and at >= trouble.cut_after and self._one("cuts"):
                request.connection.shutdown(socket.SHUT_RDWR)
                request.close_connection = True
                return
            stalls = trouble.stall_after is not None and at >= trouble.stall_after
            if stalls and self._one("stalls"):
                trouble.go.wait(60)
                request.close_connection = True
                return
            if trouble.hold_after is not None and self.sent >= trouble.hold_after:
                trouble.go.wait(60)
            piece = view[at : at + _PIECE]
            while trouble.trickle and not trouble.go.wait(0.02):
                request.wfile.write(piece[:1])
                piece = piece[1:]
            request.wfile.write(piece)
            with self._lock:
                self.sent += len(piece)

    def _one(self, what: str) -> bool:
        """Count one trouble down; whether it is still to be made."""
        with self._lock:
            left = getattr(self.trouble, what)
            setattr(self.trouble, what, left - 1)
            return bool(left > 0)


def _send(
    request: http.server.BaseHTTPRequestHandler,
    status: int,
    body: bytes,
    headers: dict[str, str] | None = None,
) -> None:
    request.send_response(status)
    for name, value in (headers or {}).items():
        request.send_header(name, value)
    request.send_header("Content-Length", str(len(body)))
    request.end_headers()
    request.wfile.write(body)


@contextmanager
def serving(wrap: Any = None) -> Iterator[Registry]:
    registry = Registry(wrap)
    try:
        yield registry
    finally:
        registry.close()


wait_for = functools.partial(until, seconds=20)
