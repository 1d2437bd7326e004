"""What a process hands to the kernel when it contacts somebody: addresses and questions.

Contract: pure; memory comes by a function ``read(address, length)``. What cannot be read or is
of no known kind is never taken for harmless.
"""

from __future__ import annotations

import ipaddress
import re
import socket
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass

Read = Callable[[int, int], bytes]

_UNIX, _INET, _INET6, _NETLINK, _UNSPEC, _ALG = 1, 2, 10, 16, 0, 38
_STAYS = (_UNIX, _NETLINK, _UNSPEC, _ALG)
"""Families that lead to this machine's own programs or kernel."""

QUESTIONS = (53, 5353, 5355)
"""Ports at which names are asked for: DNS, mDNS, LLMNR."""

_LONGEST = 512
_MESSAGES = 64
_IOVECS = 16
_RESOLVERS = ("/run/systemd/resolve/", "/run/nscd/", "/var/run/nscd/")


@dataclass(frozen=True)
class Address:
    """Where something is sent: a host and port, a path of this machine, or what else it was."""

    family: int
    host: str
    port: int = 0

    @property
    def stays(self) -> bool:
        """Whether it leads to this machine, whatever is said to it."""
        if self.family in _STAYS:
            return True
        if self.family not in (_INET, _INET6):
            return False
        try:
            address = ipaddress.ip_address(self.host.partition("%")[0])
        except ValueError:
            return False
        mapped = getattr(address, "ipv4_mapped", None) or address
        return bool(mapped.is_loopback or mapped.is_unspecified)

    @property
    def resolves(self) -> bool:
        """Whether a program sits there that looks names up for others, maybe elsewhere."""
        if self.family == _UNIX:
            return self.host.startswith(_RESOLVERS)
        return self.family in (_INET, _INET6) and self.port in QUESTIONS


def address(data: bytes) -> Address:
    """Return the address in a ``sockaddr``."""
    if len(data) < 2:
        return Address(-1, "an address that cannot be read")
    (family,) = struct.unpack_from("=H", data)
    if family == _INET and len(data) >= 8:
        (port,) = struct.unpack_from("!H", data, 2)
        return Address(family, socket.inet_ntop(socket.AF_INET, data[4:8]), port)
    if family == _INET6 and len(data) >= 24:
        (port,) = struct.unpack_from("!H", data, 2)
        return Address(family, socket.inet_ntop(socket.AF_INET6, data[8:24]), port)
    if family == _UNIX:
        name = data[2:].split(b"\0", 1)[0] or b"@" + data[3:].split(b"\0", 1)[0]
        return Address(family, name.decode("utf-8", "replace"))
    if family in _STAYS:
        return Address(family, "")
    return Address(family, f"an address of family {family}")


@dataclass(frozen=True)
class Message:
    """One message that is sent: to whom, where it says so, and how it begins."""

    to: Address | None
    read_payload: Callable[[], bytes]


def sent(call: str, arguments: tuple[int, ...], read: Read) -> Iterator[Message]:
    """Yield the messages of one ``sendto``, ``sendmsg`` or ``sendmmsg``."""
    if call == "sendto":
        _, buffer, length, _, to, to_length = arguments
        destination = address(read(to, min(to_length, 128))) if to else None
        yield Message(destination, lambda: read(buffer, min(length, _LONGEST)))
    elif call == "sendmsg":
        yield _message(arguments[1], read)
    elif call == "sendmmsg":
        for number in range(min(arguments[2], _MESSAGES)):
            yield _message(arguments[1] + 64 * number, read)


def _message(header: int, read: Read) -> Message:
    """Read a ``msghdr``: name and its length, then the pieces and their number."""
    name, length, pieces, count = struct.unpack("=QI4xQQ", read(header, 32))
    destination = address(read(name, min(length, 128))) if name else None

    def payload() -> bytes:
        out = b""
        for number in range(min(count, _IOVECS)):
            base, size = struct.unpack("=QQ", read(pieces + 16 * number, 16))
            out += read(base, min(size, _LONGEST - len(out)))
            if len(out) >= _LONGEST:
                break
        return out

    return Message(destination, payload)


def question(payload: bytes) -> str | None:
    """Return the name that a message to a resolver asks for; None where it asks for none.

    A message of DNS, over UDP or (behind its length) TCP; of systemd's resolver; or of nscd.
    """
    named = re.search(rb'ResolveHostname".*?"name"\s*:\s*"([^"]+)"', payload, re.DOTALL)
    if named:
        return named[1].decode("utf-8", "replace")
    if payload[:4] == b"\x02\0\0\0" and len(payload) > 12:
        return _asked_of_nscd(payload)
    for start in (0, 2):
        name = _asked(payload[start:])
        if name:
            return name
    return None


def _asked(message: bytes) -> str | None:
    if len(message) < 17:
        return None
    flags, questions = struct.unpack_from("!HH", message, 2)
    if flags & 0xF800 or not 1 <= questions <= 16:  # an answer, or no plain question
        return None
    labels, at = [], 12
    while at < len(message) and message[at]:
        size = message[at]
        if size > 63 or at + 1 + size >= len(message):
            return None
        labels.append(message[at + 1 : at + 1 + size].decode("ascii", "replace"))
        at += 1 + size
    return ".".join(labels) or None


def _asked_of_nscd(payload: bytes) -> str | None:
    kind, length = struct.unpack_from("=ii", payload, 4)
    if kind not in (4, 5, 6, 7, 14):  # the host questions; the others are users and groups
        return None
    return payload[12 : 12 + length].split(b"\0", 1)[0].decode("utf-8", "replace") or None
