"""A model process seen from the front: start, handshake, end.

Contract: one :class:`ModelProcess` per loaded model. Its parameters and API key go over the
stdin pipe; closing that pipe ends it. It runs in a session of its own, so a Ctrl-C meant for
the front does not kill models in the middle of an answer. Its stderr is passed to the
front's log, and its last lines are kept for the error sentence. A load that stands still and
a process that does not answer any more (stopped, or stuck) are ended, with the reason.
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
from collections.abc import Coroutine
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from local_assistant import paths
from local_assistant.engine.log import log
from local_assistant.engine.runfile import process_start
from local_assistant.engine.runtime.upstream import Upstream
from local_assistant.engine.settings import DEFAULT_LOAD_TIMEOUT_S

_END_TIMEOUT_S = 5.0
_SILENCE_S = 60.0


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
    adapters: tuple[str, ...] = ()
    """LoRA adapters (GGUF files), each at full strength."""
    cache_mib: int = 256
    need: int = 0
    """How much memory it takes, estimated."""
    room: int | None = None
    """How much it may take, where no graphics card takes a part."""


class ModelProcess:
    """One running model; made by :meth:`start`."""

    def __init__(self, process: asyncio.subprocess.Process, parameters: LoadParameters) -> None:
        self.parameters = parameters
        self.upstream: Upstream
        self._process = process
        self._tail: collections.deque[str] = collections.deque(maxlen=30)
        self.vram = 0
        self.cards = False
        """Whether there are graphics cards that llama.cpp can use."""
        self._log = asyncio.ensure_future(self._relay())
        self._guard: asyncio.Task[None] | None = None
        self._why_killed = ""

    @classmethod
    async def start(
        cls,
        parameters: LoadParameters,
        load_timeout_s: float = DEFAULT_LOAD_TIMEOUT_S,
        max_tokens: int | None = None,
        silence_s: float = _SILENCE_S,
    ) -> ModelProcess:
        """Load a model and return its process once it can answer.

        Args:
            load_timeout_s: how long the load may stand still.
            max_tokens: a cap on what each request may have written.
            silence_s: how long the process may say nothing before it is asked whether it lives.

        Raises:
            LoadFailed: it ended, stood still or reported an error instead.
        """
        extra: dict[str, Any] = {"start_new_session": True}
        if sys.platform == "win32":
            flags = subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.CREATE_NO_WINDOW
            extra = {"creationflags": flags}
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "local_assistant.engine.runtime.runner",
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            # A module of the user's in the working directory must not stand in for ours.
            cwd=paths.make_private_dir(paths.run_dir()),
            **extra,
        )
        self = cls(process, parameters)
        try:
            await self._handshake(load_timeout_s, max_tokens)
        except BaseException:
            await self.stop()
            raise
        self._guard = asyncio.ensure_future(self._keep_asking(silence_s))
        return self

    async def _handshake(self, timeout_s: float, max_tokens: int | None) -> None:
        key = secrets.token_hex(32)
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None and stdout is not None
        line = b""
        with contextlib.suppress(OSError):  # it died already: said below
            stdin.write(json.dumps({**asdict(self.parameters), "api_key": key}).encode() + b"\n")
            await stdin.drain()
            line = await self._unless_still(stdout.readline(), timeout_s)
        try:
            answer = json.loads(line) if line else {}
        except ValueError:
            answer = {}
        if "port" in answer:
            self.upstream = Upstream(answer["port"], key, max_tokens, self._runs)
            self.vram, self.cards = answer["vram"], answer["cards"]
            return
        await self.stop()  # it has ended or is about to; its last words are then read
        raise LoadFailed(self._reason(answer.get("error")))

    async def _unless_still(self, line: Coroutine[Any, Any, bytes], limit_s: float) -> bytes:
        """Return the line; fail when the process makes no progress for too long."""
        reading = asyncio.ensure_future(line)
        clock = asyncio.get_running_loop().time
        seen, since = progress_of(self.pid), clock()
        while not reading.done():
            await asyncio.wait({reading}, timeout=min(1.0, limit_s / 4))
            now = progress_of(self.pid)
            if now != seen:
                seen, since = now, clock()
            elif clock() - since >= limit_s and not reading.done():
                reading.cancel()
                self._kill()
                raise LoadFailed(f"timed out: the load has stood still for {limit_s:g} s")
        return await reading

    async def _keep_asking(self, silence_s: float) -> None:
        """End the process once it is asked something and neither works nor answers."""
        while self.alive:
            await asyncio.sleep(silence_s / 2)
            if self.upstream.silent_for() < silence_s or await self.upstream.lives(silence_s):
                continue
            self._why_killed = f"did not answer any more for {silence_s:g} s and was ended"
            log(f"[model {self.pid}] {self._why_killed}")
            self._kill()
            return

    def _kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):  # it ended by itself
            self._process.kill()

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def alive(self) -> bool:
        return self._process.returncode is None

    def _runs(self) -> bool:
        """Return whether it has not ended, also where nobody was told yet (on Linux)."""
        return self.alive and (sys.platform != "linux" or process_start(self.pid) is not None)

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
        if self._why_killed:
            return self._why_killed
        if code < 0:
            with contextlib.suppress(ValueError):  # a signal without a name
                return f"was killed by {signal.Signals(-code).name}"
        return f"ended with status {code}"

    async def stop(self) -> None:
        """End the process and wait until it is gone."""
        if self._guard is not None:
            self._guard.cancel()
        stdin = self._process.stdin
        if stdin is not None:
            stdin.close()
        try:
            await asyncio.wait_for(self._process.wait(), _END_TIMEOUT_S)
        except asyncio.TimeoutError:
            self._kill()
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


def progress_of(pid: int) -> str:
    """Return something that changes while a process works; "" where that is not told.

    That is its processor time and memory, on Linux.
    """
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace")
    except OSError:
        return ""
    after_name = fields.rpartition(")")[2].split()
    return " ".join(after_name[index] for index in (11, 12, 21) if index < len(after_name))
