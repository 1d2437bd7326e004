"""A Hugging Face on loopback, which answers what a download asks: real HTTP, real bytes."""

from __future__ import annotations

import contextlib
import hashlib
import http.server
import json
import socket
import threading
from collections.abc import Iterator

from tests.quiet_server import QuietServer


class Hub:
    """A Hugging Face with the repositories that a test puts there."""

    def __init__(self) -> None:
        self.files: dict[str, dict[str, bytes]] = {}
        self.sizes: dict[str, dict[str, int]] = {}
        """What is said of files that are too large for a test."""
        self.wrong_sha: set[str] = set()
        self.status: dict[str, tuple[int, str]] = {}
        self.requests: list[tuple[str, str, str | None]] = []
        self.break_after: int | None = None
        self.private: dict[str, str] = {}
        """Repositories that want a token."""
        self.gated: set[str] = set()
        """Repositories whose files want a yes to their terms."""
        self.gated_by_name: set[str] = set()
        """Repositories that are said to be gated, and whose files come to anybody."""
        self.hold_after: int | None = None
        """Bytes of a file after which the rest does not come until :attr:`go` is set."""
        self.go = threading.Event()
        self.files_at = ""
        """Another server that has the files, to which this one redirects."""
        self.authorizations: list[tuple[str, str | None]] = []
        hub = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_: object) -> None:
                pass

            def do_GET(self) -> None:
                try:
                    hub.answer(self)
                except OSError:
                    self.close_connection = True  # the client has left

            do_HEAD = do_GET

        self.server = QuietServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def answer(self, request: http.server.BaseHTTPRequestHandler) -> None:
        path = request.path.partition("?")[0]
        self.requests.append((request.command, path, request.headers.get("Range")))
        credential = request.headers.get("Authorization")
        self.authorizations.append((path, credential))
        parts = path.strip("/").split("/")
        repository = "/".join(parts[2:4] if parts[0] == "api" else parts[:2])
        if repository in self.status:
            code, reason = self.status[repository]
            self._send(request, code, {"error": reason}, {"X-Error-Code": reason})
        elif self.private.get(repository) not in (None, (credential or "").removeprefix("Bearer ")):
            wrong = {} if credential else {"X-Error-Code": "RepoNotFound"}
            self._send(request, 401, {"error": "Invalid username or password."}, wrong)
        elif repository not in self.files:
            self._send(request, 404, {"error": "no"}, {"X-Error-Code": "RepoNotFound"})
        elif parts[0] == "api":
            self._send(request, 200, self._info(repository), {})
        elif repository in self.gated:
            self._send(request, 403, {"error": "gated"}, {"X-Error-Code": "GatedRepo"})
        elif self.files_at:
            self._send(request, 302, {}, {"Location": f"{self.files_at}{path}?signature=x"})
        else:
            self._file(request, repository, self.files[repository].get("/".join(parts[4:])))

    def _info(self, repository: str) -> dict[str, object]:
        siblings = []
        for name, content in self.files[repository].items():
            sha = hashlib.sha256(content).hexdigest()
            if repository in self.wrong_sha:
                sha = "0" * 64
            size = self.sizes.get(repository, {}).get(name, len(content))
            lfs = {"sha256": sha, "size": size, "pointerSize": 130}
            siblings.append({"rfilename": name, "size": size, "lfs": lfs})
        closed = {"private": repository in self.private, "gated": self._gated(repository)}
        return {"id": repository, "sha": "a" * 40, "siblings": siblings, **closed}

    def _gated(self, repository: str) -> str | bool:
        return "auto" if repository in self.gated | self.gated_by_name else False

    def _file(
        self, request: http.server.BaseHTTPRequestHandler, repository: str, content: bytes | None
    ) -> None:
        if content is None:
            self._send(request, 404, {}, {"X-Error-Code": "EntryNotFound"})
            return
        start, end = 0, len(content)
        wanted = request.headers.get("Range")
        if wanted:
            first, _, last = wanted.removeprefix("bytes=").partition("-")
            start, end = int(first), int(last) + 1
        request.send_response(206 if wanted else 200)
        request.send_header("ETag", f'"{hashlib.sha256(content).hexdigest()}"')
        request.send_header("X-Repo-Commit", "a" * 40)
        request.send_header("Accept-Ranges", "bytes")
        request.send_header("Content-Length", str(end - start))
        if wanted:
            request.send_header("Content-Range", f"bytes {start}-{end - 1}/{len(content)}")
        request.end_headers()
        if request.command == "HEAD":
            return
        if self.break_after is not None:
            # It is tried again at once, so the line has to stay down.
            self.status[repository] = (403, "LineDown")
            request.wfile.write(content[start : start + self.break_after])
            request.wfile.flush()
            request.connection.shutdown(socket.SHUT_RDWR)
            return
        if self.hold_after is not None:
            request.wfile.write(content[start : start + self.hold_after])
            request.wfile.flush()
            start += self.hold_after
            self.go.wait(60)
        request.wfile.write(content[start:end])

    @staticmethod
    def _send(
        request: http.server.BaseHTTPRequestHandler,
        code: int,
        body: dict[str, object],
        headers: dict[str, str],
    ) -> None:
        raw = json.dumps(body).encode()
        request.send_response(code)
        for name, value in {**headers, "Content-Type": "application/json"}.items():
            request.send_header(name, value)
        request.send_header("Content-Length", str(len(raw)))
        request.end_headers()
        if request.command != "HEAD":
            request.wfile.write(raw)


@contextlib.contextmanager
def running_hub() -> Iterator[Hub]:
    """A hub that ends with the block, whoever it still holds."""
    served = Hub()
    try:
        yield served
    finally:
        served.go.set()
        served.server.shutdown()
        served.server.server_close()
