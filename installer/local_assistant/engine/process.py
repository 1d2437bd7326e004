"""A model process seen from the front: start, handshake, end.

Contract: one :class:`ModelProcess` per loaded model. Its parameters and API key go over the
stdin pipe; closing that pipe ends it. It runs in a session of its own, so a Ctrl-C meant for
the front does not kill models in the middle of an answer. Its stderr is passed to the
front's log, and its last lines are kept for the error sentence.
"""

from __future__ import annotations

import asyncio
import collections
import contextlib
import json
import secrets
import signal
import subprocess
import sys
from dataclasses import asdict, dataclass
from typing import Any

from local_assistant import paths
from local_assistant.engine.log import log
from local_assistant.engine.upstream import Upstream

_END_TIMEOUT_S = 5.0


class LoadFailed(Exception):
    """The model did not come up; the text says why as far as it is known."""


@dataclass(frozen=True)
class LoadParameters:
    """What a model process is started with."""

    gguf: str
    context: int
    slots: int
    batch: int
    threads: int | None
    gpu_layers: int
    embedding: bool
    mean_pooling: bool
    cache_mib: int = 256


class ModelProcess:
    """One running model; made by :meth:`start`."""

    def __init__(self, process: asyncio.subprocess.Process, parameters: LoadParameters) -> None:
        self.parameters = parameters
        self.upstream: Upstream
        self._process = process
        self._tail: collections.deque[str] = collections.deque(maxlen=30)
        self._log = asyncio.ensure_future(self._relay())

    @classmethod
    async def start(cls, parameters: LoadParameters) -> ModelProcess:
        """Load a model and return its process once it can answer.

        Raises:
            LoadFailed: it ended or reported an error instead.
        """
        extra: dict[str, Any] = {"start_new_session": True}
        if sys.platform == "win32":
            flags = subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.CREATE_NO_WINDOW
            extra = {"creationflags": flags}
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "local_assistant.engine.runner",
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            # A module of the user's in the working directory must not stand in for ours.
            cwd=paths.make_private_dir(paths.run_dir()),
            **extra,
        )
        self = cls(process, parameters)
        try:
            await self._handshake()
        except BaseException:
            await self.stop()
            raise
        return self

    async def _handshake(self) -> None:
        key = secrets.token_urlsafe(32)
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None and stdout is not None
        line = b""
        with contextlib.suppress(OSError):  # it died already: said below
            stdin.write(json.dumps({**asdict(self.parameters), "api_key": key}).encode() + b"\n")
            await stdin.drain()
            line = await stdout.readline()
        try:
            answer = json.loads(line) if line else {}
        except ValueError:
            answer = {}
        if "port" in answer:
            self.upstream = Upstream(answer["port"], key)
            return
        await self.stop()  # it has ended or is about to; its last words are then read
        raise LoadFailed(self._reason(answer.get("error")))

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def alive(self) -> bool:
        return self._process.returncode is None

    async def wait(self) -> None:
        await self._process.wait()

    async def settle(self) -> None:
        """Give a process that broke its connection a moment to be seen dead."""
        with contextlib.suppress(asyncio.TimeoutError):  # it lives after all
            await asyncio.wait_for(self._process.wait(), 1)

    def how_it_ended(self) -> str:
        """Return "was killed by SIGKILL", "ended with status 1" or "is running"."""
        code = self._process.returncode
        if code is None:
            return "is running"
        if code < 0:
            with contextlib.suppress(ValueError):  # a signal without a name
                return f"was killed by {signal.Signals(-code).name}"
        return f"ended with status {code}"

    async def stop(self) -> None:
        """End the process and wait until it is gone."""
        stdin = self._process.stdin
        if stdin is not None:
            stdin.close()
        try:
            await asyncio.wait_for(self._process.wait(), _END_TIMEOUT_S)
        except asyncio.TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
            await self._process.wait()
        await self._log

    def _reason(self, reported: str | None) -> str:
        """Return why loading failed: llama.cpp's own reason, or the end of what was said."""
        for line in self._tail:
            _, found, reason = line.partition("error loading model: ")
            if found:
                return reason
        said = " | ".join(line.strip() for line in list(self._tail)[-3:])
        what = reported or f"the model process {self.how_it_ended()}"
        return f"{what} ({said})" if said else what

    async def _relay(self) -> None:
        stderr = self._process.stderr
        assert stderr is not None
        while True:
            try:
                line = await stderr.readline()
            except ValueError:  # a line beyond the limit: passed over
                continue
            if not line:
                return
            text = line.decode("utf-8", errors="replace").rstrip()
            self._tail.append(text)
            log(f"[model {self.pid}] {text}")
