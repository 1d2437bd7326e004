"""The world outside, as a box shows it: names have addresses, and web servers take calls.

Contract: a process of its own, outside the filter, that ends with its tracer. It tells the
tracer each name that it was asked for, with the address that it gave, and each connection that
it took, with the name that the caller gave there. Nothing it does leaves the box.
"""

from __future__ import annotations

import json
import os
import re
import selectors
import socket
import struct
from typing import Any

from local_assistant.setup.egress.addresses import question

OWN = "198.18.0.1"
"""The box's own address, of a range that belongs to nobody."""

_IP_PKTINFO = 8
_WEB_PORTS = (80, 443)
_A = 1


def start(tracer: socket.socket) -> None:
    """Run it beside this process; it listens when this returns."""
    ready, told = os.pipe()
    if os.fork() == 0:
        os.close(ready)
        try:
            World(tracer).run(told)
        finally:
            os._exit(0)
    os.close(told)
    os.read(ready, 1)
    os.close(ready)


class World:
    """Answers for everybody."""

    def __init__(self, tracer: socket.socket) -> None:
        self._tracer = tracer
        self._names: dict[str, str] = {}
        self._waiting = selectors.DefaultSelector()
        self._waiting.register(tracer, selectors.EVENT_READ, None)

    def run(self, told: int) -> None:
        for family in (socket.AF_INET, socket.AF_INET6):
            try:
                self._listen(family)
            except OSError:
                continue  # a kernel without IPv6
        os.write(told, b".")
        os.close(told)
        while True:
            for key, _ in self._waiting.select():
                if key.data is None:
                    return  # the tracer says nothing, ever: it has ended
                try:
                    key.data(key.fileobj)
                except OSError:
                    continue  # whoever asked has gone

    def _listen(self, family: socket.AddressFamily) -> None:
        asked = socket.socket(family, socket.SOCK_DGRAM)
        if family == socket.AF_INET:
            asked.setsockopt(socket.IPPROTO_IP, _IP_PKTINFO, 1)
        else:
            asked.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            asked.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVPKTINFO, 1)
        asked.bind(("", 53))
        self._waiting.register(asked, selectors.EVENT_READ, self._name)
        for port in _WEB_PORTS:
            web = socket.socket(family, socket.SOCK_STREAM)
            web.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                web.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            web.bind(("", port))
            web.listen(64)
            self._waiting.register(web, selectors.EVENT_READ, self._caller)

    def _name(self, asked: socket.socket) -> None:
        data, attached, _, who = asked.recvmsg(2048, 256)
        name = question(data)
        if name is None:
            return
        address = self._names.setdefault(name.lower(), _address(len(self._names)))
        self._say({"name": name, "address": address})
        # From the address that was asked: a caller takes an answer from no other.
        back = [(level, kind, _from(kind, value)) for level, kind, value in attached]
        asked.sendmsg([_answer(data, address)], back, 0, who)

    def _caller(self, web: socket.socket) -> None:
        caller, _ = web.accept()
        caller.setblocking(False)
        self._waiting.register(caller, selectors.EVENT_READ, self._called)

    def _called(self, caller: socket.socket) -> None:
        self._waiting.unregister(caller)
        with caller:
            address, port = caller.getsockname()[:2]
            begin = caller.recv(4096)
            self._say({"called": address, "port": port, "name": _wanted(begin)})
            if port == 80:
                caller.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}")

    def _say(self, what: dict[str, Any]) -> None:
        self._tracer.send(json.dumps(what).encode())


def _address(number: int) -> str:
    return f"198.18.{1 + number // 250 % 250}.{1 + number % 250}"


def _from(kind: int, value: bytes) -> bytes:
    if kind == _IP_PKTINFO:  # interface, source, destination
        interface, _, asked = struct.unpack("=I4s4s", value)
        return struct.pack("=I4s4s", interface, asked, asked)
    return value


def _answer(query: bytes, address: str) -> bytes:
    """Return the answer: one address for a question of kind A, none for the others."""
    end = query.index(b"\0", 12) + 5
    (kind,) = struct.unpack_from("!H", query, end - 4)
    head = query[:2] + struct.pack("!HHHHH", 0x8180, 1, int(kind == _A), 0, 0)
    record = struct.pack("!HHHIH4s", 0xC00C, _A, 1, 60, 4, socket.inet_aton(address))
    return head + query[12:end] + (record if kind == _A else b"")


def _wanted(begin: bytes) -> str | None:
    """Return the host that a caller names: in HTTP's header, or in TLS's greeting."""
    header = re.search(rb"\r\nhost: *([^\r\n]+)", begin, re.IGNORECASE)
    if header:
        return header[1].decode("latin-1")
    for found in re.finditer(rb"\0\0(..)(..)\0(..)", begin, re.DOTALL):
        whole, inner, length = (int.from_bytes(part, "big") for part in found.groups())
        name = begin[found.end() : found.end() + length]
        if whole == inner + 2 == length + 5 and re.fullmatch(rb"[\w.-]+", name):
            return name.decode("ascii")
    return None
