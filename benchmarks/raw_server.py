"""llama.cpp's own HTTP server in a process, and a reader of both servers' streams."""

from __future__ import annotations

import http.client
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

KEY = "benchmark"


@dataclass(frozen=True)
class Target:
    """One of the two servers, and how to ask it for raw text."""

    url: str
    key: str
    model: str | None
    """``None``: it is llama.cpp's own server."""

    def body(self, prompt: str, tokens: int, temperature: float) -> tuple[str, dict[str, Any]]:
        sampling = {"temperature": temperature, "seed": 3, "top_k": 40, "top_p": 0.9, "min_p": 0}
        if self.model is None:
            more = {"n_predict": tokens, "stream": True, "cache_prompt": True}
            return "/completion", {"prompt": prompt, **more, **sampling, "id_slot": -1}
        options = {"num_predict": tokens, **sampling}
        body = {"model": self.model, "prompt": prompt, "raw": True, "options": options}
        return "/api/generate", body


@dataclass
class Timed:
    """When the text of one answer came, in seconds since it was asked for."""

    first: float = 0.0
    last: float = 0.0
    pieces: int = 0
    end: dict[str, Any] = field(default_factory=dict)

    @property
    def per_token(self) -> float:
        return (self.last - self.first) / max(1, self.pieces - 1)


def ask(target: Target, prompt: str, tokens: int, temperature: float = 0.8) -> Timed:
    """Read one streamed answer; both servers' lines are read by the same code."""
    path, body = target.body(prompt, tokens, temperature)
    data = json.dumps(body).encode()
    headers = {"Authorization": f"Bearer {target.key}", "Content-Type": "application/json"}
    address = urlsplit(target.url)
    connection = http.client.HTTPConnection(str(address.hostname), address.port, timeout=600)
    connection.connect()
    timed = Timed()
    begin = time.perf_counter()
    connection.request("POST", path, body=data, headers=headers)
    reply = connection.getresponse()
    if reply.status != 200:
        raise RuntimeError(f"{target.url}: {reply.status} {reply.read()[:300]!r}")
    for line in reply:
        text = line[5:] if line.startswith(b"data:") else line
        if not text.strip() or line.startswith(b":"):  # a sign of life, where it takes long
            continue
        event = json.loads(text)
        if "error" in event:
            raise RuntimeError(f"{target.url}: {event['error']}")
        if event.get("content") or event.get("response"):
            timed.last = time.perf_counter() - begin
            timed.first = timed.first or timed.last
            timed.pieces += 1
        if event.get("stop") or event.get("done"):
            timed.end = event
            break
    connection.close()
    return timed


@contextmanager
def own_server(gguf: Path, slots: int, context: int, threads: int) -> Iterator[Target]:
    """llama.cpp's own HTTP server with the parameters that the engine uses."""
    parameters = {
        "gguf": str(gguf), "context": context, "slots": slots, "batch": 256, "threads": threads,
        "gpu_layers": -1, "embedding": False, "mean_pooling": False, "adapters": [],
        "cache_mib": 256, "need": 0, "room": None, "api_key": KEY,
    }  # fmt: skip
    process = subprocess.Popen(
        [sys.executable, "-m", "local_assistant.engine.runtime.runner"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    try:
        assert process.stdin is not None and process.stdout is not None
        process.stdin.write(json.dumps(parameters).encode() + b"\n")
        process.stdin.flush()
        answer = json.loads(process.stdout.readline())
        yield Target(f"http://127.0.0.1:{answer['port']}", KEY, None)
    finally:
        process.kill()
        process.wait()
