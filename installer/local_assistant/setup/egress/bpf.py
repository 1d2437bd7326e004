"""The filter program that makes the kernel ask us before a process contacts anybody.

Contract: data in, data out; standard library only. A call by which a process names a host or
sends to one is handed to the tracer, anything else runs at full speed. Calls in another
instruction set than this machine's own (32-bit programs, x32) are refused with ENOSYS: they
have other numbers, and would pass unseen.
"""

from __future__ import annotations

import errno
import platform
import re
import struct
import sys
from dataclasses import dataclass

ALLOW = 0x7FFF0000
NOTIFY = 0x7FC00000
ERRNO = 0x00050000

_LOAD = 0x20  # BPF_LD | BPF_W | BPF_ABS
_EQUAL = 0x15  # BPF_JMP | BPF_JEQ | BPF_K
_AT_LEAST = 0x35  # BPF_JMP | BPF_JGE | BPF_K
_RETURN = 0x06  # BPF_RET | BPF_K
_NUMBER, _ARCHITECTURE = 0, 4
"""Where they stand in the kernel's ``seccomp_data``."""

_X32 = 0x40000000
_OLDEST = (5, 5)
"""The first Linux that lets a call go on that was looked at."""


@dataclass(frozen=True)
class Machine:
    """One instruction set: its name for the kernel, and its numbers of calls.

    Attributes:
        audit: the kernel's word for it.
        seccomp: the number of the call that installs a filter.
        calls: the calls that are looked at, by number.
    """

    audit: int
    seccomp: int
    calls: dict[int, str]

    def program(self) -> bytes:
        """Return the filter, as the kernel's ``sock_filter`` structures."""
        refuse = _instruction(_RETURN, ERRNO | errno.ENOSYS)
        out = [
            _instruction(_LOAD, _ARCHITECTURE),
            _instruction(_EQUAL, self.audit, 1, 0),
            refuse,
            _instruction(_LOAD, _NUMBER),
            _instruction(_AT_LEAST, _X32, 0, 1),
            refuse,
        ]
        for number in self.calls:
            out += [_instruction(_EQUAL, number, 0, 1), _instruction(_RETURN, NOTIFY)]
        return b"".join([*out, _instruction(_RETURN, ALLOW)])


MACHINES = {
    "x86_64": Machine(
        0xC000003E,
        317,
        {42: "connect", 44: "sendto", 46: "sendmsg", 307: "sendmmsg", 425: "io_uring_setup"},
    ),
    "aarch64": Machine(
        0xC00000B7,
        277,
        {203: "connect", 206: "sendto", 211: "sendmsg", 269: "sendmmsg", 425: "io_uring_setup"},
    ),
}


def supported() -> bool:
    """Return whether this system's kernel can be asked at all; a sandbox may still forbid it."""
    if sys.platform != "linux" or platform.machine() not in MACHINES:
        return False
    found = re.match(r"(\d+)\.(\d+)", platform.release())
    return found is not None and (int(found[1]), int(found[2])) >= _OLDEST


def _instruction(code: int, value: int, if_true: int = 0, if_false: int = 0) -> bytes:
    return struct.pack("=HBBI", code, if_true, if_false, value)
