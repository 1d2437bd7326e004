"""``python -m tests.long.full_disk FOLDER FORM``: use the assistant while its disk is full.

Contract: a program of its own, because only a new process can have a small disk mounted. FORM is
``tmpfs`` (FOLDER lies on a small disk of its own, which is filled: ENOSPC) or ``limit`` (no file
may grow any more: EFBIG). Prints one JSON object: what happened at each step.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import resource
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
from jupyterlab_chat.models import NewMessage
from jupyterlab_chat.websocket_model import WsChatModel

from local_assistant import paths
from local_assistant.config import set_value, write_template
from local_assistant.engine import launch
from local_assistant.engine.store.store import Store
from local_assistant.errors import AssistantError
from local_assistant.lab.chat.saving import Saving
from tests.integration.engine import tiny_gguf
from tests.integration.engine.registries import serving

FULL = ("No space left on device", "File too large")


class Disk:
    def __init__(self, folder: Path, form: str) -> None:
        self._filler = folder / "filler" if form == "tmpfs" else None

    def fill(self) -> None:
        if self._filler is None:
            self._limit(0)
            return
        with self._filler.open("wb", buffering=0) as file, contextlib.suppress(OSError):
            for size in (1 << 16, 1 << 10, 1):
                with contextlib.suppress(OSError):
                    while True:
                        file.write(bytes(size))

    def free(self) -> None:
        if self._filler is None:
            self._limit(resource.RLIM_INFINITY)
        else:
            self._filler.unlink()

    def _limit(self, size: int) -> None:
        info = launch.running_engine()
        for pid in (os.getpid(), *([info.pid] if info else [])):
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))


def said(action: Callable[[], Any]) -> str:
    """Return the sentence of a failure that names the reason and a way out; else fail."""
    try:
        action()
    except AssistantError as error:
        assert error.fix
        assert any(word in str(error) for word in FULL), str(error)
        return error.message
    raise AssertionError("it did not fail")


def use(folder: Path, disk: Disk) -> dict[str, str]:
    told: dict[str, str] = {}
    write_template()
    info = launch.ensure_engine()
    Store(paths.models_dir()).add_gguf("tiny", tiny_gguf.write(folder / "tiny.gguf"))
    http = httpx.Client(
        base_url=info.url, headers={"Authorization": f"Bearer {info.token}"},
        timeout=60, trust_env=False,
    )  # fmt: skip
    chat = WsChatModel("room.chat", folder)
    chat.load_from_file()
    saving = Saving(chat)
    chat.add_message(NewMessage(body="before", sender="ada"))
    settings = paths.user_config_file()
    before = settings.read_bytes()

    disk.fill()
    body = {"model": "tiny", "prompt": "a", "stream": False, "options": {"num_predict": 2}}
    assert http.post("/api/generate", json=body).json()["eval_count"] == 2
    told["an answer"] = "goes on"
    told["a setting"] = said(lambda: set_value("chat.temperature", 0.5))
    assert settings.read_bytes() == before
    chat.add_message(NewMessage(body="meanwhile", sender="ada"))
    assert "before" in (folder / "room.chat").read_text()
    assert saving.problem is not None
    told["a chat"] = saving.problem.message
    data = os.urandom(1 << 20)
    blob = f"/api/blobs/sha256:{hashlib.sha256(data).hexdigest()}"
    told["a file for a model"] = _refused(http.post(blob, content=data))
    told["a file of unknown size"] = _refused(http.post(blob, content=iter([data])))
    with serving() as registry:
        pull = {"model": registry.add("m", paths.demo_gguf().read_bytes()), "insecure": True}
        told["a download"] = _refused(http.post("/api/pull", json={**pull, "stream": False}))
        assert http.get("/api/version").status_code == 200
    launch.stop_engine()
    told["a start"] = _start()
    disk.free()
    info = launch.ensure_engine()
    key = {"Authorization": f"Bearer {info.token}"}
    made = {"model": "again", "from": "tiny", "stream": False}
    reply = httpx.post(f"{info.url}/api/create", json=made, headers=key, trust_env=False)
    assert reply.json() == {"status": "success"}, reply.text
    set_value("chat.temperature", 0.5)
    chat.add_message(NewMessage(body="after", sender="ada"))
    saved = (folder / "room.chat").read_text()
    assert all(word in saved for word in ("before", "meanwhile", "after")) and not saving.problem
    told["with room again"] = "all works"
    return told


def _refused(reply: httpx.Response) -> str:
    """Return the reason that an answer gives."""
    told = str(reply.json()["error"])
    assert "internal error" not in told, told
    assert any(word in told for word in (*FULL, "space")), told
    return told


def _start() -> str:
    try:
        launch.ensure_engine()
    except AssistantError as error:
        assert error.fix
        assert any(word in str(error) for word in (*FULL, "space")), str(error)
        return error.message
    return "works"


def main() -> None:
    folder, form = Path(sys.argv[1]), sys.argv[2]
    disk = Disk(folder, form)
    try:
        told = use(folder, disk)
    finally:
        launch.stop_engine()
    sys.stdout.write(json.dumps(told) + "\n")


if __name__ == "__main__":
    main()
