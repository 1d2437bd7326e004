"""Whose program listens on a port of this machine.

Contract: on a shared machine loopback is not private: another user may listen where our
user's Ollama would, and read every prompt. :func:`stranger` names such an owner. Linux says
it in ``/proc``; where the system does not, nobody is accused.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_TABLES = (Path("/proc/net/tcp"), Path("/proc/net/tcp6"))
_LISTEN = "0A"
OLLAMA_ACCOUNT = "ollama"


@dataclass(frozen=True)
class Socket:
    """A listening socket: whose it is, and the number by which its process is found."""

    uid: int
    inode: str


def stranger(port: int, tables: tuple[Path, ...] = _TABLES) -> str | None:
    """Return the user who listens on ``port`` and is not to be trusted, or None.

    Trusted are this user, root and the account that Ollama's installer makes.
    """
    if not hasattr(os, "getuid"):
        return None
    trusted = {os.getuid(), 0, *uid_of(OLLAMA_ACCOUNT)}
    for uid in listeners(port, tables):
        if uid not in trusted:
            return f"the user {name_of(uid)}"
    return None


def listeners(port: int, tables: tuple[Path, ...] = _TABLES) -> list[int]:
    """Return the uids of the listening sockets on ``port``, of every address."""
    return [found.uid for found in sockets(port, tables)]


def sockets(port: int, tables: tuple[Path, ...] = _TABLES) -> list[Socket]:
    """Return the listening sockets on ``port``, of every address."""
    found = []
    for table in tables:
        for fields in _listening(table):
            _, _, hex_port = fields[1].rpartition(":")
            if int(hex_port, 16) == port:
                found.append(Socket(int(fields[7]), fields[9]))
    return found


def _listening(table: Path) -> Iterator[list[str]]:
    """Yield the rows of listening sockets, which Linux lists before all others.

    The others can be thousands, and listing them takes the system 50 ms: every message to the
    chat waits for this.
    """
    try:
        with table.open(encoding="ascii") as lines:
            next(lines, None)
            for line in lines:
                fields = line.split()
                if len(fields) <= 9 or fields[3] != _LISTEN:
                    return
                yield fields
    except OSError:
        return  # not Linux, or no IPv6


def uid_of(account: str) -> list[int]:
    import pwd

    try:
        return [pwd.getpwnam(account).pw_uid]
    except KeyError:
        return []


def name_of(uid: int) -> str:
    """Return a user's name, or ``with the number 1234`` where there is none."""
    import pwd

    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"with the number {uid}"
