"""A network of its own for the watched program, which no packet leaves.

Contract: Linux only; entered before the program starts, by a process with one thread. Two
kinds. In ``silent`` nothing can be reached but the box itself, as on a machine without a
network. In ``answers`` every address of the world leads to the box, every name has an address,
and ports 80 and 443 take connections: what a program would do only after a first success shows,
too. (No certificate is right there, so what comes after a TLS handshake does not.)
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import socket
import struct
import tempfile
from pathlib import Path

from local_assistant.setup.egress import world

ANSWERS, SILENT = "answers", "silent"
_NEW_MOUNTS, _NEW_USER, _NEW_NETWORK = 0x00020000, 0x10000000, 0x40000000
_BIND, _RECURSIVE, _PRIVATE = 4096, 16384, 1 << 18
_NEW_ADDRESS, _NEW_ROUTE = 20, 24
_GET_FLAGS, _SET_FLAGS, _UP = 0x8913, 0x8914, 1
_LOCAL = 255  # the table of this machine's own addresses
_FILES = {
    # Names come by DNS, and from nobody else: a resolver of the machine is outside the box.
    "/etc/nsswitch.conf": "passwd: files\ngroup: files\nhosts: files dns\n",
    "/etc/resolv.conf": "nameserver 127.0.0.1\noptions timeout:1 attempts:2\n",
}


def enter(kind: str, tracer: socket.socket) -> str:
    """Enter a box, and say which; or say why there is none, and stay here."""
    refused = _refused(kind)
    if refused:
        return f"here, as this system lets nobody make a box ({os.strerror(refused)})"
    _make(kind)
    if kind == ANSWERS:
        world.start(tracer)
    return kind


def _refused(kind: str) -> int:
    """Return the number of the error that making a box ends with, or 0.

    Tried by a process of its own: some systems refuse halfway, and there is no way back.
    """
    trying = os.fork()
    if trying == 0:
        try:
            _make(kind)
        except OSError as error:
            os._exit(error.errno or errno.EPERM)
        except BaseException:
            os._exit(errno.EPERM)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(trying, 0)[1])


def _make(kind: str) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    uid, gid = os.getuid(), os.getgid()
    if libc.unshare(_NEW_NETWORK | _NEW_MOUNTS):
        if libc.unshare(_NEW_USER | _NEW_NETWORK | _NEW_MOUNTS):
            raise OSError(ctypes.get_errno(), "unshare")
        _map(uid, gid)
    _raise_loopback()
    _replace_files(libc)
    if kind == ANSWERS:
        _lead_everything_here(socket.AF_INET)
        with contextlib.suppress(OSError):  # a kernel without IPv6
            _lead_everything_here(socket.AF_INET6)


def _map(uid: int, gid: int) -> None:
    """Stay who we are in the new user namespace."""
    own = Path("/proc/self")
    (own / "setgroups").write_text("deny", encoding="ascii")
    (own / "uid_map").write_text(f"{uid} {uid} 1", encoding="ascii")
    (own / "gid_map").write_text(f"{gid} {gid} 1", encoding="ascii")


def _raise_loopback() -> None:
    import fcntl

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asked:
        request = struct.pack("16sh14x", b"lo", 0)
        (flags,) = struct.unpack_from("h", fcntl.ioctl(asked, _GET_FLAGS, request), 16)
        fcntl.ioctl(asked, _SET_FLAGS, struct.pack("16sh14x", b"lo", flags | _UP))


def _replace_files(libc: ctypes.CDLL) -> None:
    libc.mount(None, b"/", None, _RECURSIVE | _PRIVATE, None)
    for name, content in _FILES.items():
        if not Path(name).exists():
            continue  # the C library's own default is the box itself
        with tempfile.NamedTemporaryFile("w", encoding="ascii") as file:
            Path(file.name).chmod(0o644)
            file.write(content)
            file.flush()
            libc.mount(file.name.encode(), name.encode(), None, _BIND, None)


def _lead_everything_here(family: socket.AddressFamily) -> None:
    """Make every address one of the box's own, as ``ip route add local default dev lo`` does."""
    loopback = struct.pack("=HHI", 8, 4, socket.if_nametoindex("lo"))  # RTA_OIF
    route = struct.pack("=BBBBBBBBI", family, 0, 0, 0, _LOCAL, 4, 254, 2, 0)
    _tell(_NEW_ROUTE, route + loopback)
    if family == socket.AF_INET:
        # An address that is not loopback's: else some clients see no network, and do not try.
        own = socket.inet_aton(world.OWN)
        address = struct.pack("=BBBBI", family, 32, 0, 0, socket.if_nametoindex("lo"))
        _tell(_NEW_ADDRESS, address + struct.pack("=HH4sHH4s", 8, 1, own, 8, 2, own))


def _tell(kind: int, body: bytes) -> None:
    """Ask the kernel's routing for one thing; raise what it answers."""
    request, create, acknowledge = 1, 0x400, 4
    head = struct.pack("=IHHII", 16 + len(body), kind, request | create | acknowledge, 1, 0)
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0) as kernel:
        kernel.send(head + body)
        (error,) = struct.unpack_from("=i", kernel.recv(4096), 16)
    if error:
        raise OSError(-error, os.strerror(-error))
