"""Stand-ins for what cannot be here: an installed Ollama, and Hugging Face.

The stand-in for Ollama is a program on PATH that acts as ``ollama serve`` does towards
whoever starts it; the one for Hugging Face answers what ``huggingface_hub`` asks. Both speak
real HTTP on loopback. The engine, the store and all clients are the real ones.
"""

from __future__ import annotations

import hashlib
import http.server
import json
import os
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from local_assistant.config import AssistantConfig, load_config, set_value
from local_assistant.engine.launch import stop_engine
from local_assistant.server import ollama

STAND_IN = Path(__file__).with_name("stand_in_ollama.py")


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port: int = unused.getsockname()[1]
        return port


@pytest.fixture
def no_ollama(monkeypatch: pytest.MonkeyPatch, home: Path) -> Path:
    """A PATH with nothing on it, and a home of this test; everything started is ended."""
    folder = home / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    return folder


@pytest.fixture
def assistant(no_ollama: Path) -> Iterator[Callable[..., AssistantConfig]]:
    """Set settings (``server__kind="auto"``) and return the configuration in force."""

    def configure(**settings: Any) -> AssistantConfig:
        for name, value in settings.items():
            set_value(name.replace("__", "."), value)
        return load_config().config

    yield configure
    ollama.stop()
    ollama._failures.clear()
    stop_engine()


@pytest.fixture
def install_ollama(no_ollama: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """Put the stand-in on PATH."""

    def install(mode: str = "normal", version: str = "0.33.0", models: str = "") -> Path:
        program = no_ollama / "ollama"
        program.write_text(f"#!{sys.executable}\n" + STAND_IN.read_text(encoding="utf-8"))
        program.chmod(0o755)
        for name, value in (("MODE", mode), ("VERSION", version), ("MODELS", models)):
            monkeypatch.setenv(f"STAND_IN_{name}", value)
        return program

    return install


class Hub:
    """A Hugging Face with the repositories that a test puts there."""

    def __init__(self) -> None:
        self.files: dict[str, dict[str, bytes]] = {}
        self.wrong_sha: set[str] = set()
        self.status: dict[str, tuple[int, str]] = {}
        self.requests: list[tuple[str, str, str | None]] = []
        self.break_after: int | None = None
        hub = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_: object) -> None:
                pass

            def do_HEAD(self) -> None:
                hub.answer(self)

            def do_GET(self) -> None:
                hub.answer(self)

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def answer(self, request: http.server.BaseHTTPRequestHandler) -> None:
        path = request.path.partition("?")[0]
        self.requests.append((request.command, path, request.headers.get("Range")))
        parts = path.strip("/").split("/")
        repository = "/".join(parts[2:4] if parts[0] == "api" else parts[:2])
        if repository in self.status:
            code, reason = self.status[repository]
            self._send(request, code, {"error": reason}, {"X-Error-Code": reason})
        elif repository not in self.files:
            self._send(request, 404, {"error": "no"}, {"X-Error-Code": "RepoNotFound"})
        elif parts[0] == "api":
            self._send(request, 200, self._info(repository), {})
        else:
            self._file(request, repository, self.files[repository].get("/".join(parts[4:])))

    def _info(self, repository: str) -> dict[str, object]:
        siblings = []
        for name, content in self.files[repository].items():
            sha = hashlib.sha256(content).hexdigest()
            if repository in self.wrong_sha:
                sha = "0" * 64
            lfs = {"sha256": sha, "size": len(content), "pointerSize": 130}
            siblings.append({"rfilename": name, "size": len(content), "lfs": lfs})
        return {"id": repository, "sha": "a" * 40, "siblings": siblings, "tags": []}

    def _file(
        self, request: http.server.BaseHTTPRequestHandler, repository: str, content: bytes | None
    ) -> None:
        if content is None:
            self._send(request, 404, {}, {"X-Error-Code": "EntryNotFound"})
            return
        start = 0
        wanted = request.headers.get("Range")
        if wanted:
            start = int(wanted.removeprefix("bytes=").partition("-")[0])
        request.send_response(206 if wanted else 200)
        request.send_header("ETag", f'"{hashlib.sha256(content).hexdigest()}"')
        request.send_header("X-Repo-Commit", "a" * 40)
        request.send_header("Accept-Ranges", "bytes")
        request.send_header("Content-Length", str(len(content) - start))
        if wanted:
            request.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        request.end_headers()
        if request.command == "HEAD":
            return
        if self.break_after is not None:
            request.wfile.write(content[start : start + self.break_after])
            request.wfile.flush()
            request.connection.shutdown(socket.SHUT_RDWR)
            # The library tries again by itself, so the line has to stay down.
            self.status[repository] = (403, "LineDown")
            return
        request.wfile.write(content[start:])

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


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    served = Hub()
    monkeypatch.setenv("HF_ENDPOINT", served.url)
    yield served
    served.server.shutdown()
    served.server.server_close()


def process_lives(pid: int) -> bool:
    from local_assistant.engine.runfile import process_start

    return process_start(pid) is not None


def child_environment() -> dict[str, str]:
    return dict(os.environ)
