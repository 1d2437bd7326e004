"""A file on its way to a server: all of it, or an error that says what happened to it."""

from __future__ import annotations

import hashlib
import http.server
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from local_assistant.errors import AssistantError
from local_assistant.models import upload
from local_assistant.models.progress import Progress, PullProgress
from local_assistant.server import Endpoint
from tests.integration.outside import certificate_for, tls
from tests.quiet_server import QuietServer

SIZE = (4 << 20) + 1000
"""More than goes at once."""


class Sink(http.server.BaseHTTPRequestHandler):
    """Has no blob, and takes any."""

    got: str

    def do_HEAD(self) -> None:
        self.send_response(404)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        type(self).got = hashlib.sha256(body).hexdigest()
        self.send_response(201)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


class Server(QuietServer):
    """Says nothing of a client that gives up."""

    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        pass


@pytest.fixture(params=["http", "https"])
def endpoint(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Endpoint]:
    server = Server(("127.0.0.1", 0), Sink)
    if request.param == "https":
        certificate = certificate_for(tmp_path / "server.pem", "localhost")
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        server.socket = tls(certificate)(server.socket)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    url = f"{request.param}://127.0.0.1:{server.server_address[1]}"
    # An answer that never comes is an error, too, but another one.
    monkeypatch.setattr("local_assistant.server.client.READ_TIMEOUT_S", 60)
    yield Endpoint("ollama", url, None, "0.33.0", True, "")
    server.shutdown()
    server.server_close()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "m.gguf"
    path.write_bytes(os.urandom(SIZE))
    return path


def sending(react: Callable[[], None]) -> Progress:
    """Return what calls ``react`` as the first piece has gone, and ends what never ends."""
    sent: list[int | None] = []

    def tell(progress: PullProgress) -> None:
        if progress.status.startswith("sending"):
            sent.append(progress.completed)
            if len(sent) == 1:
                react()
            if len(sent) > 100:
                told.cancel.set()

    told = Progress("m", tell)
    return told


def test_all_of_a_file_is_sent(endpoint: Endpoint, file: Path) -> None:
    digest = upload.send(file, endpoint, sending(lambda: None))
    assert digest == Sink.got == hashlib.sha256(file.read_bytes()).hexdigest()


def test_a_file_that_gets_shorter_meanwhile(endpoint: Endpoint, file: Path) -> None:
    progress = sending(lambda: os.truncate(file, 1000))
    with pytest.raises(AssistantError, match="has changed while it was sent") as caught:
        upload.send(file, endpoint, progress)
    assert str(file) in caught.value.message
    assert caught.value.fix
