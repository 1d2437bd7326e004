"""Bad luck: a killed model process, files that are no models; what lives on and what is said."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import threading
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from local_assistant import paths
from local_assistant.engine.store.store import Store
from tests.integration.engine.conftest import Own, gone

LONG = {"temperature": 0, "num_ctx": 16384}


def _kill_in_stream(own: Own, path: str, body: dict[str, object]) -> list[dict[str, object]]:
    """Start an answer, kill its model process, and return what the client read."""
    with own.http.stream("POST", path, json={"model": "tiny", "options": LONG, **body}) as reply:
        lines = reply.iter_lines()
        read = [json.loads(next(lines))]
        os.kill(own.pid_of("tiny"), signal.SIGKILL)
        read += [json.loads(line) for line in lines]
    assert reply.status_code == 200
    return read


@pytest.mark.parametrize(("path", "body"), [
    ("/api/generate", {"prompt": "a"}),
    ("/api/chat", {"messages": [{"role": "user", "content": "a"}]}),
])  # fmt: skip
def test_a_killed_model_ends_the_stream_with_an_error_and_the_next_request_works(
    own_engine: Callable[..., Own], path: str, body: dict[str, object]
) -> None:
    own = own_engine()
    *chunks, last = _kill_in_stream(own, path, body)
    assert all(chunk["done"] is False for chunk in chunks)
    assert set(last) == {"error"}
    assert "model runner has unexpectedly stopped" in str(last["error"])
    assert "SIGKILL" in str(last["error"])
    few = {"temperature": 0, "num_predict": 3}
    again = own.http.post(path, json={"model": "tiny", "stream": False, "options": few, **body})
    assert again.status_code == 200
    assert again.json()["eval_count"] == 3
    assert not gone(own.info.pid)


def test_a_killed_model_fails_a_whole_answer_with_status_500(
    own_engine: Callable[..., Own],
) -> None:
    own = own_engine()
    own.http.post("/api/generate", json={"model": "tiny", "options": LONG})
    body = {"model": "tiny", "prompt": "a", "stream": False, "options": LONG}
    answered = threading.Event()

    def kill_while_busy() -> None:
        # Killed before its first word, it is begun once more: kill that, too.
        while not answered.is_set():
            for entry in own.status()["loaded"]:
                if entry["active"]:
                    with contextlib.suppress(ProcessLookupError):  # killed a moment ago
                        os.kill(entry["pid"], signal.SIGKILL)

    killer = threading.Thread(target=kill_while_busy)
    killer.start()
    try:
        reply = own.http.post("/api/generate", json=body)
    finally:
        answered.set()
        killer.join()
    assert reply.status_code == 500
    assert "model runner has unexpectedly stopped" in reply.json()["error"]


def test_killed_between_requests_nobody_notices(own_engine: Callable[..., Own]) -> None:
    own = own_engine()
    body = {"model": "tiny", "prompt": "a", "stream": False, "options": {"num_predict": 1}}
    assert own.http.post("/api/generate", json=body).status_code == 200
    for _ in range(3):
        os.kill(own.pid_of("tiny"), signal.SIGKILL)
        assert own.http.post("/api/generate", json=body).status_code == 200


def test_a_killed_embedding_process_comes_back(own_engine: Callable[..., Own]) -> None:
    own = own_engine()
    body = {"model": "tiny", "input": "a"}
    assert own.http.post("/api/embed", json=body).status_code == 200
    os.kill(own.pid_of("tiny"), signal.SIGKILL)
    assert own.http.post("/api/embed", json=body).status_code == 200


def _spoil(file: Path, how: str) -> None:
    """Damage a stored GGUF in place, as a disk or an unfinished copy would."""
    data = bytearray(file.read_bytes())
    if how == "magic":
        data[:4] = b"NOPE"
    elif how == "header":
        data = data[:2000]
    elif how == "tensors":
        data = data[: len(data) * 2 // 3]
    elif how == "empty":
        data = bytearray()
    elif how == "architecture":
        data = data.replace(b"llama", b"lmaal")
    file.unlink()  # not through the hard link
    file.write_bytes(data)


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ("magic", "wrong magic"),
        ("header", "cut short"),
        ("tensors", "cut short"),
        ("empty", "the file is empty"),
        ("architecture", "unknown model architecture"),
    ],
)
def test_a_bad_file_is_said_and_harms_nothing_else(
    engine_http: httpx.Client, tiny: str, tiny_file: Path, how: str, said: str
) -> None:
    store = Store(paths.models_dir())
    name = store.add_gguf(f"bad-{how}", tiny_file, link=False)
    found = store.find(name)
    assert found is not None
    # One blob would serve the good model too: give the bad one its own.
    blob = found.gguf.with_name("sha256-" + how.encode().hex().rjust(64, "0"))
    manifest = store.manifests / "registry.ollama.ai" / "library" / f"bad-{how}" / "latest"
    text = manifest.read_text().replace(
        found.gguf.name.replace("-", ":"), blob.name.replace("-", ":")
    )
    blob.write_bytes(found.gguf.read_bytes())
    manifest.write_text(text)
    _spoil(blob, how)
    healthy = {"model": tiny, "prompt": "a", "stream": False, "options": {"num_predict": 1}}
    assert engine_http.post("/api/generate", json=healthy).status_code == 200
    before = engine_http.get("/assistant/status").json()
    for path, more in (("generate", {"prompt": "a"}), ("embed", {"input": "a"})):
        reply = engine_http.post(f"/api/{path}", json={"model": name, **more})
        assert reply.status_code == 500
        assert said in reply.json()["error"]
    assert engine_http.post("/api/generate", json=healthy).status_code == 200
    after = engine_http.get("/assistant/status").json()
    assert after["pid"] == before["pid"]
    same = [e["pid"] for e in before["loaded"] if e["model"] == tiny]
    assert same == [e["pid"] for e in after["loaded"] if e["model"] == tiny]
    store.remove(name)


def test_the_bundled_model_answers_with_a_store_that_cannot_be_made(
    own_engine: Callable[..., Own],
) -> None:
    paths.home().mkdir(parents=True, exist_ok=True)
    own = own_engine()
    blocked = own.store.root
    blocked.rename(blocked.with_name("away"))
    blocked.write_text("a file where the store should be")
    names = [m["name"] for m in own.http.get("/api/tags").json()["models"]]
    assert names == ["assistant-demo:latest"]
    body = {"model": "assistant-demo", "prompt": "a", "stream": False}
    assert own.http.post("/api/generate", json=body).status_code == 200
    copy = own.http.post("/api/copy", json={"source": "assistant-demo", "destination": "x"})
    assert copy.status_code == 500
    assert "Cannot write" in copy.json()["error"]
