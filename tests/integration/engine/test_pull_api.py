"""``/api/pull`` of a running engine: from a real registry, killed, left, in two forms."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import ollama
import pytest

from local_assistant import paths
from local_assistant.engine import launch
from local_assistant.engine.pull.parts import PART_BYTES
from tests.integration.engine import docker_registry
from tests.integration.engine.conftest import Own, gone
from tests.integration.engine.registries import Registry, serving
from tests.waiting import until

OwnEngine = Callable[..., Own]


@pytest.fixture
def registry() -> Iterator[Registry]:
    with serving() as served:
        yield served


def lines_of(reply: httpx.Response) -> list[dict[str, Any]]:
    return [json.loads(line) for line in reply.text.splitlines()]


def names_of(own: Own) -> set[str]:
    return {model["name"] for model in own.http.get("/api/tags").json()["models"]}


def test_from_a_real_registry(own_engine: OwnEngine, tmp_path: Path) -> None:
    own = own_engine()
    demo = paths.demo_gguf().read_bytes()
    client = ollama.Client(
        host=own.info.url,
        headers={"Authorization": f"Bearer {own.info.token}"},
        trust_env=False,
    )
    with docker_registry.running(tmp_path) as host:
        params = b'{"temperature":0,"num_predict":3}'
        layers = {"model": demo, "system": b"Be brief.", "params": params, "new.thing": b"?"}
        docker_registry.publish(host, "me/demo", **layers)
        told = [line.status for line in client.pull(f"{host}/me/demo", insecure=True, stream=True)]
        assert told[0] == "pulling manifest"
        assert told[-3:] == ["verifying sha256 digest", "writing manifest", "success"]
        shown = client.show(f"{host}/me/demo")
        assert "Be brief." in json.dumps(shown.model_dump(mode="json"))
        answer = client.generate(f"{host}/me/demo", prompt="x")
        assert (answer.done_reason, answer.eval_count) == ("length", 3)
        with pytest.raises(ollama.ResponseError, match="manifest: file does not exist"):
            client.pull(f"{host}/me/nothing", insecure=True)


def test_a_registry_that_wants_a_password(own_engine: OwnEngine, tmp_path: Path) -> None:
    own = own_engine()
    auth = f"auth: {{htpasswd: {{realm: me, path: {tmp_path / 'htpasswd'}}}}}\n"
    with docker_registry.running(tmp_path, auth) as host:
        body = {"model": f"{host}/me/demo", "insecure": True}
        (first, failed) = lines_of(own.http.post("/api/pull", json=body))
        assert first == {"status": "pulling manifest"}
        assert failed["error"] == "pull model manifest: unauthorized: access denied"
        assert "no account" in failed["fix"]


def test_without_stream_there_is_one_object(own_engine: OwnEngine, registry: Registry) -> None:
    own = own_engine()
    body = {"model": registry.add("m", b"GGUF"), "insecure": True, "stream": False}
    reply = own.http.post("/api/pull", json=body)
    assert (reply.status_code, reply.json()) == (200, {"status": "success"})
    assert reply.headers["content-type"] == "application/json"  # without a charset, as Ollama
    registry.manifests.clear()
    reply = own.http.post("/api/pull", json=body)
    assert reply.status_code == 500
    assert reply.json()["error"] == "pull model manifest: file does not exist"


def test_encryption_is_wanted_unless_told_otherwise(
    own_engine: OwnEngine, registry: Registry
) -> None:
    own = own_engine()
    reply = own.http.post("/api/pull", json={"model": registry.add("m", b"GGUF")})
    assert reply.status_code == 200
    failed = lines_of(reply)[-1]
    assert failed["error"].startswith("pull model manifest: ")
    assert failed["error"].endswith("http: server gave HTTP response to HTTPS client")
    assert "--insecure" in failed["fix"]


def test_killed_and_begun_again(own_engine: OwnEngine, registry: Registry) -> None:
    """At most one part is fetched again, counted at the registry."""
    content = os.urandom(3 * PART_BYTES)
    name = registry.add("m", content)
    registry.trouble.hold_after = 2 * PART_BYTES
    own = own_engine()
    body = {"model": name, "insecure": True}
    with pytest.raises(httpx.TransportError), own.http.stream("POST", "/api/pull", json=body) as r:
        for line in r.iter_lines():
            if json.loads(line).get("completed", 0) > PART_BYTES:
                os.kill(own.info.pid, signal.SIGKILL)
    until(lambda: gone(own.info.pid))
    assert name not in {model.display for model in own.store.list_models()}
    registry.trouble.hold_after = None
    registry.trouble.go.set()
    own = own_engine()
    assert lines_of(own.http.post("/api/pull", json=body))[-1] == {"status": "success"}
    config = 100
    assert registry.sent - len(content) - config <= PART_BYTES
    assert [path.stat().st_size for path in own.store.blobs.glob("*") if "-p" in path.name] == []


def test_who_leaves_stops_the_download(own_engine: OwnEngine, registry: Registry) -> None:
    content = os.urandom(PART_BYTES)
    name = registry.add("m", content)
    registry.trouble.hold_after = PART_BYTES // 2
    own = own_engine()
    body = {"model": name, "insecure": True}
    with own.http.stream("POST", "/api/pull", json=body) as reply:
        for line in reply.iter_lines():
            if json.loads(line).get("completed", 0) > PART_BYTES // 4:
                break
    until(lambda: "nobody waits" in launch.log_file().read_text(encoding="utf-8"))
    registry.trouble.hold_after = None
    registry.trouble.go.set()
    asked = len(registry.asked)
    partial = next(own.store.blobs.glob("*-partial"))
    assert partial.stat().st_size < PART_BYTES
    assert name not in names_of(own)
    reply = own.http.post("/api/pull", json=body)
    assert lines_of(reply)[-1] == {"status": "success"}
    first = next(each.range for each in registry.asked[asked:] if each.range)
    assert int(first.removeprefix("bytes=").partition("-")[0]) > PART_BYTES // 8
    assert not partial.exists()
