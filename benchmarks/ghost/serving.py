"""An embedded engine for a benchmark: served as a plain Ollama, and its own counters.

Contract: a process with a home of its own, on loopback, ended by its pid.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from tests.jupyterlab import free_port

_START_S = 30.0
_STOP_S = 20.0


@dataclass(frozen=True)
class Counts:
    """What the engine did between two readings, in tokens and generations."""

    evaluated: int
    cached: int
    """Of the prompts, without those evaluated."""
    generated: int
    started: int
    peak: int
    """Generations at once at most, since the last reading."""


class Served:
    """One running engine."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._http = httpx.Client(base_url=url, timeout=600, trust_env=False)
        self._last: dict[str, Any] = {}

    def post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        reply = self._http.post(path, json=body)
        reply.raise_for_status()
        answer: dict[str, Any] = reply.json() if reply.content else {}
        return answer

    def first_token_s(self, model: str, messages: list[dict[str, str]]) -> float:
        """Return the seconds from sending a chat to its first token; wait for its end."""
        first, began = 0.0, time.perf_counter()
        body = {"model": model, "messages": messages}
        with self._http.stream("POST", "/api/chat", json=body) as reply:
            reply.raise_for_status()
            for line in reply.iter_lines():
                if not first and json.loads(line)["message"]["content"]:
                    first = time.perf_counter() - began
        return first

    def counts(self) -> Counts:
        """Return what was done since the last call."""
        peak = int(self.post("/assistant/peak", {})["peak"])
        now = self._http.get("/assistant/status").json()["generations"]

        def since(name: str) -> int:
            return int(now[name]) - int(self._last.get(name, 0))

        counts = Counts(
            since("prompt_tokens"), since("cached_tokens"), since("generated_tokens"),
            since("started"), peak,
        )  # fmt: skip
        self._last = now
        return counts


@contextmanager
def served(home: Path, *options: str, context: int | None = None) -> Iterator[Served]:
    """Run ``jupyter assistant serve --no-token`` with more ``options`` below ``home``.

    Args:
        context: tokens that a model reads where a client does not say; default: the engine's.
    """
    port = free_port()
    home.mkdir(parents=True, exist_ok=True)
    command = [
        str(Path(sys.executable).with_name("jupyter-assistant")), "serve", "--no-token",
        "--port", str(port), *options,
    ]  # fmt: skip
    environment = {**os.environ, "LOCAL_ASSISTANT_HOME": str(home)}
    if context is not None:
        environment["OLLAMA_CONTEXT_LENGTH"] = str(context)
    with (home / "serve.log").open("wb") as log:
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
    try:
        yield Served(_answering(process, port))
    finally:
        process.terminate()
        try:
            process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _answering(process: subprocess.Popen[bytes], port: int) -> str:
    url = f"http://127.0.0.1:{port}"
    deadline = time.monotonic() + _START_S
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError(f"the engine ended with {process.returncode}")
        try:
            if httpx.get(url, trust_env=False).text == "Ollama is running":
                return url
        except httpx.TransportError:
            pass  # not listening yet
        time.sleep(0.05)
    raise RuntimeError(f"the engine did not answer within {_START_S:.0f} s")
