"""What an engine can be doing when something happens to it, each stopped in the middle.

Contract: a context manager gives a :class:`Scene` that is truly in its moment; what the client got
is known once the scene is over. The model never ends by itself.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from local_assistant import paths
from tests.integration.engine.conftest import Own
from tests.integration.engine.registries import serving
from tests.long.processes import running
from tests.waiting import until

LONG = {"temperature": 0, "num_ctx": 16384}
RUNNER = "engine.runtime.runner"
MIB = 1 << 20


@dataclass
class Scene:
    """One moment.

    Attributes:
        told: what the client got: a status, lines, ``cut`` where the connection broke.
    """

    own: Own
    told: list[Any] = field(default_factory=list)

    @property
    def model(self) -> int:
        (pid,) = running(paths.home(), RUNNER)
        return pid


@contextmanager
def _asking(own: Own, path: str, body: Any, until_line: int = 1) -> Iterator[Scene]:
    """Have a client ask in a thread; the scene begins when it has so many lines."""
    scene, going = Scene(own), threading.Event()
    if until_line == 0:
        going.set()
    content = body if not isinstance(body, dict) else json.dumps(body).encode()

    def ask() -> None:
        with httpx.Client(
            base_url=own.info.url, headers=own.http.headers, timeout=60, trust_env=False
        ) as client:
            try:
                with client.stream("POST", path, content=content) as reply:
                    scene.told.append(reply.status_code)
                    for number, line in enumerate(reply.iter_lines(), 1):
                        scene.told.append(json.loads(line))
                        if number == until_line:
                            going.set()
            except (httpx.HTTPError, ValueError) as error:
                scene.told.append(f"cut: {type(error).__name__}")
            finally:
                going.set()

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    assert going.wait(60)
    try:
        yield scene
    finally:
        thread.join(60)
        assert not thread.is_alive(), "the client waits for ever"


@contextmanager
def idle(own: Own) -> Iterator[Scene]:
    own.http.post("/api/generate", json={"model": "tiny"}).raise_for_status()
    yield Scene(own)


@contextmanager
def loading(own: Own) -> Iterator[Scene]:
    with _asking(own, "/api/generate", {"model": "tiny", "prompt": "a"}, 0) as scene:
        os.kill(until(_in_llama, 30), signal.SIGSTOP)
        yield scene


def _in_llama() -> int | None:
    """Return the model process once it has come to llama.cpp; before that it is still Python."""
    for pid in running(paths.home(), RUNNER):
        with contextlib.suppress(OSError):  # it has just ended
            if "xllamacpp" in Path(f"/proc/{pid}/maps").read_text():
                return pid
    return None


@contextmanager
def chat(own: Own) -> Iterator[Scene]:
    messages = [{"role": "user", "content": "a"}]
    body = {"model": "tiny", "messages": messages, "options": LONG}
    with _asking(own, "/api/chat", body) as scene:
        yield scene


@contextmanager
def completion(own: Own) -> Iterator[Scene]:
    body = {"model": "tiny", "prompt": "a", "suffix": "b", "options": LONG}
    with _asking(own, "/api/generate", body) as scene:
        yield scene


@contextmanager
def pulling(own: Own) -> Iterator[Scene]:
    """Half of a model has come; the scene's registry goes on afterwards, for whoever asks again."""
    content = paths.demo_gguf().read_bytes() + os.urandom(6 * MIB)
    with serving() as registry:
        name = registry.add("m", content)
        registry.trouble.hold_after = 4 * MIB
        with _asking(own, "/api/pull", {"model": name, "insecure": True}, 0) as scene:
            until(lambda: registry.sent >= 4 * MIB, 30)
            yield scene
            registry.trouble.go.set()
        again = Own(*_again(own))
        reply = again.http.post(
            "/api/pull", json={"model": name, "insecure": True, "stream": False}
        )
        assert reply.json() == {"status": "success"}, reply.text
        assert registry.sent < 2 * len(content)


@contextmanager
def creating(own: Own) -> Iterator[Scene]:
    """Half of a file has been uploaded; afterwards it is uploaded again, and a model made of it."""
    data = paths.demo_gguf().read_bytes()
    digest, go = f"sha256:{hashlib.sha256(data).hexdigest()}", threading.Event()
    half = threading.Event()

    def content() -> Iterator[bytes]:
        yield data[: len(data) // 2]
        half.set()
        go.wait(60)
        yield data[len(data) // 2 :]

    with _asking(own, f"/api/blobs/{digest}", content(), 0) as scene:
        assert half.wait(60)
        yield scene
        go.set()
    again = Own(*_again(own))
    assert again.http.post(f"/api/blobs/{digest}", content=data).status_code in (200, 201)
    body = {"model": "made", "files": {"m.gguf": digest}, "stream": False}
    assert again.http.post("/api/create", json=body).json() == {"status": "success"}


@contextmanager
def stopping(own: Own) -> Iterator[Scene]:
    """It was asked to end while it answers: it waits a moment for the answer."""
    with chat(own) as scene:
        own.http.post("/assistant/stop", json={})
        yield scene


def _again(own: Own) -> tuple[Any, httpx.Client, Any]:
    from local_assistant.engine.launch import ensure_engine

    info = ensure_engine()
    client = httpx.Client(
        base_url=info.url, headers={"Authorization": f"Bearer {info.token}"},
        timeout=60, trust_env=False,
    )  # fmt: skip
    return info, client, own.store


MOMENTS: dict[str, Callable[[Own], contextlib.AbstractContextManager[Scene]]] = {
    "idle": idle,
    "loading a model": loading,
    "answering a chat": chat,
    "completing": completion,
    "pulling": pulling,
    "creating": creating,
    "shutting down": stopping,
}
