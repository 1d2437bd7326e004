"""The poorer proof, where system calls cannot be seen: open connections, looked at again and again.

Contract: as :class:`.tracer.Tracer`, on any system that ``psutil`` knows. It misses what is over
between two looks, names that are looked up, and messages without a connection; whoever shows
its outcome says so.
"""

from __future__ import annotations

import contextlib
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from local_assistant.setup.egress import processes
from local_assistant.setup.egress.addresses import Address
from local_assistant.setup.egress.contacts import Contact, Seen

_LOOK_S = 0.1


class Poller:
    """One program whose connections, and those of its descendants, are looked at."""

    def __init__(
        self,
        command: Sequence[str],
        *,
        environment: Mapping[str, str] | None = None,
        **options: Any,
    ) -> None:
        self.seen = Seen("polling")
        self._own = processes.own_addresses()
        self._mark = (environment or {}).get(processes.MARK, "")
        self.process = subprocess.Popen(list(command), env=environment, **options)

    def run(self, seconds: float | None = None, also: Callable[[], None] | None = None) -> Seen:
        """Look until the program has ended, or for so long."""
        deadline = None if seconds is None else time.monotonic() + seconds
        while self.process.poll() is None and (deadline is None or time.monotonic() < deadline):
            self._look()
            if also is not None:
                also()
            time.sleep(_LOOK_S)
        self.seen.code = self.process.poll()
        return self.seen

    def _look(self) -> None:
        import psutil

        known = [self.process.pid, *processes.marked(self._mark)] if self._mark else []
        for pid in {*known, self.process.pid}:
            with contextlib.suppress(psutil.Error, OSError):
                process = psutil.Process(pid)
                self.seen.looked_at["looks at a process"] += 1
                for connection in process.net_connections(kind="inet"):
                    if connection.raddr:
                        self._one(process, connection)

    def _one(self, process: Any, connection: Any) -> None:
        host, port = connection.raddr[:2]
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        to = Address(2 if family == socket.AF_INET else 10, host, port)
        if to.stays or host in self._own:
            return
        what = processes.in_words(process.cmdline() or [process.name()])
        role = process.environ().get(processes.ROLE, "")
        self.seen.add(Contact(what, process.pid, "connect", host, port, "", role))

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()

    def __enter__(self) -> Poller:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
