"""The engine's token is said to the engine alone; who stops reading holds nothing up."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from dataclasses import replace

import httpx
import pytest

from local_assistant.engine import runfile
from local_assistant.engine.launch import EngineInfo, running_engine


class Impostor:
    """A program that has taken the engine's port, and answers as it would, as far as it can."""

    def __init__(self, forward: int | None = None) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.heard = b""
        self._forward = forward
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return  # closed
            with client, contextlib.suppress(OSError):
                client.settimeout(5)
                while request := client.recv(65536):
                    self.heard += request
                    client.sendall(self._answer(request))

    def _answer(self, request: bytes) -> bytes:
        if self._forward is None:
            return b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nAssistant-Proof: 00\r\n\r\n{}"
        with socket.create_connection(("127.0.0.1", self._forward), timeout=5) as engine:
            engine.sendall(request)
            return engine.recv(65536)

    def close(self) -> None:
        self._listener.close()


@pytest.fixture(params=["alone", "passes it on"])
def impostor(request: pytest.FixtureRequest, engine_again: EngineInfo) -> Iterator[Impostor]:
    port = int(engine_again.url.rpartition(":")[2])
    taken = Impostor(port if request.param == "passes it on" else None)
    yield taken
    taken.close()


def test_who_has_taken_the_port_does_not_hear_the_token(
    impostor: Impostor, engine_again: EngineInfo, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The engine's process still lives: between its port and its end there is a moment."""
    record = runfile.believed()
    assert record is not None
    taken = replace(record, port=impostor.port)
    with monkeypatch.context() as patch:  # the file itself is mended by the engine at any moment
        patch.setattr(runfile, "believed", lambda: taken)
        assert running_engine() is None
    assert b"Assistant-Challenge" in impostor.heard
    assert str(engine_again.token).encode() not in impostor.heard
    assert running_engine() == engine_again


def test_a_proof_is_no_key(engine_again: EngineInfo) -> None:
    asked = httpx.get(engine_again.url, headers={runfile.CHALLENGE: "x"}, trust_env=False)
    assert asked.status_code == 401
    proof = asked.headers[runfile.PROOF]
    assert proof != engine_again.token
    for header in ({"Authorization": f"Bearer {proof}"}, {runfile.PROOF: proof}):
        again = httpx.get(f"{engine_again.url}/api/tags", headers=header, trust_env=False)
        assert again.status_code == 401


RAW = {
    "two lengths": b"Content-Length: 2\r\nContent-Length: 40\r\n\r\n{}",
    "a length and chunks": b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "a length below zero": b"Content-Length: -1\r\n\r\n",
    "an odd coding": b"Transfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n",
    "a folded header": b"X: a\r\n b: c\r\nContent-Length : 2\r\n\r\n{}",
}


@pytest.mark.parametrize("what", RAW)
def test_no_request_hides_in_another(engine_again: EngineInfo, what: str) -> None:
    hidden = b"GET /api/tags HTTP/1.1\r\nHost: localhost\r\n\r\n"
    port = int(engine_again.url.rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(b"POST /api/show HTTP/1.1\r\nHost: localhost\r\n" + RAW[what] + hidden)
        said = b""
        with contextlib.suppress(OSError):
            while b"\r\n\r\n" not in said and (piece := connection.recv(65536)):
                said += piece
    assert said.startswith((b"HTTP/1.1 400", b"HTTP/1.1 401", b"HTTP/1.1 501")), said
    assert b" 200 " not in said


def test_the_token_lives_where_nobody_else_reads(engine_again: EngineInfo) -> None:
    for file in (runfile.token_file(), runfile.run_file()):
        assert str(engine_again.token) in file.read_text()
        assert file.stat().st_mode & 0o077 == 0
        assert file.parent.stat().st_mode & 0o077 == 0
