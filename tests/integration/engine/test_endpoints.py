"""Endpoints over plain HTTP: shapes, loading, refusals, bodies that are no request."""

from __future__ import annotations

import re
from typing import Any

import httpx
import pytest

from tests.integration.engine.http_checks import FEW, TIME

DEMO = "assistant-demo"


def test_root_and_version(engine_http: httpx.Client) -> None:
    root = engine_http.get("/")
    assert (root.status_code, root.content) == (200, b"Ollama is running")
    head = engine_http.head("/")
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-length"] == "17"
    version = engine_http.get("/api/version").json()["version"]
    assert re.fullmatch(r"\d+\.\d+\.\d+", version)


def test_tags_lists_the_bundled_model(engine_http: httpx.Client, tiny: str) -> None:
    models = {m["name"]: m for m in engine_http.get("/api/tags").json()["models"]}
    assert {"assistant-demo:latest", "tiny:latest"} <= set(models)
    demo = models["assistant-demo:latest"]
    assert demo["model"] == demo["name"]
    assert re.fullmatch("[0-9a-f]{64}", demo["digest"])
    assert demo["details"]["format"] == "gguf"
    assert demo["details"]["family"] == "llama"
    assert demo["capabilities"] == ["completion", "insert"]
    assert TIME.fullmatch(demo["modified_at"])


def test_show(engine_http: httpx.Client) -> None:
    for body in ({"model": DEMO}, {"name": "Assistant-Demo:LATEST"}):
        shown = engine_http.post("/api/show", json=body).json()
        info = shown["model_info"]
        assert info["general.architecture"] == "llama"
        assert info["llama.context_length"] >= 1024
        assert info["general.parameter_count"] > 1_000_000
        assert info["tokenizer.ggml.tokens"] is None
        assert "general.name" not in info
        assert ".Suffix" in shown["template"]
        assert "im_start" in shown["template"]
        assert "insert" in shown["capabilities"]


def test_empty_prompts_load_and_unload(engine_http: httpx.Client, tiny: str) -> None:
    def names() -> list[str]:
        return [m["name"] for m in engine_http.get("/api/ps").json()["models"]]

    for path, empty in (("generate", {"prompt": ""}), ("chat", {"messages": []})):
        reply = engine_http.post(f"/api/{path}", json={"model": tiny, **empty})
        assert reply.headers["content-type"].startswith("application/json")
        assert reply.json()["done_reason"] == "load"
        assert tiny in names()
        reply = engine_http.post(f"/api/{path}", json={"model": tiny, "keep_alive": 0, **empty})
        assert reply.json()["done_reason"] == "unload"
        assert reply.json()["done"] is True
        assert tiny not in names()


def test_ps_says_context_and_expiry(engine_http: httpx.Client) -> None:
    engine_http.post("/api/generate", json={"model": DEMO, "keep_alive": -1})
    demo = next(
        m for m in engine_http.get("/api/ps").json()["models"] if m["name"].startswith(DEMO)
    )
    assert demo["expires_at"].startswith("2318-")
    assert demo["context_length"] == 1024  # what the model declares, below the default 4096
    assert demo["size"] > 0
    engine_http.post("/api/generate", json={"model": DEMO, "keep_alive": "5m"})


X = "no-such-model"
MATRIX = [
    ("generate", {"model": ""}, 404, "model '' not found"),
    ("chat", {"model": ""}, 400, "model is required"),
    ("embed", {"model": ""}, 404, "model '' not found"),
    ("embeddings", {"model": ""}, 400, "model is required"),
    ("show", {"model": ""}, 400, "model is required"),
    ("generate", {"model": X, "prompt": "a"}, 404, f"model '{X}' not found"),
    ("chat", {"model": X}, 404, f"model '{X}' not found"),
    ("embed", {"model": X}, 404, f'model "{X}" not found, try pulling it first'),
    ("embeddings", {"model": X}, 404, f'model "{X}" not found, try pulling it first'),
    ("show", {"model": X}, 404, f"model '{X}:latest' not found"),
    ("generate", {"model": "../../etc/passwd"}, 400, "invalid model name"),
    ("chat", {"model": "a:"}, 400, "invalid model name"),
    ("embed", {"model": "/a", "input": "x"}, 400, "invalid model name"),
    ("show", {"model": "a b"}, 400, "invalid model name"),
    ("generate", {"model": DEMO, "prompt": "a", "raw": True, "system": "s"}, 400,
     "raw mode does not support template, system, or context"),
    ("generate", {"model": DEMO, "prompt": "a", "think": True}, 400,
     f'"{DEMO}" does not support thinking'),
    ("chat", {"model": DEMO, "messages": [{"role": "user"}], "tools": [{"type": "function"}]},
     400, "registry.ollama.ai/library/assistant-demo:latest does not support tools"),
    ("chat", {"model": DEMO, "messages": [{}], "options": {"num_ctx": "x"}}, 500,
     'option "num_ctx" must be of type integer'),
    ("generate", {"model": DEMO, "prompt": "a", "options": {"stop": "x"}}, 500,
     'option "stop" must be of type array'),
    ("generate", {"model": DEMO, "prompt": "a", "keep_alive": "300"}, 400,
     'time: missing unit in duration "300"'),
    ("generate", {"model": DEMO, "prompt": "a", "keep_alive": True}, 400,
     "Unsupported type: 'bool'"),
    ("generate", {"model": DEMO, "prompt": "a", "format": "xml"}, 500,
     'invalid format: "\\"xml\\""; expected "json" or a valid JSON Schema object'),
    ("generate", {"model": DEMO, "stream": "x"}, 400,
     "json: cannot unmarshal string into Go struct field GenerateRequest.stream of type bool"),
    ("embed", {"model": DEMO, "input": [1, 2]}, 400, "invalid input type"),
    ("copy", {"source": "a b", "destination": "c"}, 400, 'source "a b" is invalid'),
    ("copy", {"source": X, "destination": "c"}, 404, f'model "{X}" not found'),
    ("push", {"model": "qwen2.5"}, 501, "the embedded engine does not support /api/push"),
    ("pull", {"model": ""}, 400, "invalid model name"),
    ("pull", {"model": "a b"}, 400, "invalid model name"),
    ("pull", {"model": "x:cloud"}, 400, "the embedded engine has no cloud models"),
]  # fmt: skip


@pytest.mark.parametrize(("path", "body", "status", "text"), MATRIX)
def test_refusals(
    engine_http: httpx.Client, path: str, body: dict[str, Any], status: int, text: str
) -> None:
    reply = engine_http.post(f"/api/{path}", json=body)
    assert (reply.status_code, reply.json()) == (status, {"error": text})
    assert reply.headers["content-type"] == "application/json; charset=utf-8"


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"", "missing request body"),
        (b'{"model": "a"', "unexpected EOF"),
        (b"xyz", "invalid character 'x' looking for beginning of value"),
        (b"[1]", "json: cannot unmarshal array into Go value of type api.GenerateRequest"),
        (b"[" * 100_000, None),
    ],
)
def test_bodies_that_are_no_request(
    engine_http: httpx.Client, content: bytes, text: str | None
) -> None:
    reply = engine_http.post("/api/generate", content=content)
    assert reply.status_code == 400
    assert text is None or reply.json() == {"error": text}


def test_lenient_bodies(engine_http: httpx.Client) -> None:
    content = b'{"MODEL": "assistant-demo", "Keep_Alive": null, "unknown": 1} trailing'
    reply = engine_http.post("/api/generate", content=content)
    assert reply.json()["done_reason"] == "load"


def test_unknown_paths_and_methods(engine_http: httpx.Client) -> None:
    missing = engine_http.get("/nowhere")
    assert (missing.status_code, missing.text) == (404, "404 page not found")
    wrong = engine_http.get("/api/chat")
    assert (wrong.status_code, wrong.headers["allow"]) == (405, "POST")
    assert engine_http.get("/api/tags/", follow_redirects=False).status_code == 301
    assert engine_http.get("/api/tags/", follow_redirects=True).status_code == 200
    assert engine_http.post("/v1/responses", json={}).status_code == 501


def test_copy_and_delete(engine_http: httpx.Client, tiny: str) -> None:
    reply = engine_http.post("/api/copy", json={"source": tiny, "destination": "second"})
    assert (reply.status_code, reply.content) == (200, b"")
    named = {m["name"]: m["digest"] for m in engine_http.get("/api/tags").json()["models"]}
    assert named["second:latest"] == named["tiny:latest"]
    reply = engine_http.request("DELETE", "/api/delete", json={"model": "second"})
    assert (reply.status_code, reply.content) == (200, b"")
    reply = engine_http.request("DELETE", "/api/delete", json={"model": "second"})
    assert reply.status_code == 404
    body = {"model": tiny, "prompt": "a", "stream": False, "options": FEW}
    assert engine_http.post("/api/generate", json=body).status_code == 200
