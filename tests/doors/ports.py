"""Every socket on which some processes wait, and what each answers to one who has no key.

What is not known to refuse counts as open.
"""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil

PATHS = (
    "/", "/api", "/api/contents", "/api/kernels", "/api/sessions", "/api/terminals", "/api/tags",
    "/api/chat", "/api/generate", "/api/version", "/local-assistant/status", "/assistant/status",
    "/completion", "/slots", "/props", "/metrics", "/health", "/v1/models", "/mcp", "/sse", "/lab",
    "/terminals/1", "/status", "/json/version",
)  # fmt: skip
PUBLIC = {"/api": {"version"}, "/health": {"status"}}
"""What says something to everybody, and the only words that it may say."""
_PATIENCE_S = 2.0
_GREETING = b"\xff" + bytes(8) + b"\x7f\x03\x01" + b"NULL".ljust(20, b"\0") + bytes(32)


@dataclass(frozen=True)
class Port:
    """A listening socket.

    Attributes:
        program: what runs there.
        closed: why nobody gets in; empty where the door is open.
        finding: what was found.
    """

    program: str
    kind: str
    address: str
    number: int
    closed: str = ""
    finding: str = ""

    @property
    def open(self) -> bool:
        return not self.closed

    def __str__(self) -> str:
        where = f"{self.address}:{self.number}"
        state = f"OPEN: {self.finding}" if self.open else self.closed
        return f"{self.kind:5} {where:22} {self.program:34} {state}"


def family_of(*pids: int) -> list[psutil.Process]:
    """Return the processes and all below them."""
    found = {}
    for pid in pids:
        with contextlib.suppress(psutil.NoSuchProcess):  # it ended meanwhile
            process = psutil.Process(pid)
            for each in (process, *process.children(recursive=True)):
                found[each.pid] = each
    return [each for each in found.values() if _runs(each)]


def started_since(moment: float, pids: Iterable[int]) -> list[int]:
    """Return those of the processes that began at ``moment`` or later."""
    found = []
    for pid in pids:
        with contextlib.suppress(psutil.NoSuchProcess):
            if psutil.Process(pid).create_time() >= moment:
                found.append(pid)
    return found


def _runs(process: psutil.Process) -> bool:
    """Return whether it has not ended; one that waits to be collected has."""
    with contextlib.suppress(psutil.NoSuchProcess):
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    return False


def ports_of(processes: Iterable[psutil.Process]) -> list[Port]:
    """Return every socket that takes what comes to it: TCP, UDP and those of the system's own."""
    found: set[Port] = set()
    for process in processes:
        # It ended, or waits to be collected.
        with contextlib.suppress(psutil.NoSuchProcess, FileNotFoundError, ProcessLookupError):
            found |= set(_ports_of(process))
    return sorted(found, key=lambda port: (port.program, port.number))


def _ports_of(process: psutil.Process) -> Iterator[Port]:
    name = _program(process)
    for each in process.net_connections("inet"):
        if each.type == socket.SOCK_STREAM and each.status == psutil.CONN_LISTEN:
            yield Port(name, "tcp", each.laddr.ip, each.laddr.port)
        elif each.type == socket.SOCK_DGRAM and not each.raddr:
            yield Port(name, "udp", each.laddr.ip, each.laddr.port)
    for path in _unix_listeners(process):
        yield Port(name, "unix", path, 0)


def all_tried(ports: Iterable[Port]) -> list[Port]:
    """Return the ports with what each answers to a stranger."""
    with ThreadPoolExecutor() as pool:  # most of it is waiting for those that say nothing
        return list(pool.map(tried, ports))


def tried(port: Port) -> Port:
    """Return the port with what it answers to a stranger."""
    if port.kind == "unix":
        return _tried_unix(port)
    if port.kind == "udp":
        return _with(port, "", "takes datagrams of anybody")
    # No more than that: who names another way to shake hands is thrown out at once.
    greeting = _said_to(port, _GREETING[:12], 64)
    if greeting[:1] == b"\xff" and greeting[9:10] == b"\x7f":
        return _tried_zmq(port, greeting)
    if greeting.startswith(b"HTTP/") or not greeting:
        return _tried_http(port)
    return _with(port, "", f"says {greeting[:60]!r} to anybody")


def table(ports: Iterable[Port]) -> str:
    """Return what was found, for people."""
    tried_ports = list(ports)
    count = sum(port.open for port in tried_ports)
    lines = [str(port) for port in tried_ports]
    return "\n".join([*lines, f"Ports open without authentication: {count}"])


def _with(port: Port, closed: str, finding: str = "") -> Port:
    return Port(port.program, port.kind, port.address, port.number, closed, finding)


def _program(process: psutil.Process) -> str:
    words = process.cmdline()
    if "-m" in words:
        return words[words.index("-m") + 1]
    return Path(words[0]).name if words else process.name()


def _unix_listeners(process: psutil.Process) -> list[str]:
    """Return the sockets with a path, or an abstract name, that the process listens on (Linux)."""
    table_file = Path(f"/proc/{process.pid}/net/unix")
    if not table_file.exists():
        return []
    listening = {}
    for line in table_file.read_text().splitlines()[1:]:
        fields = line.split(maxsplit=7)
        if len(fields) == 8 and int(fields[3], 16) & 0x10000:
            listening[fields[6]] = fields[7]
    found = []
    for link in Path(f"/proc/{process.pid}/fd").iterdir():
        try:
            target = str(link.readlink())
        except OSError:
            continue  # closed meanwhile
        if target.startswith("socket:[") and target[8:-1] in listening:
            found.append(listening[target[8:-1]])
    return found


def _tried_unix(port: Port) -> Port:
    path = Path(port.address)
    if not port.address.startswith("@") and any(
        parent.stat().st_mode & 0o077 == 0 for parent in path.parents if parent.exists()
    ):
        return _with(port, "in a folder of the user's own")
    return _with(port, "", "any user can connect")


def _connect(port: Port) -> socket.socket:
    address = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(port.address, port.address)
    return socket.create_connection((address, port.number), timeout=_PATIENCE_S)


def _said_to(port: Port, words: bytes, most: int) -> bytes:
    """Return what it says to some bytes, until it is silent or closes."""
    said = b""
    try:
        with _connect(port) as connection:
            connection.sendall(words)
            while len(said) < most and (piece := connection.recv(4096)):
                said += piece
    except OSError:
        pass  # it closed, or says nothing more
    return said


def _tried_zmq(port: Port, greeting: bytes) -> Port:
    mechanism = greeting[12:32].rstrip(b"\0").decode("ascii", "replace")
    if mechanism == "CURVE":
        return _with(port, "ZeroMQ, encrypted: wants the key of the connection file")
    kind = _zmq_kind(port)
    if kind == "PULL":  # the wake-up socket of ipykernel's output thread
        return _with(port, "ZeroMQ PULL: says nothing, drops what lacks its random mark")
    return _with(port, "", f"ZeroMQ {kind} ({mechanism}) lets anybody connect")


def _zmq_kind(port: Port) -> str:
    """Shake hands without a key and return what kind of socket is there."""
    said = _said_to(port, _GREETING, 4096)
    after = said.partition(b"Socket-Type")[2]
    size = int.from_bytes(after[:4], "big")
    return after[4 : 4 + size].decode("ascii", "replace")


def _tried_http(port: Port) -> Port:
    """Ask for many things; whatever is given is an open door."""
    host = f"[{port.address}]" if ":" in port.address else port.address
    given, refused = [], 0
    with httpx.Client(trust_env=False, timeout=10) as client:
        for path in PATHS:
            for method, body in (("GET", None), ("POST", {"model": "x", "prompt": "x"})):
                try:
                    reply = client.request(method, f"http://{host}:{port.number}{path}", json=body)
                except httpx.TransportError as error:
                    return _with(port, "", f"does not speak HTTP ({error})")
                if _gives(path, reply):
                    given.append(f"{method} {path} ({reply.status_code})")
                refused += reply.status_code in (301, 302, 401, 403)
    if given or not refused:
        return _with(port, "", f"gives {', '.join(given)}" if given else "refuses nothing")
    return _with(port, f"HTTP, wants its key ({refused} of {2 * len(PATHS)} requests refused)")


def _gives(path: str, reply: httpx.Response) -> bool:
    if reply.is_redirect:
        return "/login" not in reply.headers["location"] and path != "/"
    if not reply.is_success:
        return False
    try:
        words = set(reply.json())
    except ValueError:
        return True
    return words != PUBLIC.get(path)
