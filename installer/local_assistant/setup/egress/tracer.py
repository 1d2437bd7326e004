"""Run a program, and see every host that it or a descendant of it tries to contact.

Contract: Linux, x86_64 or aarch64; no rights, no other program. The kernel stops each call by
which a process names a host or sends to one (:mod:`.bpf`), we read what it says, and let it
go on: nothing is forbidden but ``io_uring_setup`` (answered ENOSYS: programs then use the
calls that are seen). Not a jail: a program that wants to hide from it can.

What counts: looking up a name, connecting to an address that is not this machine's, sending to
one. A UDP socket that is connected and over which nothing is sent counts for nothing (that is
how programs learn their own address); at a port where names are asked for it does count, as Go
asks by plain ``write``, which is not looked at.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import platform
import select
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from local_assistant.errors import AssistantError
from local_assistant.setup.egress import bpf, processes
from local_assistant.setup.egress.addresses import Address, address, question, sent
from local_assistant.setup.egress.contacts import Contact, Seen

_RECEIVE, _ANSWER = 0xC0502100, 0xC0182101
_GO_ON = 1
_ASKED = struct.Struct("=QIIiIQ6Q")
_START_S = 30.0
_BECOMES_S = 3.0
_PROBED = ("2001:4860:4860::8888", 53)
"""Chromium connects a UDP socket there, and sends nothing, to see whether there is IPv6."""


class CannotTrace(AssistantError):
    """This system does not let us watch by system calls; ``polling`` sees less."""


class Tracer:
    """One watched program.

    Args:
        command: the program and its arguments.
        box: ``answers`` or ``silent`` (:mod:`.box`); None for the network as it is.
        environment: of the program; ours where none is given.
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        box: str | None = None,
        environment: Mapping[str, str] | None = None,
        **options: Any,
    ) -> None:
        self.seen = Seen("seccomp")
        self._memory: dict[int, int] = {}
        self._pending: dict[str, Address] = {}  # UDP and resolvers' sockets, by their inode
        self._unasked: dict[str, Contact] = {}  # of those, resolvers whose question is not seen yet
        self._names: dict[str, str] = {}
        self._own = processes.own_addresses()
        self._listener = -1
        self._calls = bpf.MACHINES[platform.machine()].calls
        self._talk, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        launcher = [sys.executable, "-m", "local_assistant.setup.egress.traced"]
        with theirs:
            self.process = subprocess.Popen(
                [*launcher, str(theirs.fileno()), box or "here", *command],
                env=environment,
                pass_fds=(theirs.fileno(),),
                **options,
            )
        try:
            self._greet()
        except BaseException:
            self.close()
            raise

    def _greet(self) -> None:
        """Wait for the launcher's word and the descriptor."""
        self._talk.settimeout(_START_S)
        while True:
            data, descriptors, _, _ = socket.recv_fds(self._talk, 4096, 1)
            if descriptors:
                self._talk.settimeout(0)
                self._listener = descriptors[0]  # closed with the rest, whatever comes
                self._require_memory()
                return
            said = json.loads(data) if data else {"error": "its launcher ended", "errno": 0}
            if "error" in said:
                busy = said["errno"] == errno.EBUSY
                why = "another program watches already" if busy else str(said["error"])
                raise CannotTrace(
                    f"This system does not show us system calls ({why}).",
                    "Run it outside of the container or sandbox that forbids it",
                )
            self._hear(said)

    def _require_memory(self) -> None:
        """Refuse a system that lets no parent read its child's memory.

        In a box the launcher itself is closed to us; the program that it becomes is not.
        """
        deadline = time.monotonic() + _BECOMES_S
        while True:
            try:
                os.close(os.open(f"/proc/{self.process.pid}/mem", os.O_RDONLY | os.O_CLOEXEC))
            except PermissionError as error:
                if time.monotonic() < deadline:
                    time.sleep(0.01)
                    continue
                raise CannotTrace(
                    f"This system does not let us read what a call says ({error.strerror}).",
                    "See: cat /proc/sys/kernel/yama/ptrace_scope (0 or 1 lets a parent read)",
                ) from error
            except OSError:
                return  # it becomes the program just now, or has ended
            return

    def run(self, seconds: float | None = None, also: Callable[[], None] | None = None) -> Seen:
        """Watch until the program has ended, or for so long; ``also`` is called in between."""
        deadline = None if seconds is None else time.monotonic() + seconds
        waiting = select.poll()
        waiting.register(self._listener, select.POLLIN)
        waiting.register(self._talk, select.POLLIN)
        while deadline is None or time.monotonic() < deadline:
            for descriptor, event in waiting.poll(50):
                if descriptor == self._listener and event & select.POLLIN:
                    self._one()
                elif descriptor == self._listener:
                    waiting.unregister(descriptor)  # nobody is left to watch
                elif event & select.POLLIN:
                    self._listen()
                else:
                    waiting.unregister(descriptor)  # its launcher told all, and is the program now
            if also is not None:
                also()
            if self.process.poll() is not None:
                break
        self._listen()
        self._count_unasked(*list(self._unasked))
        self.seen.code = self.process.poll()
        return self.seen

    def close(self) -> None:
        """Let go; what still runs of the program gets ENOSYS for the watched calls."""
        self._talk.close()
        for descriptor in (*self._memory.values(), self._listener):
            if descriptor >= 0:
                os.close(descriptor)
        self._memory.clear()
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()

    def __enter__(self) -> Tracer:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _listen(self) -> None:
        while True:
            try:
                data = self._talk.recv(4096)
            except BlockingIOError:
                return
            if not data:
                return
            self._hear(json.loads(data))

    def _hear(self, said: dict[str, Any]) -> None:
        """Take what launcher and box say: where the program runs, which name has which address."""
        if "where" in said:
            self.seen.where = said["where"]
        elif "address" in said:
            self._names[said["address"]] = said["name"]
        elif said.get("name") and said["called"] not in self._names:
            self._names[said["called"]] = said["name"]

    def _one(self) -> None:
        """Look at one call and answer it."""
        buffer = bytearray(_ASKED.size)
        try:
            fcntl.ioctl(self._listener, _RECEIVE, buffer, True)
        except OSError:
            return  # its process was killed meanwhile
        identifier, thread, _, number, _, _, *arguments = _ASKED.unpack(buffer)
        call = self._calls[number]
        self.seen.looked_at[call] += 1
        refused = call == "io_uring_setup"
        if not refused:
            try:
                self._look(call, thread, tuple(arguments))
            except (OSError, struct.error) as error:
                self._unreadable(call, thread, error)
        answer = struct.pack(
            "=QqiI", identifier, 0, -errno.ENOSYS if refused else 0, 0 if refused else _GO_ON
        )
        try:
            fcntl.ioctl(self._listener, _ANSWER, answer)
        except OSError:
            return  # a signal has taken it out of the call, or killed it

    def _look(self, call: str, thread: int, arguments: tuple[int, ...]) -> None:
        def read(where: int, length: int) -> bytes:
            return self._read(thread, where, length)

        descriptor = arguments[0] & 0xFFFFFFFF
        if call == "connect":
            to = address(read(arguments[1], min(arguments[2] & 0xFFFFFFFF, 128)))
            self._connected(thread, descriptor, to)
            return
        if call == "sendto" and not arguments[4] and not self._pending:
            return  # over a connection that was looked at when it was made
        for message in sent(call, arguments, read):
            if message.to is None and not self._pending:
                continue
            to_whom = message.to or self._pending.get(processes.inode(thread, descriptor))
            if to_whom is None:
                continue
            name = question(message.read_payload()) if to_whom.resolves else None
            if name is not None:
                self._unasked.pop(processes.inode(thread, descriptor), None)
                self._asked(thread, name, to_whom)
            elif not self._stays(to_whom):
                self._contact(thread, "send", to_whom)

    def _connected(self, thread: int, descriptor: int, to: Address) -> None:
        if not to.resolves and self._stays(to):
            return
        kind = processes.protocol(thread, descriptor)
        inode = processes.inode(thread, descriptor)
        if to.resolves:
            self._pending[inode] = to  # the names follow
        if kind.startswith("UDP"):
            self._pending[inode] = to
            if to.resolves and (to.host, to.port) != _PROBED:
                self._count_unasked(inode)  # of a socket before, which had the same number
                self._unasked[inode] = self._made(thread, "connect", to.host, to.port)
        elif not self._stays(to):
            self._contact(thread, "connect", to)

    def _count_unasked(self, *inodes: str) -> None:
        """Count resolvers whose question never came by a call that is looked at."""
        for inode in inodes:
            if inode in self._unasked:
                self.seen.add(self._unasked.pop(inode))

    def _stays(self, to: Address) -> bool:
        return to.stays or to.host in self._own

    def _asked(self, thread: int, name: str, resolver: Address) -> None:
        if name.lower().rstrip(".").rpartition(".")[2] == "localhost":
            return
        self._add(thread, "name", name, resolver.port, resolver.host)

    def _contact(self, thread: int, how: str, to: Address) -> None:
        self._listen()  # the box may just have said which name has this address
        name = self._names.get(to.host)
        self._add(thread, how, name or to.host, to.port, to.host if name else "")

    def _add(self, thread: int, how: str, host: str, port: int, where: str) -> None:
        self.seen.add(self._made(thread, how, host, port, where))

    def _made(self, thread: int, how: str, host: str, port: int, where: str = "") -> Contact:
        pid = processes.process_of(thread)
        return Contact(processes.describe(pid), pid, how, host, port, where, processes.role(pid))

    def _unreadable(self, call: str, thread: int, error: Exception) -> None:
        """Never take for harmless what could not be read, unless its process is gone."""
        if Path(f"/proc/{thread}").exists():
            self._add(thread, call, f"something that cannot be read ({error})", 0, "")

    def _read(self, thread: int, where: int, length: int) -> bytes:
        """Read memory of a stopped thread. The file is kept open, and opened anew after exec."""
        if length <= 0:
            return b""
        pid = processes.process_of(thread)
        for again in (False, True):
            if again or pid not in self._memory:
                self._forget(pid)
                self._memory[pid] = os.open(f"/proc/{pid}/mem", os.O_RDONLY | os.O_CLOEXEC)
            try:
                data = os.pread(self._memory[pid], length, where)
            except OSError:
                data = b""
            if data:
                return data
        raise OSError(errno.EFAULT, f"no memory at {where:#x}")

    def _forget(self, pid: int) -> None:
        if pid in self._memory:
            os.close(self._memory.pop(pid))
        while len(self._memory) > 64:
            os.close(self._memory.pop(next(iter(self._memory))))
