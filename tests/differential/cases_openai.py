"""``/v1``: OpenAI's shapes."""

from __future__ import annotations

from typing import Any

from tests.differential.case import DEMO, GO, NATIVE, TALK, TOOLS, VECTOR, Case, Texts, get, post
from tests.differential.cases_chat import _TOOL

_HELLO = [{"role": "user", "content": "hello"}]
_FEW: dict[str, Any] = {"temperature": 0, "max_tokens": 12}


def _chat(name: str, *, texts: Texts = "same", model: str = DEMO, **fields: Any) -> Case:
    body = {"model": model, "messages": _HELLO, **_FEW, **fields}
    return post(f"v1-chat/{name}", "/v1/chat/completions", body, texts=texts)


def _text(name: str, *, texts: Texts = "same", model: str = DEMO, **fields: Any) -> Case:
    body = {"model": model, "prompt": "hello", **_FEW, **fields}
    return post(f"v1-completions/{name}", "/v1/completions", body, texts=texts)


def _embed(name: str, *, model: str = VECTOR, **fields: Any) -> Case:
    return post(f"v1-embeddings/{name}", "/v1/embeddings", {"model": model, **fields})


_USAGE: dict[str, Any] = {"stream": True, "stream_options": {"include_usage": True}}

OPENAI: list[Case] = [
    get("v1-models/one", f"/v1/models/{DEMO}"),
    get("v1-models/tag", f"/v1/models/{DEMO}:latest"),
    get("v1-models/unknown", "/v1/models/no-such-model"),
    get("v1-models/namespace", "/v1/models/a/b"),
    get("v1-models/empty", "/v1/models/"),
    get("v1-models/bad", "/v1/models/a%20b"),
    _chat("plain"),
    _chat("streamed", stream=True),
    _chat("usage", **_USAGE),
    _chat("all", max_tokens=None),
    _chat("all-streamed", max_tokens=None, stream=True),
    _chat("max-completion-tokens", max_tokens=None, max_completion_tokens=3),
    _chat("go", model=GO),
    _chat("talk", model=TALK),
    _chat("stop-text", stop="Ask"),
    _chat("stop-list", stop=["Ask", "me"]),
    _chat("stop-number", stop=1),
    _chat("parts", messages=[{"role": "user", "content": [{"type": "text", "text": "hello"}]}]),
    _chat(
        "parts-two",
        messages=[
            {
                "role": "user",
                "content": [{"type": "text", "text": "hello"}, {"type": "text", "text": "again"}],
            }
        ],
    ),
    _chat("parts-unknown", messages=[{"role": "user", "content": [{"type": "video", "url": "x"}]}]),
    _chat(
        "parts-image",
        messages=[
            {
                "role": "user",
                "content": [
                    {"type": "image_url", "image_url": {"url": "http://example.com/a.png"}}
                ],
            }
        ],
    ),
    _chat(
        "parts-image-bad",
        messages=[
            {
                "role": "user",
                "content": [
                    {"type": "image_url", "image_url": {"url": "data:image/png;base64,%%"}}
                ],
            }
        ],
    ),
    _chat("content-null", messages=[{"role": "user", "content": None}]),
    _chat("content-number", messages=[{"role": "user", "content": 1}]),
    _chat("messages-empty", messages=[]),
    _chat("messages-absent", messages=None),
    _chat("messages-text", messages="hello"),
    _chat("model-unknown", model="no-such-model"),
    _chat("model-bad", model="a b"),
    _chat("model-empty", model=""),
    _chat("vector-model", model=VECTOR),
    _chat("system", messages=[{"role": "system", "content": "Be brief."}, *_HELLO]),
    _chat("developer", messages=[{"role": "developer", "content": "Be brief."}, *_HELLO]),
    _chat("tools", tools=[_TOOL], model=TOOLS),
    _chat("native-tools", tools=[_TOOL], model=NATIVE),
    _chat("native-streamed", model=NATIVE, **_USAGE),
    _chat("native-effort", model=NATIVE, reasoning_effort="high"),
    _chat("native-effort-none", model=NATIVE, reasoning_effort="none"),
    _chat("tools-unsupported", tools=[_TOOL]),
    _chat(
        "tool-history",
        model=TOOLS,
        messages=[
            *_HELLO,
            {
                "role": "assistant",
                "tool_calls": [
                    {
                        "id": "c1",
                        "type": "function",
                        "function": {"name": "weather", "arguments": '{"place": "Bonn"}'},
                    }
                ],
            },
            {"role": "tool", "tool_call_id": "c1", "content": "rain"},
        ],
    ),
    _chat(
        "tool-history-bad",
        model=TOOLS,
        messages=[
            *_HELLO,
            {
                "role": "assistant",
                "tool_calls": [
                    {
                        "id": "c1",
                        "type": "function",
                        "function": {"name": "weather", "arguments": "{"},
                    }
                ],
            },
        ],
    ),
    _chat("format-json", response_format={"type": "json_object"}, texts="any"),
    _chat("format-text", response_format={"type": "text"}),
    _chat(
        "format-schema",
        response_format={
            "type": "json_schema",
            "json_schema": {
                "name": "x",
                "schema": {
                    "type": "object",
                    "properties": {"a": {"type": "integer"}},
                    "required": ["a"],
                },
            },
        },
        texts="any",
    ),
    _chat("format-schema-absent", response_format={"type": "json_schema"}),
    _chat("format-unknown", response_format={"type": "xml"}),
    _chat("effort-none", reasoning_effort="none"),
    _chat("effort-high", reasoning_effort="high"),
    _chat("effort-bad", reasoning_effort="hard"),
    _chat("effort-tools-model", reasoning_effort="high", model=TOOLS),
    _chat("reasoning", reasoning={"effort": "none"}),
    _chat("logprobs", logprobs=True, top_logprobs=2),
    _chat("logprobs-streamed", logprobs=True, stream=True),
    _chat("ignored", n=2, user="me", tool_choice="none", logit_bias={}),
    _chat("seed-text", seed="x"),
    _chat("temperature-text", temperature="x"),
    _chat("stream-text", stream="x"),
    _text("plain"),
    _text("streamed", stream=True),
    _text("usage", **_USAGE),
    _text("empty", prompt=""),
    _text("empty-streamed", prompt="", stream=True),
    _text("absent", prompt=None),
    _text("list", prompt=["hello"]),
    _text("number", prompt=1),
    _text("suffix", prompt="def add(a, b):\n    return ", suffix="\n", model=GO),
    _text(
        "suffix-streamed", prompt="def add(a, b):\n    return ", suffix="\n", model=GO, stream=True
    ),
    _text("suffix-without-insert", prompt="a", suffix="b"),
    _text("stop-text", stop="Ask"),
    _text("stop-bad", stop={}),
    _text("logprobs", logprobs=2),
    _text("model-unknown", model="no-such-model"),
    _text("model-unknown-streamed", model="no-such-model", stream=True),
    _text("vector-model", model=VECTOR),
    _text("echo", echo=True, best_of=1),
    _embed("text", input="hello"),
    _embed("list", input=["hello", "goodbye"]),
    _embed("empty-text", input=""),
    _embed("empty-list", input=[]),
    _embed("absent"),
    _embed("number", input=1),
    _embed("tokens", input=[1, 2]),
    _embed("dimensions", input="hello", dimensions=8),
    _embed("float", input="hello", encoding_format="float"),
    _embed("bad-format", input="hello", encoding_format="hex"),
    _embed("model-unknown", input="hello", model="no-such-model"),
]
