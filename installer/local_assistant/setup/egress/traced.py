"""Start a program that is watched: ``python -m …egress.traced FD HOW PROGRAM ARGUMENT…``.

Contract: Linux only. ``FD`` is a Unix socket on which the tracer gets first a word on where
the program runs, then the descriptor by which the kernel asks it. ``HOW`` is ``here``, or the
name of a box (:mod:`.box`): a network of its own, where the system permits that. The filter
counts for the program and all that it starts, cannot be taken off again, and needs no rights.

The filter counts for the thread that installs it. So one thread installs it and becomes the
program, and the other one hands over the descriptor, by a call that would be caught itself.
"""

from __future__ import annotations

import ctypes
import json
import os
import platform
import socket
import sys
import threading
from typing import Any

from local_assistant.setup.egress import box, bpf

_NO_NEW_PRIVILEGES = 38
_SET_MODE_FILTER = 1
_NEW_LISTENER = 1 << 3


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_void_p))


def main(arguments: list[str]) -> int:
    """Become the program; return only where that fails."""
    tracer = socket.socket(fileno=int(arguments[0]))
    tracer.set_inheritable(False)
    said = "here" if arguments[1] == "here" else box.enter(arguments[1], tracer)
    _say(tracer, {"where": said})
    installed, handed_over = threading.Event(), threading.Event()
    outcome: list[int] = []
    becoming = threading.Thread(
        target=_become, args=(arguments[2:], outcome, installed, handed_over)
    )
    becoming.start()
    installed.wait()
    if outcome[0] < 0:
        _say(tracer, {"error": os.strerror(-outcome[0]), "errno": -outcome[0]})
        handed_over.set()
        return 1
    socket.send_fds(tracer, [b"{}"], outcome)
    handed_over.set()
    becoming.join()  # it does not come back: the program takes its place
    return 127


def _become(
    command: list[str],
    outcome: list[int],
    installed: threading.Event,
    handed_over: threading.Event,
) -> None:
    outcome.append(_install())
    installed.set()
    handed_over.wait()
    if outcome[0] < 0:
        return
    try:
        os.execvp(command[0], command)  # noqa: S606 - the list is the caller's
    except OSError as error:
        sys.stderr.write(f"{command[0]}: {error.strerror}\n")


def _install() -> int:
    """Install the filter for this thread; return its listener, or minus the error's number."""
    machine = bpf.MACHINES[platform.machine()]
    code = machine.program()
    buffer = ctypes.create_string_buffer(code, len(code))
    program = _Program(len(code) // 8, ctypes.cast(buffer, ctypes.c_void_p))
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0):
        return -ctypes.get_errno()
    number = ctypes.c_long(machine.seccomp)
    made: int = libc.syscall(number, _SET_MODE_FILTER, _NEW_LISTENER, ctypes.byref(program))
    return made if made >= 0 else -ctypes.get_errno()


def _say(tracer: socket.socket, what: dict[str, Any]) -> None:
    tracer.send(json.dumps(what).encode())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
