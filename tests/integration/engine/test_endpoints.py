"""Each endpoint over plain HTTP: the exact shapes, streamed and whole, and its refusals."""

from __future__ import annotations

import json
import re
from typing import Any

import httpx
import pytest

from local_assistant import paths
from local_assistant.engine.store import Store
from tests.integration.engine import tiny_gguf

DEMO = "assistant-demo"
FEW = {"temperature": 0, "num_predict": 5}
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z")
METRICS = {
    "total_duration",
    "load_duration",
    "prompt_eval_count",
    "prompt_eval_duration",
    "eval_count",
    "eval_duration",
    "cached_count",
}


def lines(http: httpx.Client, path: str, body: dict[str, Any]) -> list[dict[str, Any]]:
    reply = http.post(path, json=body)
    assert reply.status_code == 200
    assert reply.headers["content-type"] == "application/x-ndjson"
    assert reply.content.endswith(b"\n")
    assert b"\n\n" not in reply.content
    return [json.loads(line) for line in reply.content.splitlines()]


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


def test_generate_streams(engine_http: httpx.Client, tiny: str) -> None:
    *chunks, last = lines(
        engine_http, "/api/generate", {"model": tiny, "prompt": "a", "options": FEW}
    )
    assert chunks
    for chunk in chunks:
        assert set(chunk) == {"model", "created_at", "response", "done"}
        assert chunk["done"] is False
        assert chunk["model"] == tiny
        assert TIME.fullmatch(chunk["created_at"])
    assert set(last) == {"model", "created_at", "response", "done", "done_reason"} | METRICS
    assert (last["response"], last["done"], last["done_reason"]) == ("", True, "length")
    assert last["eval_count"] == 5
    assert last["total_duration"] > last["load_duration"] > 0


def test_generate_whole_is_the_stream_put_together(engine_http: httpx.Client, tiny: str) -> None:
    body = {"model": tiny, "prompt": "abc", "options": {**FEW, "num_predict": 40}}
    streamed = "".join(c["response"] for c in lines(engine_http, "/api/generate", body))
    whole = engine_http.post("/api/generate", json={**body, "stream": False})
    assert whole.headers["content-type"] == "application/json; charset=utf-8"
    assert not whole.content.endswith(b"\n")
    assert whole.json()["response"] == streamed


def test_chat_streams(engine_http: httpx.Client, tiny: str) -> None:
    *chunks, last = lines(
        engine_http,
        "/api/chat",
        {"model": tiny, "messages": [{"role": "user", "content": "a"}], "options": FEW},
    )
    assert chunks
    for chunk in chunks:
        assert set(chunk) == {"model", "created_at", "message", "done"}
        assert chunk["message"]["role"] == "assistant"
    assert last["message"] == {"role": "assistant", "content": ""}
    assert last["done_reason"] == "length"
    assert set(last) >= METRICS


def test_generate_uses_the_chat_template_and_raw_does_not(
    engine_http: httpx.Client, tiny: str
) -> None:
    def count(**more: Any) -> int:
        body = {"model": tiny, "prompt": "abcd", "stream": False, "options": FEW, **more}
        return engine_http.post("/api/generate", json=body).json()["prompt_eval_count"]

    raw, templated, with_system = count(raw=True), count(), count(system="be brief")
    assert raw == 4  # one token per byte in this model
    assert raw < templated < with_system


def test_generate_fills_the_middle(engine_http: httpx.Client, tiny: str) -> None:
    body = {"model": tiny, "prompt": "ab", "suffix": "xyz", "stream": False, "options": FEW}
    answer = engine_http.post("/api/generate", json=body).json()
    assert answer["prompt_eval_count"] == 2 + 3 + 3  # the text and three marker tokens
    blank = engine_http.post("/api/generate", json={**body, "suffix": ""}).json()
    assert blank["prompt_eval_count"] != 8


def test_special_tokens_count_as_one_in_raw_prompts(engine_http: httpx.Client, tiny: str) -> None:
    body = {"model": tiny, "prompt": "<|im_start|>", "raw": True, "stream": False, "options": FEW}
    assert engine_http.post("/api/generate", json=body).json()["prompt_eval_count"] == 1


ONE_NUMBER = {
    "type": "object",
    "properties": {"n": {"type": "integer"}},
    "required": ["n"],
}


@pytest.mark.parametrize("form", ["json", ONE_NUMBER])
def test_format_gives_json(engine_http: httpx.Client, tiny: str, form: Any) -> None:
    options = {"temperature": 0, "num_predict": 400}
    common = {"model": tiny, "format": form, "stream": False, "options": options}
    chat = {**common, "messages": [{"role": "user", "content": "a"}]}
    texts = [
        engine_http.post("/api/generate", json={**common, "prompt": "a"}).json()["response"],
        engine_http.post("/api/chat", json=chat).json()["message"]["content"],
    ]
    if form != "json":  # the free form may go on for ever in a model that never stops
        assert all(isinstance(json.loads(text)["n"], int) for text in texts)
    assert all(text.lstrip().startswith("{") for text in texts)


def test_stop_and_seed(engine_http: httpx.Client, tiny: str) -> None:
    def text(**options: Any) -> dict[str, Any]:
        body = {"model": tiny, "prompt": "q", "raw": True, "stream": False, "options": options}
        return engine_http.post("/api/generate", json=body).json()

    free = text(temperature=0, num_predict=60)["response"]
    middle = free[20:22]
    cut = text(temperature=0, num_predict=60, stop=[middle])
    assert cut["response"] == free[: free.index(middle)]
    assert cut["done_reason"] == "stop"
    assert text(seed=7, num_predict=20)["response"] == text(seed=7, num_predict=20)["response"]


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


def test_embed(engine_http: httpx.Client) -> None:
    reply = engine_http.post("/api/embed", json={"model": DEMO, "input": ["one two", "three"]})
    answer = reply.json()
    assert len(answer["embeddings"]) == 2
    for vector in answer["embeddings"]:
        assert sum(v * v for v in vector) == pytest.approx(1, abs=1e-3)
    assert answer["prompt_eval_count"] > 1
    alone = engine_http.post("/api/embed", json={"model": DEMO, "input": "three"}).json()
    assert alone["embeddings"][0] == pytest.approx(answer["embeddings"][1], abs=1e-3)
    short = engine_http.post(
        "/api/embed", json={"model": DEMO, "input": "three", "dimensions": 16}
    ).json()["embeddings"][0]
    assert len(short) == 16
    assert sum(v * v for v in short) == pytest.approx(1, abs=1e-3)
    old = engine_http.post("/api/embeddings", json={"model": DEMO, "prompt": "three"}).json()
    assert old["embedding"] == pytest.approx(alone["embeddings"][0], abs=1e-3)
    assert engine_http.post("/api/embed", json={"model": DEMO}).json()["embeddings"] == []


def test_embed_cuts_what_is_too_long_only_when_allowed(engine_http: httpx.Client) -> None:
    body = {"model": DEMO, "input": ["word " * 5000, "short"]}
    cut = engine_http.post("/api/embed", json=body).json()
    assert len(cut["embeddings"]) == 2
    assert cut["prompt_eval_count"] <= 1024 + 10
    whole = engine_http.post("/api/embed", json={**body, "truncate": False})
    assert whole.status_code == 400
    assert whole.json() == {"error": "the input length exceeds the context length"}


def test_a_prompt_beyond_the_context_is_refused_with_numbers(engine_http: httpx.Client) -> None:
    long = "word " * 40_000  # 200 KB
    for path, more in (
        ("generate", {"prompt": long}),
        ("generate", {"prompt": long, "raw": True}),
        ("chat", {"messages": [{"role": "user", "content": long}]}),
    ):
        reply = engine_http.post(f"/api/{path}", json={"model": DEMO, **more})
        assert reply.status_code == 400
        assert "exceeds the available context size (1024 tokens)" in reply.json()["error"]


def test_chat_leaves_out_the_oldest_messages_and_says_so(engine_http: httpx.Client) -> None:
    messages = [{"role": "system", "content": "Be brief."}]
    for number in range(12):
        messages.append({"role": "user", "content": f"question {number} " * 25})
        messages.append({"role": "assistant", "content": f"answer {number} " * 25})
    messages.append({"role": "user", "content": "the last"})
    body = {"model": DEMO, "messages": messages, "stream": False, "options": FEW}
    answer = engine_http.post("/api/chat", json=body).json()
    assert 0 < answer["dropped_messages"] < len(messages) - 2
    assert answer["prompt_eval_count"] <= 1024
    refused = engine_http.post("/api/chat", json={**body, "truncate": False})
    assert refused.status_code == 400


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
     'invalid format: "xml"; expected "json" or a valid JSON Schema object'),
    ("generate", {"model": DEMO, "stream": "x"}, 400,
     "json: cannot unmarshal string into Go struct field GenerateRequest.stream of type bool"),
    ("embed", {"model": DEMO, "input": [1, 2]}, 400, "invalid input type"),
    ("copy", {"source": "a b", "destination": "c"}, 400, 'source "a b" is invalid'),
    ("copy", {"source": X, "destination": "c"}, 404, f'model "{X}" not found'),
    ("pull", {"model": "qwen2.5"}, 501, "the embedded engine does not support /api/pull"),
]  # fmt: skip


@pytest.mark.parametrize(("path", "body", "status", "text"), MATRIX)
def test_refusals(
    engine_http: httpx.Client, path: str, body: dict[str, Any], status: int, text: str
) -> None:
    reply = engine_http.post(f"/api/{path}", json=body)
    assert (reply.status_code, reply.json()) == (status, {"error": text})
    assert reply.headers["content-type"] == "application/json; charset=utf-8"


def test_suffix_without_insert(engine_http: httpx.Client, tiny: str, tmp_path: Any) -> None:
    plain = tiny_gguf.write(tmp_path / "plain.gguf", seed=1, fim=False)
    Store(paths.models_dir()).add_gguf("plain", plain)
    body = {"model": "plain", "prompt": "a", "suffix": "b"}
    reply = engine_http.post("/api/generate", json=body)
    assert reply.status_code == 400
    text = "registry.ollama.ai/library/plain:latest does not support insert"
    assert reply.json() == {"error": text}


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
    assert engine_http.post("/v1/chat/completions", json={}).status_code == 501


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
