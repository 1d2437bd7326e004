"""Blobs, show, copy, delete and tags over the wire; an Ollama store beside ours."""

from __future__ import annotations

import hashlib
import json
import socket
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import ollama
import pytest

from local_assistant import paths
from local_assistant.engine.store.layers import PROJECTOR, Layer, Manifest
from local_assistant.engine.store.names import parse
from local_assistant.engine.store.store import Store
from tests.integration.engine import tiny_gguf
from tests.integration.engine.conftest import Own, gone
from tests.waiting import until

DEMO = "assistant-demo:latest"


def digest_of(data: bytes) -> str:
    return "sha256:" + hashlib.sha256(data).hexdigest()


def left_over() -> list[Path]:
    return list((paths.models_dir() / "uploads").glob("*"))


@pytest.mark.parametrize("chunked", [False, True])
def test_a_blob_is_uploaded_and_then_there(engine_http: httpx.Client, chunked: bool) -> None:
    data = b"some bytes, chunked: %d" % chunked
    url = f"/api/blobs/{digest_of(data)}"
    assert engine_http.head(url).status_code == 404
    content: Any = (data[i : i + 3] for i in range(0, len(data), 3)) if chunked else data
    reply = engine_http.post(url, content=content)
    assert (reply.status_code, reply.content) == (201, b"")
    assert engine_http.head(url).status_code == 200
    assert engine_http.head(url.replace("sha256:", "sha256-")).status_code == 200
    again = engine_http.post(url, content=b"whatever this is, it is not read")
    assert (again.status_code, again.content) == (200, b"")
    assert left_over() == []


@pytest.mark.parametrize("spelling", ["sha256:", "sha256-"])
def test_other_bytes_than_promised_are_not_kept(engine_http: httpx.Client, spelling: str) -> None:
    wanted = spelling + "0" * 64
    reply = engine_http.post(f"/api/blobs/{wanted}", content=b"abc")
    assert reply.status_code == 400
    assert reply.json() == {
        "error": f'digest mismatch, expected "{wanted}", got "{digest_of(b"abc")}"'
    }
    assert engine_http.head(f"/api/blobs/{digest_of(b'abc')}").status_code == 404
    assert left_over() == []


@pytest.mark.parametrize("digest", ["foo", "sha256:0", "sha256:" + "g" * 64, "..%2F..%2Fx"])
def test_a_blob_has_a_sha256(engine_http: httpx.Client, digest: str) -> None:
    reply = engine_http.post(f"/api/blobs/{digest}", content=b"x")
    assert reply.status_code in (400, 404)
    if reply.status_code == 400:
        assert reply.json() == {"error": "invalid digest format"}
    assert engine_http.head(f"/api/blobs/{digest}").status_code in (400, 404)


def test_other_methods_and_paths(engine_http: httpx.Client) -> None:
    reply = engine_http.get("/api/blobs/x")
    assert (reply.status_code, reply.text) == (405, "405 method not allowed")
    assert reply.headers["allow"] == "HEAD, POST"
    for path in ("/api/blobs/a/b", "/api/blobs/"):
        reply = engine_http.post(path, content=b"x")
        assert (reply.status_code, reply.text) == (404, "404 page not found")
    for path in ("create", "show", "copy", "delete"):
        assert engine_http.get(f"/api/{path}").status_code == 405
    assert engine_http.head("/api/tags").status_code == 200


def test_an_upload_that_breaks_off_leaves_nothing(own_engine: Callable[..., Own]) -> None:
    own = own_engine()
    url = httpx.URL(own.info.url)
    with socket.create_connection((url.host, url.port or 80)) as client:
        client.sendall(
            f"POST /api/blobs/sha256:{'2' * 64} HTTP/1.1\r\nHost: {url.host}\r\n"
            f"Authorization: Bearer {own.info.token}\r\nContent-Length: 100000\r\n\r\n".encode()
            + b"x" * 1000
        )
        until(left_over)
    until(lambda: not left_over())
    assert own.http.get("/api/version").status_code == 200


def test_an_upload_is_not_held_in_memory(own_engine: Callable[..., Own]) -> None:
    own = own_engine()
    block, count = b"\x5a" * (1 << 20), 160
    digest = hashlib.sha256()
    for _ in range(count):
        digest.update(block)
    reply = own.http.post(
        f"/api/blobs/sha256:{digest.hexdigest()}", content=(block for _ in range(count))
    )
    assert reply.status_code == 201
    if sys.platform == "linux":
        status = Path(f"/proc/{own.status()['pid']}/status").read_text()
        (peak,) = [line.split()[1] for line in status.splitlines() if line.startswith("VmHWM")]
        assert int(peak) < 120 * 1024


def test_what_cannot_fit_is_refused_before_it_is_sent(own_engine: Callable[..., Own]) -> None:
    own = own_engine()
    url = httpx.URL(own.info.url)
    with socket.create_connection((url.host, url.port or 80)) as client:
        client.sendall(
            f"POST /api/blobs/sha256:{'3' * 64} HTTP/1.1\r\nHost: {url.host}\r\n"
            f"Authorization: Bearer {own.info.token}\r\nConnection: close\r\n"
            f"Content-Length: {1 << 60}\r\n\r\n".encode()
        )
        answer = b""
        while part := client.recv(65536):
            answer += part
    assert answer.startswith(b"HTTP/1.1 500 ")
    assert b"no space left on device" in answer


@pytest.fixture
def named(engine_http: httpx.Client, tiny: str) -> Iterator[str]:
    """A second name for the tiny model, for one test."""
    engine_http.post("/api/copy", json={"source": tiny, "destination": "Some/Copy:v1"})
    yield "Some/Copy:v1"
    engine_http.request("DELETE", "/api/delete", json={"model": "some/copy:v1"})


def test_show_has_every_field(engine_http: httpx.Client, named: str) -> None:
    answer = engine_http.post("/api/show", json={"name": named.lower()}).json()
    assert list(answer["details"]) == [
        "parent_model", "format", "family", "families", "parameter_size", "quantization_level",
    ]  # fmt: skip
    assert f"# FROM {named}\n" in answer["modelfile"]
    info = answer["model_info"]
    assert info["general.architecture"] == "llama"
    assert info["general.parameter_count"] > 100_000
    assert info["llama.attention.layer_norm_rms_epsilon"] == 1e-05
    assert (info["tokenizer.ggml.tokens"], info["tokenizer.ggml.merges"]) == (None, None)
    assert not {"general.name", "tokenizer.chat_template"} & set(info)
    assert {"name": "output_norm.weight", "type": "F32", "shape": [64]} in answer["tensors"]
    assert set(answer["capabilities"]) == {"completion", "insert"}


def test_show_verbose_has_the_arrays(engine_http: httpx.Client, named: str) -> None:
    answer = engine_http.post("/api/show", json={"model": named, "verbose": True}).json()
    info = answer["model_info"]
    assert len(info["tokenizer.ggml.tokens"]) == len(info["tokenizer.ggml.token_type"]) == 262
    assert info["tokenizer.ggml.merges"] == ["h e"]


def test_show_takes_system_and_options_for_the_modelfile(
    engine_http: httpx.Client, named: str
) -> None:
    body = {"model": named, "system": "Other", "options": {"num_ctx": 4096}}
    answer = engine_http.post("/api/show", json=body).json()
    assert answer["system"] == "Other"
    assert "SYSTEM Other\nPARAMETER num_ctx 4096\n" in answer["modelfile"]
    assert "parameters" not in answer


def test_show_tells_copilot_the_name_that_it_knows(engine_http: httpx.Client, named: str) -> None:
    agent = {"User-Agent": "GitHubCopilotChat/0.1"}
    answer = engine_http.post("/api/show", json={"model": named.upper()}, headers=agent).json()
    assert answer["model_info"]["general.basename"] == named.upper()


REFUSED = [
    ("POST", "show", {}, 400, "model is required"),
    ("POST", "show", {"model": "a:"}, 400, "invalid model name"),
    ("POST", "show", {"model": "None"}, 404, "model 'None:latest' not found"),
    ("POST", "show", {"model": "none:x:local"}, 404, "model 'none:x' not found"),
    ("POST", "show", {"model": "a:cloud:local"}, 400,
     'use either :local or :cloud, not both: "a:cloud:local"'),
    ("POST", "show", {"model": "a:cloud"}, 403, "ollama cloud is disabled: the embedded engine "
     'runs "a:cloud" on this machine or not at all'),
    ("POST", "show", {"model": "a", "verbose": "x"}, 400, "json: cannot unmarshal string into "
     "Go struct field ShowRequest.verbose of type bool"),
    ("POST", "copy", {"source": "", "destination": "b"}, 400, 'source "" is invalid'),
    ("POST", "copy", {"source": " a", "destination": "b"}, 400, 'source " a" is invalid'),
    ("POST", "copy", {"source": DEMO, "destination": 'a"b'}, 400,
     r'destination "a\"b" is invalid'),
    ("POST", "copy", {"source": "none", "destination": "b"}, 404, 'model "none" not found'),
    ("DELETE", "delete", {"model": ""}, 400, "model is required"),
    ("DELETE", "delete", {"model": "a:"}, 400, 'name "a:" is invalid'),
    ("DELETE", "delete", {"model": "none"}, 404, "model 'none' not found"),
    ("DELETE", "delete", {"name": "x:cloud"}, 404, "model 'x:cloud' not found"),
]  # fmt: skip


@pytest.mark.parametrize(("method", "path", "body", "status", "text"), REFUSED)
def test_refusals(
    engine_http: httpx.Client,
    method: str,
    path: str,
    body: dict[str, Any],
    status: int,
    text: str,
) -> None:
    reply = engine_http.request(method, f"/api/{path}", json=body)
    assert (reply.status_code, reply.json()) == (status, {"error": text})


def test_the_bundled_model_is_not_removed(engine_http: httpx.Client) -> None:
    reply = engine_http.request("DELETE", "/api/delete", json={"model": DEMO})
    assert reply.status_code == 403
    assert "part of this installation" in reply.json()["error"]


def test_the_client_copies_and_deletes(engine_client: ollama.Client, tiny: str) -> None:
    assert engine_client.copy(tiny, "Again").status == "success"
    names = [model.model for model in engine_client.list().models]
    assert names[0] == "Again:latest"
    assert engine_client.delete("again").status == "success"
    assert "Again:latest" not in [model.model for model in engine_client.list().models]


def test_a_model_that_is_deleted_leaves_the_memory(
    own_engine: Callable[..., Own], tiny_file: Path
) -> None:
    own = own_engine()
    client = ollama.Client(
        own.info.url, headers={"Authorization": f"Bearer {own.info.token}"}, trust_env=False
    )
    client.copy("tiny", "second")
    client.generate("tiny", keep_alive=-1)
    pid = own.pid_of("tiny")
    client.delete("second")
    assert own.pid_of("tiny") == pid
    client.delete("tiny")
    assert own.status()["loaded"] == []
    until(lambda: gone(pid))
    assert not list(own.store.blobs.glob("sha256-*"))


@pytest.fixture
def theirs(tmp_path: Path, tiny_file: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    """An Ollama store with a model, and one with an image projector."""
    store = Store(tmp_path / "ollama-models", ())
    store.add_gguf("theirs:7b", tiny_file)
    manifest = store.manifest(parse("theirs:7b"))
    assert manifest is not None
    digest, _ = store.files.write(b"GGUF, as if")
    projector = Layer(PROJECTOR, digest, 11)
    store.put(parse("sees"), Manifest((*manifest.layers, projector), manifest.config))
    monkeypatch.setenv("OLLAMA_MODELS", str(store.root))
    return store


def test_ollamas_models_are_used_and_left_alone(
    theirs: Store, own_engine: Callable[..., Own]
) -> None:
    before = sorted((str(path), path.stat().st_mtime_ns) for path in theirs.root.rglob("*"))
    own = own_engine()
    headers = {"Authorization": f"Bearer {own.info.token}"}
    client = ollama.Client(own.info.url, headers=headers, trust_env=False)
    assert {"theirs:7b", "sees:latest", DEMO} <= {each.model for each in client.list().models}
    options = {"num_predict": 4}
    assert client.generate("theirs:7b", "x", options=options).eval_count == 4
    client.create("mine", from_="theirs:7b", system="S")
    client.copy("theirs:7b", "copied")
    assert client.show("copied").modelfile is not None
    assert client.generate("mine", "x", options=options).eval_count == 4
    with pytest.raises(ollama.ResponseError, match="belongs to Ollama") as refused:
        client.delete("theirs:7b")
    assert refused.value.status_code == 403
    for name in ("mine", "copied"):
        client.delete(name)
    after = sorted((str(path), path.stat().st_mtime_ns) for path in theirs.root.rglob("*"))
    assert after == before


def test_a_model_with_a_projector_is_listed_but_not_run(
    theirs: Store, own_engine: Callable[..., Own]
) -> None:
    own = own_engine()
    (listed,) = [
        each for each in own.http.get("/api/tags").json()["models"] if each["name"] == "sees:latest"
    ]
    assert "vision" not in listed["capabilities"]
    reply = own.http.post("/api/generate", json={"model": "sees", "prompt": "x"})
    assert reply.status_code == 400
    assert "image projector" in reply.json()["error"]


def test_a_file_that_changed_under_its_link_is_said(
    own_engine: Callable[..., Own], tmp_path: Path
) -> None:
    own = own_engine()
    file = tiny_gguf.write(tmp_path / "mine.gguf", seed=3)
    own.store.add_gguf("mine", file)
    tiny_gguf.write(file, seed=4, context=2048)
    found = own.store.find("mine")
    assert found is not None
    reply = own.http.post("/api/generate", json={"model": "mine", "prompt": "x", "stream": False})
    if found.gguf.samefile(file):
        assert reply.status_code == 500
        assert "has been changed since" in json.dumps(reply.json())
    else:
        assert reply.status_code == 200


def test_what_was_changed_under_its_link_can_be_brought_anew(
    own_engine: Callable[..., Own], tmp_path: Path
) -> None:
    own = own_engine()
    file = tiny_gguf.write(tmp_path / "mine.gguf", seed=5)
    own.store.add_gguf("mine", file)
    good = file.read_bytes()
    found = own.store.find("mine")
    assert found is not None
    linked = found.gguf.samefile(file)
    tiny_gguf.write(file, seed=6, context=2048)
    changed = file.read_bytes()
    url = f"/api/blobs/{digest_of(good)}"
    files = {"files": {"a.gguf": digest_of(good)}, "stream": False}
    if linked:
        assert own.http.head(url).status_code == 404
        reply = own.http.post("/api/create", json={"model": "made", **files})
        assert "upload it first" in reply.json()["error"]
    assert own.http.post(url, content=good).status_code == (201 if linked else 200)
    assert own.http.head(url).status_code == 200
    assert own.http.post("/api/create", json={"model": "made", **files}).status_code == 200
    assert file.read_bytes() == changed
    for name in ("mine", "made"):
        body = {"model": name, "prompt": "x", "stream": False, "options": {"num_predict": 2}}
        assert own.http.post("/api/generate", json=body).status_code == 200


def test_a_model_that_is_not_whole_can_be_deleted(own_engine: Callable[..., Own]) -> None:
    own = own_engine()
    body = {"model": "made", "from": "tiny", "system": "Be brief.", "stream": False}
    assert own.http.post("/api/create", json=body).status_code == 200
    own.store.remove("tiny")
    own.store.files.own(hashlib.sha256(b"Be brief.").hexdigest()).unlink()
    assert own.store.find("made") is None
    assert list(own.store.blobs.glob("sha256-*"))
    assert own.http.request("DELETE", "/api/delete", json={"model": "made"}).status_code == 200
    assert not list(own.store.blobs.glob("sha256-*"))
    assert own.http.request("DELETE", "/api/delete", json={"model": "made"}).status_code == 404
