"""Request bodies that no client would write, on every endpoint: always an answer with a reason.

Each body is sent to the real engine; generated text is bounded by ``num_predict``. What must
hold: a status that HTTP knows, no "internal error", JSON where JSON is said, and an engine
that still answers, within the client's time limit.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from local_assistant.engine.launch import EngineInfo

TIMEOUT_S = 30
MODEL = "assistant-demo"
ENDPOINTS: dict[str, str] = {
    "/api/generate": "POST",
    "/api/chat": "POST",
    "/api/embed": "POST",
    "/api/embeddings": "POST",
    "/api/show": "POST",
    "/api/copy": "POST",
    "/api/create": "POST",
    "/api/delete": "DELETE",
    "/api/pull": "POST",
    "/v1/chat/completions": "POST",
    "/v1/completions": "POST",
    "/v1/embeddings": "POST",
}
FIELDS: dict[str, tuple[str, ...]] = {
    "/api/generate": (
        "prompt", "suffix", "system", "template", "context", "stream", "raw", "format",
        "keep_alive", "images", "options", "think", "truncate", "shift", "logprobs",
        "top_logprobs", "_debug_render_only", "MODEL",
    ),
    "/api/chat": (
        "messages", "tools", "format", "think", "stream", "keep_alive", "options", "truncate",
        "shift", "logprobs", "top_logprobs", "_debug_render_only",
    ),
    "/api/embed": ("input", "truncate", "dimensions", "options", "keep_alive"),
    "/api/embeddings": ("prompt", "options", "keep_alive"),
    "/api/show": ("name", "verbose", "system", "options"),
    "/api/copy": ("source", "destination"),
    "/api/create": (
        "name", "from", "files", "adapters", "template", "system", "license", "parameters",
        "messages", "quantize", "renderer", "parser", "requires", "stream",
    ),
    "/api/delete": ("name",),
    "/api/pull": ("name", "insecure", "stream"),
    "/v1/chat/completions": (
        "messages", "stream", "stream_options", "seed", "stop", "temperature", "top_p",
        "frequency_penalty", "presence_penalty", "response_format", "tools", "reasoning_effort",
        "reasoning", "logprobs", "top_logprobs",
    ),
    "/v1/completions": (
        "prompt", "suffix", "stream", "stream_options", "seed", "stop", "temperature", "top_p",
        "frequency_penalty", "presence_penalty", "logprobs", "echo",
    ),
    "/v1/embeddings": ("input", "dimensions", "encoding_format"),
}  # fmt: skip
OPTIONS = (
    "num_predict", "num_keep", "temperature", "top_k", "top_p", "min_p", "typical_p",
    "repeat_last_n", "repeat_penalty", "presence_penalty", "frequency_penalty", "seed", "stop",
    "num_ctx", "num_batch", "num_gpu", "num_thread", "use_mmap", "main_gpu",
)  # fmt: skip
MESSAGE = ("role", "content", "thinking", "images", "tool_calls", "tool_name", "tool_call_id")

# Lone surrogates too: json.dumps writes them as escapes, which is what a client would send.
texts = st.text(max_size=12) | st.text(
    st.sampled_from("\x00\ud800\udfff\u202e\ufeff\u0301🙂<|im_start|>{{}}%\\\"'/:"), max_size=10
)
numbers = st.one_of(
    st.integers(-3, 9),
    st.sampled_from([2**31, -(2**31) - 1, 2**63, 10**40, -(10**40)]),
    st.floats(allow_nan=True, allow_infinity=True),
    st.sampled_from([1e308, -1e308, 1e-320, math.inf, math.nan, 0.5]),
)
scalars = st.none() | st.booleans() | numbers | texts
anything = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)
options = st.dictionaries(st.sampled_from(OPTIONS), anything, max_size=4)
call = st.fixed_dictionaries(
    {},
    optional={
        "id": anything,
        "function": st.fixed_dictionaries({}, optional={"name": anything, "arguments": anything})
        | anything,
    },
)
messages = st.lists(
    st.dictionaries(st.sampled_from(MESSAGE), anything, max_size=4)
    | st.fixed_dictionaries(
        {"role": st.sampled_from(["user", "assistant", "system", "tool", "Robot"])},
        optional={"content": texts, "tool_calls": st.lists(call, max_size=2), "thinking": texts},
    )
    | anything,
    max_size=3,
)
tools = st.lists(
    st.fixed_dictionaries(
        {"type": st.just("function") | anything},
        optional={
            "function": st.fixed_dictionaries(
                {"name": texts | anything}, optional={"parameters": anything}
            )
            | anything
        },
    ),
    max_size=2,
)
schemas = st.recursive(
    st.sampled_from(
        [
            {"type": "string"},
            {"type": "integer", "minimum": 3, "maximum": 1},
            {"type": "nothing"},
            {"$ref": "#"},
            {"$ref": "#/$defs/x"},
            {"pattern": "(((" * 5},
            {"enum": []},
            {"const": None},
            {"minItems": 10**9, "type": "array"},
            {"type": "string", "maxLength": 10**9},
            True,
        ]
    ),
    lambda inner: st.fixed_dictionaries(
        {}, optional={"properties": st.dictionaries(texts, inner, max_size=2), "items": inner,
                      "anyOf": st.lists(inner, max_size=2), "required": anything}
    ),
    max_leaves=4,
)  # fmt: skip


def _field(name: str) -> st.SearchStrategy[Any]:
    special = {
        "messages": messages,
        "tools": tools,
        "options": options,
        "format": st.sampled_from(["json", "", "xml"]) | schemas,
        "response_format": st.fixed_dictionaries(
            {"type": st.sampled_from(["json_schema", "json_object", "text"])},
            optional={"json_schema": st.fixed_dictionaries({"schema": schemas}) | anything},
        ),
        "images": st.lists(texts, max_size=2),
        "input": texts | st.lists(texts, max_size=2),
        "prompt": texts,
        "stream": st.booleans(),
        "keep_alive": st.sampled_from(["5m", "-1", "1e9h", "0", "9" * 400 + "h", "µs", 1e300]),
        "context": st.lists(st.integers(-5, 5000) | numbers, max_size=4),
    }
    return special[name] | anything if name in special else anything


def _body(path: str) -> st.SearchStrategy[dict[str, Any]]:
    model = st.just(MODEL) if path != "/api/delete" else texts
    if path in ("/api/pull", "/api/create"):
        model = st.just("") | anything  # nothing is to be fetched or made
    elif path not in ("/api/copy", "/api/delete"):
        model = st.one_of(*[st.just(MODEL)] * 9, anything)
    optional = {name: _field(name) for name in FIELDS[path]}
    return st.fixed_dictionaries({"model": model}, optional=optional)


def _bounded(path: str, body: dict[str, Any]) -> dict[str, Any]:
    """At most a few tokens, and a model of ordinary size."""
    if path.startswith("/v1/"):
        return {**body, "max_tokens": 4}
    given = body.get("options")
    if path in ("/api/generate", "/api/chat") and (given is None or isinstance(given, dict)):
        # A number of tokens that is no number is an error; that may stay.
        few = {} if isinstance((given or {}).get("num_predict"), str) else {"num_predict": 4}
        kept = {key: item for key, item in (given or {}).items() if key not in ("num_ctx",)}
        return {**body, "options": {**kept, **few}}
    return body


@pytest.fixture(scope="module")
def client(engine_again: EngineInfo) -> Iterator[httpx.Client]:
    with httpx.Client(
        base_url=engine_again.url,
        headers={"Authorization": f"Bearer {engine_again.token}"},
        timeout=TIMEOUT_S,
        trust_env=False,
    ) as opened:
        opened.post("/api/generate", json={"model": MODEL})
        yield opened


def check(client: httpx.Client, method: str, path: str, content: bytes) -> httpx.Response:
    """Send it; hold the answer to what every answer must be."""
    answer = client.request(method, path, content=content)
    said = answer.text
    assert "internal error" not in said, (path, content, said)
    assert answer.status_code in (200, 400, 403, 404, 413, 500, 501), (path, content, said)
    kind = answer.headers.get("content-type", "")
    if answer.status_code >= 400:
        error = json.loads(said)["error"]
        reason = error["message"] if path.startswith("/v1/") else error
        assert isinstance(reason, str) and reason, (path, content, said)
        assert "Traceback" not in reason
        if answer.status_code == 500:
            # Ollama, too, answers 500 for an option's type, a format, a bad template: said so.
            assert len(reason) > 8, (path, content, said)
    elif "ndjson" in kind:
        for line in said.splitlines():
            assert isinstance(json.loads(line), dict), (path, content, line)
    elif kind.startswith("application/json"):
        assert isinstance(json.loads(said), dict), (path, content, said)
    return answer


relaxed = settings(
    max_examples=45,
    deadline=None,
    database=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)


@pytest.mark.parametrize("path", ENDPOINTS)
def test_strange_bodies_are_answered_with_a_reason(client: httpx.Client, path: str) -> None:
    @relaxed
    @given(body=_body(path))
    def run(body: dict[str, Any]) -> None:
        text = json.dumps(_bounded(path, body))
        check(client, ENDPOINTS[path], path, text.encode())

    run()
    alive(client)


BYTES = (
    b"[" * 100_000,
    b'{"model":' * 50_000,
    b'{"model": "assistant-demo", "format": ' + b'{"items":' * 3000 + b"1" + b"}" * 3001,
    b'{"model": "assistant-demo", "model": "assistant-demo", "Model": 1, "model": null}',
    b'{"model": "\\ud800"}',
    b'{"model": "\\ud83d\\ude00", "prompt": "\\udc00"}',
    b'{"model": "\xff\xfe\x00"}',
    b'{"model": "assistant-demo", "options": {"seed": 1e400}}',
    b'{"model": "assistant-demo", "options": {"num_predict": 1' + b"0" * 5000 + b"}}",
    b'{"model": 1' + b"0" * 10_000 + b"}",
    b'{"model": "assistant-demo", "keep_alive": 1' + b"0" * 400 + b"}",
    b'{"model": "assistant-demo", "keep_alive": NaN}',
    b'{"model": "assistant-demo", "keep_alive": -Infinity}',
    b'{"model": "assistant-demo", "num_ctx": -0}',
    b'{"a": "' + b"x" * 1_000_000,
    b"\x00" * 1000,
    b'"' + b"\\" * 1001,
    b'{"model": "' + b"a" * 100_000 + b'"}',
    b'{"model": "..\\\\..\\\\x"}',
    b'{"model": "assistant-demo\\u0000"}',
    b"-",
    b"1e",
    b"{}{",
    b'{"messages": [{"role": "user", "content": "' + b"x " * 200 + b'"}]' * 3,
)


@pytest.mark.parametrize("path", ENDPOINTS)
def test_bytes_that_are_no_request_are_answered_with_a_reason(
    client: httpx.Client, path: str
) -> None:
    for content in BYTES:
        check(client, ENDPOINTS[path], path, content)

    @relaxed
    @given(content=st.binary(max_size=40))
    def run(content: bytes) -> None:
        check(client, ENDPOINTS[path], path, b'{"model": ' + content)

    run()
    alive(client)


def alive(client: httpx.Client) -> None:
    """The engine still answers, and the demo model still knows what it knew."""
    assert client.get("/api/version").status_code == 200
    answer = client.post(
        "/api/chat",
        json={
            "model": MODEL,
            "stream": False,
            "messages": [{"role": "user", "content": "hello"}],
            "options": {"temperature": 0},
        },
    )
    assert answer.json()["message"]["content"].startswith("Hello!"), answer.text
