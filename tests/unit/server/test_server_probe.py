"""Who answers at an address, and whose program it is: the answer's content decides."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from local_assistant.server import owners
from local_assistant.server.features import needed_but_lacking
from local_assistant.server.probe import probe
from tests.unit.server.conftest import RawServer, reply
from tests.waiting import until

Make = Callable[..., RawServer]


@pytest.mark.parametrize(
    ("answer", "state", "version"),
    [
        (reply({"version": "0.33.0"}), "ollama", "0.33.0"),
        (reply({"version": "v0.9.0-rc2"}), "ollama", "0.9.0-rc2"),
        (reply({"version": "0.0.0"}), "ollama", "0.0.0"),
        (reply({"version": 3}), "foreign", ""),
        (reply({"version": "latest"}), "foreign", ""),
        (reply({"status": "ok"}), "foreign", ""),
        (reply(["0.33.0"]), "foreign", ""),
        (reply(b"Ollama is running"), "foreign", ""),
        (reply({"version": "0.33.0"}, "500 Oops"), "foreign", ""),
        (reply({"error": "token"}, "401 Unauthorized"), "refused", ""),
        (reply(b"", "503 Service Unavailable"), "gateway", ""),
        (reply(b"", "301 Moved\r\nLocation: https://h/x/api/version"), "moved", ""),
        (b"SSH-2.0-OpenSSH_9.6\r\n", "foreign", ""),
        (b"", "foreign", ""),
    ],
)
def test_only_the_right_json_is_ollama(
    raw_server: Make, answer: bytes, state: str, version: str
) -> None:
    seen = probe(raw_server(answer).url)
    assert (seen.state, seen.version) == (state, version)
    assert seen.state == "ollama" or seen.detail


def test_a_path_in_the_url_is_kept(raw_server: Make) -> None:
    server = raw_server(reply({"version": "1.0.0"}))
    assert probe(server.url + "/behind/proxy", token="key").state == "ollama"
    assert server.requests[0].startswith(b"GET /behind/proxy/api/version ")
    assert b"Bearer key" in server.requests[0]


def test_nothing_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    assert probe(f"http://127.0.0.1:{port}").state == "nothing"
    assert probe("http://no-such-host.invalid:1").state == "nothing"


def drip(server: RawServer, connection: socket.socket) -> None:
    """Send a byte now and then, so that no single read ever times out."""
    for byte in b"HTTP/1.1 200 OK\r\nX-Long: " + b"x" * 1000:
        connection.sendall(bytes([byte]))
        if server.go_on.wait(0.05):
            return


def silent(server: RawServer, _connection: socket.socket) -> None:
    server.go_on.wait(20)


@pytest.mark.parametrize("handler", [drip, silent])
def test_the_deadline_holds(raw_server: Make, handler: Callable[..., None]) -> None:
    began = time.monotonic()
    seen = probe(raw_server(handler).url, timeout_s=0.5)
    assert time.monotonic() - began < 15  # the server is silent for 20
    assert seen.state == "silent"


def test_who_was_silent_is_not_waited_for_at_every_question(raw_server: Make) -> None:
    awake = []

    def answer(server: RawServer, connection: socket.socket) -> None:
        if awake:
            connection.sendall(reply({"version": "0.33.0"}))
        else:
            silent(server, connection)

    url = raw_server(answer).url
    assert probe(url, timeout_s=0.2).state == "silent"
    began = time.monotonic()
    assert probe(url).state == "silent"
    assert time.monotonic() - began < 15  # the server is silent for 20
    awake.append(True)
    until(lambda: probe(url).state == "ollama")


@pytest.mark.parametrize(
    ("version", "enough"),
    [
        ("0.6.3", False),
        ("0.6.4", True),
        ("0.6.4-rc1", True),
        ("0.10.0", True),
        ("1.0", True),
        ("0.5.13", False),
        ("0.0.0", True),
        ("nonsense", False),
    ],
)
def test_versions_are_compared_as_numbers(version: str, enough: bool) -> None:
    assert (not needed_but_lacking(version)) is enough


HEAD = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid\n"


def table(folder: Path, *rows: tuple[str, str, int]) -> tuple[Path, ...]:
    lines = [
        f"   {number}: {address} 00000000:0000 {state} 00000000:00000000 00:00000000 00000000 "
        f"{uid:5} 0 12345 1\n"
        for number, (address, state, uid) in enumerate(rows)
    ]
    path = folder / "tcp"
    path.write_text(HEAD + "".join(lines))
    return (path, folder / "no-ipv6")


PORT = 11434
HERE = f"0100007F:{PORT:04X}"


def test_a_stranger_on_the_port_is_named(tmp_path: Path) -> None:
    assert owners.stranger(PORT, table(tmp_path, (HERE, "0A", 4321))) == (
        "the user with the number 4321"
    )


@pytest.mark.parametrize(
    "row",
    [
        (HERE, "0A", os.getuid()),
        (HERE, "0A", 0),
        (HERE, "01", 4321),  # a connection, no listener
        ("0100007F:0001", "0A", 4321),  # another port
    ],
)
def test_who_is_trusted(tmp_path: Path, row: tuple[str, str, int]) -> None:
    assert owners.stranger(PORT, table(tmp_path, row)) is None


def test_one_stranger_among_many_is_enough(tmp_path: Path) -> None:
    rows = ((HERE, "0A", os.getuid()), (f"00000000:{PORT:04X}", "0A", 4321))
    assert owners.stranger(PORT, table(tmp_path, *rows)) is not None


def test_without_such_tables_nobody_is_accused(tmp_path: Path) -> None:
    assert owners.stranger(PORT, (tmp_path / "none",)) is None


def test_a_real_socket_of_ours_is_found() -> None:
    """Also one that is younger than a connection: the table lists what listens first."""
    with (
        socket.create_server(("127.0.0.1", 0)) as other,
        socket.create_connection(other.getsockname()),
        socket.create_server(("127.0.0.1", 0)) as listener,
    ):
        assert owners.listeners(listener.getsockname()[1]) == [os.getuid()]
