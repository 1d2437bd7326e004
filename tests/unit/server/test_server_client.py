"""The client over real sockets: what it sends, and what it makes of every kind of answer."""

from __future__ import annotations

import http.client
import json
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable

import pytest

from local_assistant.errors import AssistantError
from local_assistant.server import Client, Endpoint, ServerError, ServerGone
from local_assistant.server.connecting import connect
from tests.unit.server.conftest import STREAM_HEAD, RawServer, chunk, reply

Make = Callable[..., RawServer]
CHAT = {"model": "m", "messages": []}


def test_get_sends_the_token_and_returns_the_object(raw_server: Make) -> None:
    server = raw_server(reply({"models": []}))
    assert Client(server.endpoint()).get("/api/tags") == {"models": []}
    head = server.requests[0].decode()
    assert head.startswith("GET /api/tags HTTP/1.1\r\n")
    assert "Authorization: Bearer secret\r\n" in head


def test_post_sends_json_and_no_token_where_there_is_none(raw_server: Make) -> None:
    server = raw_server(reply(b""))
    assert Client(server.endpoint(token=None)).post("/api/copy", {"a": "é"}) == {}
    head, _, body = server.requests[0].partition(b"\r\n\r\n")
    assert json.loads(body) == {"a": "é"}
    assert b"Authorization" not in head


def test_a_base_url_with_a_path(raw_server: Make) -> None:
    server = raw_server(reply({}))
    Client(server.endpoint(url=server.url + "/ollama")).get("/api/tags")
    assert server.requests[0].startswith(b"GET /ollama/api/tags ")


def test_proxies_do_not_stand_between(raw_server: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    assert Client(raw_server(reply({"a": 1})).endpoint()).get("/") == {"a": 1}


def test_ipv6(raw_server: Make) -> None:
    connection = connect("http://[::1]:9", 1)
    assert (connection.host, connection.port) == ("::1", 9)
    try:
        server = raw_server(reply({"a": 1}), "::1")
    except OSError:
        return  # this machine has none: there is nothing to connect to
    endpoint = server.endpoint(url=f"http://[::1]:{server.port}")
    assert Client(endpoint).get("/") == {"a": 1}
    assert b"Host: [::1]:" in server.requests[0]


def test_https_is_used_for_https() -> None:
    assert isinstance(connect("https://example.org:443", 1), http.client.HTTPSConnection)
    assert not isinstance(connect("http://example.org:80", 1), http.client.HTTPSConnection)


def test_a_stream_gives_each_line_when_it_comes(raw_server: Make) -> None:
    def handler(server: RawServer, connection: socket.socket) -> None:
        whole = chunk({"n": 2, "text": "é"})
        connection.sendall(STREAM_HEAD + chunk({"n": 1}) + whole[:9])
        server.go_on.wait(10)
        connection.sendall(whole[9:] + chunk(b'{"n": 3}\n\n{"n":') + chunk(b" 4}") + b"0\r\n\r\n")

    server = raw_server(handler)
    with Client(server.endpoint()).stream("/api/chat", CHAT) as lines:
        assert next(lines) == {"n": 1}
        server.go_on.set()
        assert list(lines) == [{"n": 2, "text": "é"}, {"n": 3}, {"n": 4}]


def test_leaving_a_stream_closes_the_connection_at_once(raw_server: Make) -> None:
    def handler(server: RawServer, connection: socket.socket) -> None:
        connection.sendall(STREAM_HEAD + chunk({"n": 1}))
        if connection.recv(1) == b"":
            server.client_gone.set()

    server = raw_server(handler)
    with (
        pytest.raises(KeyboardInterrupt),
        Client(server.endpoint()).stream("/api/chat", CHAT) as lines,
    ):
        next(lines)
        raise KeyboardInterrupt
    assert server.client_gone.wait(20)


def test_close_from_another_thread_ends_a_waiting_read(raw_server: Make) -> None:
    def handler(server: RawServer, connection: socket.socket) -> None:
        connection.sendall(STREAM_HEAD + chunk({"n": 1}))
        server.go_on.wait(20)

    server = raw_server(handler)
    with Client(server.endpoint()).stream("/api/chat", CHAT) as lines:
        next(lines)
        threading.Timer(0.1, lines.close).start()
        began = time.monotonic()
        assert list(lines) == []
        assert time.monotonic() - began < 15  # the server is silent for 20


@pytest.mark.parametrize(
    "rest",
    [b"", b"5", b"ff\r\n{"],
    ids=["between chunks", "in a chunk's head", "in a chunk"],
)
@pytest.mark.parametrize(
    ("kind", "fix"),
    [
        ("embedded", "Run it again: the engine restarts by itself."),
        ("ollama", "Run it again. If that does not help, look at Ollama's log."),
    ],
)
def test_a_server_that_dies_in_the_middle(
    raw_server: Make, rest: bytes, kind: str, fix: str
) -> None:
    server = raw_server(STREAM_HEAD + chunk({"n": 1, "done": False}) + rest)
    with Client(server.endpoint(kind)).stream("/api/chat", CHAT) as lines:
        assert next(lines)["n"] == 1
        with pytest.raises(ServerGone, match="stopped in the middle of the answer") as caught:
            next(lines)
    assert caught.value.fix == fix


def test_an_answer_without_length_must_be_done(raw_server: Make) -> None:
    head = b"HTTP/1.0 200 OK\r\n\r\n"
    whole = raw_server(head + b'{"done":false}\n{"done":true}\n')
    with Client(whole.endpoint()).stream("/api/chat", CHAT) as lines:
        assert len(list(lines)) == 2
    cut = raw_server(head + b'{"done":false}\n')
    with (
        Client(cut.endpoint()).stream("/api/chat", CHAT) as lines,
        pytest.raises(ServerGone, match="in the middle"),
    ):
        list(lines)


def test_a_server_that_dies_before_it_answers(raw_server: Make) -> None:
    with pytest.raises(ServerGone, match="embedded engine stopped before it answered"):
        Client(raw_server(b"").endpoint()).post("/api/chat", CHAT)


def test_an_error_line_ends_a_stream(raw_server: Make) -> None:
    lines_sent = chunk({"n": 1}) + chunk({"error": "model runner has stopped"}) + b"0\r\n\r\n"
    server = raw_server(STREAM_HEAD + lines_sent)
    with Client(server.endpoint()).stream("/api/chat", CHAT) as lines:
        next(lines)
        with pytest.raises(ServerError, match="says: model runner has stopped") as caught:
            next(lines)
    assert caught.value.fix


@pytest.mark.parametrize(
    ("status", "body", "words", "fix"),
    [
        ("404 Not Found", {"error": "model 'm' not found"}, "model 'm' not found", "pull m"),
        ("500 Oops", {"error": {"message": "v1 form"}}, "v1 form", "jupyter assistant logs"),
        ("502 Bad", b"<html>gateway</html>", "<html>gateway", "jupyter assistant logs"),
        ("503 Busy", b"", "HTTP status 503", "jupyter assistant logs"),
        ("401 No", {"error": "unauthorized"}, "unauthorized", "jupyter assistant stop"),
    ],
)
def test_what_the_server_refuses_is_said_in_its_words(
    raw_server: Make, status: str, body: object, words: str, fix: str
) -> None:
    client = Client(raw_server(reply(body, status)).endpoint())
    for send in (lambda: client.post("/api/chat", CHAT), lambda: _first(client)):
        with pytest.raises(ServerError) as caught:
            send()
        assert words in caught.value.message
        assert fix in (caught.value.fix or "")
        assert caught.value.status == int(status[:3])


def _first(client: Client) -> None:
    with client.stream("/api/chat", CHAT) as lines:
        next(lines)


@pytest.mark.parametrize(
    "answer", [reply(b"<html>hello</html>"), reply(["a"]), b"SSH-2.0-OpenSSH_9.6\r\n"]
)
def test_another_program_at_the_address(raw_server: Make, answer: bytes) -> None:
    with pytest.raises(AssistantError, match="not a model server") as caught:
        Client(raw_server(answer).endpoint("ollama")).get("/api/tags")
    assert "OLLAMA_HOST" in (caught.value.fix or "")


@pytest.mark.parametrize(
    ("kind", "local", "fix"),
    [
        ("embedded", True, "restarts by itself"),
        ("ollama", True, "ollama serve"),
        ("ollama", False, "[server] url"),
    ],
)
def test_nothing_listens(kind: str, local: bool, fix: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    endpoint = Endpoint(kind, f"http://127.0.0.1:{port}", None, "", local, "")  # type: ignore[arg-type]
    with pytest.raises(ServerGone, match="cannot be reached") as caught:
        Client(endpoint).get("/api/tags")
    assert fix in (caught.value.fix or "")


def test_https_where_plain_http_answers(raw_server: Make) -> None:
    server = raw_server(reply({}))
    endpoint = server.endpoint("ollama", url=f"https://127.0.0.1:{server.port}", local=False)

    def garbage(connection: socket.socket) -> None:
        connection.recv(1000)
        connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        connection.close()

    server._serve = garbage  # type: ignore[method-assign]
    with pytest.raises(ServerGone, match="no safe connection"):
        Client(endpoint).get("/api/tags")


def test_a_silent_server_is_given_up(raw_server: Make) -> None:
    server = raw_server(lambda server, _connection: server.go_on.wait(20) and None)
    with pytest.raises(ServerGone, match=r"no answer for 0\.2 seconds"):
        Client(server.endpoint(), timeout_s=0.2).get("/api/tags")


def test_importing_the_package_is_cheap() -> None:
    code = (
        "import sys, local_assistant.server; "
        "print([name for name in ('pydantic', 'tomlkit', 'httpx', 'http.client', 'ssl', 'asyncio')"
        " if name in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.stdout.strip() == "[]", result.stderr


def test_a_token_is_never_shown() -> None:
    endpoint = Endpoint("embedded", "http://127.0.0.1:1", "secret", "1", True, "")
    assert "secret" not in repr(endpoint)
