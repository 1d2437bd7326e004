"""Whose program listens on a port of this machine.

Contract: on a shared machine loopback is not private: another user may listen where our
user's Ollama would, and read every prompt. :func:`stranger` names such an owner. Linux says
it in ``/proc``; where the system does not, nobody is accused.
"""

from __future__ import annotations

import os
from pathlib import Path

_TABLES = (Path("/proc/net/tcp"), Path("/proc/net/tcp6"))
_LISTEN = "0A"
OLLAMA_ACCOUNT = "ollama"


def stranger(port: int, tables: tuple[Path, ...] = _TABLES) -> str | None:
    """Return the user who listens on ``port`` and is not to be trusted, or None.

    Trusted are this user, root and the account that Ollama's installer makes.
    """
    if not hasattr(os, "getuid"):
        return None
    trusted = {os.getuid(), 0, *_uid_of(OLLAMA_ACCOUNT)}
    for uid in listeners(port, tables):
        if uid not in trusted:
            return _name_of(uid)
    return None


def listeners(port: int, tables: tuple[Path, ...] = _TABLES) -> list[int]:
    """Return the uids of the listening sockets on ``port``, of every address."""
    found = []
    for table in tables:
        try:
            lines = table.read_text(encoding="ascii").splitlines()[1:]
        except OSError:
            continue  # not Linux, or no IPv6
        for line in lines:
            fields = line.split()
            if len(fields) > 7 and fields[3] == _LISTEN:
                _, _, hex_port = fields[1].rpartition(":")
                if int(hex_port, 16) == port:
                    found.append(int(fields[7]))
    return found


def _uid_of(account: str) -> list[int]:
    import pwd

    try:
        return [pwd.getpwnam(account).pw_uid]
    except KeyError:
        return []


def _name_of(uid: int) -> str:
    import pwd

    try:
        return f"the user {pwd.getpwuid(uid).pw_name}"
    except KeyError:
        return f"the user with the number {uid}"
