"""``/api/chat``: messages of every kind, tools, thinking, format."""

from __future__ import annotations

from typing import Any

from tests.differential.case import (
    BARE,
    DEMO,
    GO,
    GREEDY,
    NATIVE,
    TALK,
    TOOLS,
    VECTOR,
    Case,
    Texts,
    post,
)

_PATH = "/api/chat"
_HELLO = [{"role": "user", "content": "hello"}]
_TOOL = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "Weather of a place.",
        "parameters": {
            "type": "object",
            "required": ["place"],
            "properties": {"place": {"type": "string", "description": "a town"}},
        },
    },
}


def _chat(name: str, *, texts: Texts = "same", model: str = DEMO, **fields: Any) -> Case:
    body = {"model": model, "messages": _HELLO, "options": GREEDY, "stream": False, **fields}
    return post(f"chat/{name}", _PATH, body, texts=texts)


def _messages(name: str, *messages: Any, model: str = DEMO) -> Case:
    return _chat(f"messages-{name}", messages=list(messages), model=model)


_CALL = {"function": {"name": "weather", "arguments": {"place": "Bonn"}}}

CHAT: list[Case] = [
    _chat("plain"),
    _chat("bare", model=BARE),
    _chat("native", model=NATIVE),
    _chat("native-streamed", model=NATIVE, stream=True),
    _chat("native-tools", model=NATIVE, tools=[_TOOL]),
    _chat("native-tools-streamed", model=NATIVE, tools=[_TOOL], stream=True),
    _chat("native-think", model=NATIVE, think=True),
    _chat("native-think-high", model=NATIVE, think="high", stream=True),
    _chat("native-no-think", model=NATIVE, think=False),
    _chat("native-format", model=NATIVE, format="json", texts="any"),
    _chat("native-format-think", model=NATIVE, format="json", think=True, texts="any"),
    _chat("native-logprobs", model=NATIVE, logprobs=True, top_logprobs=1),
    _chat("native-logprobs-streamed", model=NATIVE, logprobs=True, stream=True),
    _chat("native-debug", model=NATIVE, _debug_render_only=True),
    _chat("native-debug-tools", model=NATIVE, tools=[_TOOL], _debug_render_only=True),
    _chat("native-stop", model=NATIVE, options={**GREEDY, "stop": ["Ask"]}),
    _chat("native-no-content", model=NATIVE, messages=[{"role": "user"}]),
    _chat("native-roles", model=NATIVE, messages=[*_HELLO, {"role": "user", "content": "x"}]),
    _chat("native-robot", model=NATIVE, messages=[{"role": "robot", "content": "x"}]),
    _chat(
        "native-history",
        model=NATIVE,
        messages=[
            *_HELLO,
            {"role": "assistant", "content": "", "tool_calls": [_CALL]},
            {"role": "tool", "tool_name": "weather", "content": "rain"},
        ],
    ),
    _chat("native-too-long", model=NATIVE, messages=[{"role": "user", "content": "hello " * 3000}]),
    _chat(
        "native-assistant-last",
        model=NATIVE,
        messages=[*_HELLO, {"role": "assistant", "content": "Hello! Ask"}],
    ),
    _chat("streamed", stream=True),
    _chat("one-token", options={**GREEDY, "num_predict": 1}),
    _chat("one-token-streamed", options={**GREEDY, "num_predict": 1}, stream=True),
    _chat("stop", options={**GREEDY, "stop": ["example"]}),
    _chat("stop-streamed", options={**GREEDY, "stop": ["example"]}, stream=True),
    _chat("go", model=GO),
    _chat("go-streamed", model=GO, stream=True),
    _chat("talk", model=TALK),
    _chat("tools-model", model=TOOLS),
    _chat("vector-model", model=VECTOR),
    _chat("debug", _debug_render_only=True),
    _chat("debug-go", _debug_render_only=True, model=GO),
    _chat("debug-talk", _debug_render_only=True, model=TALK),
    _chat("debug-tools", _debug_render_only=True, model=TOOLS, tools=[_TOOL]),
    _chat(
        "debug-same-roles",
        _debug_render_only=True,
        model=GO,
        messages=[*_HELLO, {"role": "user", "content": "again"}],
    ),
    _chat(
        "debug-calls",
        _debug_render_only=True,
        model=TOOLS,
        tools=[_TOOL],
        messages=[
            *_HELLO,
            {"role": "assistant", "thinking": "Hm.", "tool_calls": [_CALL]},
            {"role": "tool", "tool_name": "weather", "content": "rain"},
        ],
    ),
    _chat(
        "debug-system-later",
        _debug_render_only=True,
        model=GO,
        messages=[*_HELLO, {"role": "system", "content": "Late."}],
    ),
    _messages("system", {"role": "system", "content": "Be brief."}, *_HELLO),
    _messages("upper-role", {"role": "USER", "content": "hello"}),
    _messages("unknown-role", {"role": "robot", "content": "hello"}),
    _messages("no-role", {"content": "hello"}),
    _messages("no-content", {"role": "user"}),
    _messages("null-content", {"role": "user", "content": None}),
    _messages("empty-content", {"role": "user", "content": ""}),
    _messages("list-content", {"role": "user", "content": [{"type": "text", "text": "x"}]}),
    _messages("number-content", {"role": "user", "content": 1}),
    _messages("number-role", {"role": 1, "content": "x"}),
    _messages("text", "hello"),
    _messages("null", None),
    _messages("list", []),
    _messages("assistant-last", *_HELLO, {"role": "assistant", "content": "Hello! Ask"}),
    _messages("turns", *_HELLO, {"role": "assistant", "content": "Hi."}, *_HELLO),
    _messages(
        "thinking", *_HELLO, {"role": "assistant", "content": "Hi.", "thinking": "Hm."}, *_HELLO
    ),
    _messages(
        "tool",
        *_HELLO,
        {"role": "assistant", "tool_calls": [_CALL]},
        {"role": "tool", "tool_name": "weather", "content": "rain"},
        model=TOOLS,
    ),
    _messages("calls-wrong", *_HELLO, {"role": "assistant", "tool_calls": [{"function": 1}]}),
    _messages("calls-text", *_HELLO, {"role": "assistant", "tool_calls": "x"}),
    _messages(
        "calls-arguments-text",
        *_HELLO,
        {"role": "assistant", "tool_calls": [{"function": {"name": "f", "arguments": "{}"}}]},
    ),
    _messages("images", {"role": "user", "content": "x", "images": ["aGk="]}),
    _messages("images-bad", {"role": "user", "content": "x", "images": ["%%%"]}),
    _messages(
        "images-data-url",
        {"role": "user", "content": "x", "images": ["data:image/png;base64,aGk="]},
    ),
    _messages("images-empty", {"role": "user", "content": "hello", "images": []}),
    _chat("messages-object", messages={}),
    _chat("messages-string", messages="hello"),
    _chat("tools-empty", tools=[]),
    _chat("tools-null", tools=None),
    _chat("tools-unsupported", tools=[_TOOL]),
    _chat("tools", tools=[_TOOL], model=TOOLS),
    _chat("tools-streamed", tools=[_TOOL], model=TOOLS, stream=True),
    _chat("tools-object", tools={}),
    _chat("tools-strings", tools=["x"]),
    _chat("tools-no-function", tools=[{"type": "function"}], model=TOOLS),
    _chat("tools-wrong-name", tools=[{"type": "function", "function": {"name": 1}}], model=TOOLS),
    _chat(
        "tools-wrong-parameters",
        tools=[{"type": "function", "function": {"name": "f", "parameters": []}}],
        model=TOOLS,
    ),
    _chat("format-json", format="json", texts="any"),
    _chat("format-json-streamed", format="json", stream=True, texts="any"),
    _chat(
        "format-schema",
        format={"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]},
        texts="any",
    ),
    _chat(
        "format-array",
        format={"type": "array", "items": {"type": "integer"}, "maxItems": 3},
        texts="any",
    ),
    _chat("format-xml", format="xml"),
    _chat("think-off", think=False),
    _chat("think-on", think=True),
    _chat("think-low", think="low"),
    _chat("think-bad", think="hard"),
    _chat("think-tools-model", think=True, model=TOOLS),
    _chat("think-tools-model-streamed", think=True, model=TOOLS, stream=True),
    _chat("logprobs", logprobs=True),
    _chat("logprobs-streamed", logprobs=True, stream=True),
    _chat("logprobs-top", logprobs=True, top_logprobs=2),
    _chat("logprobs-go", logprobs=True, top_logprobs=2, model=GO),
    _chat("logprobs-top-many", top_logprobs=21),
    _chat(
        "too-long",
        messages=[{"role": "system", "content": "Be kind."}]
        + [{"role": "user", "content": "hello " * 300}, {"role": "assistant", "content": "Yes"}] * 4
        + _HELLO,
        texts="any",
    ),
    _chat("too-long-last", messages=[{"role": "user", "content": "hello " * 3000}], texts="any"),
    _chat(
        "too-long-refused", messages=[{"role": "user", "content": "hello " * 3000}], truncate=False
    ),
    _chat("wrong-option", options={"num_ctx": "x"}),
    _chat("unicode", messages=[{"role": "user", "content": "e\u0301 \U0001f600 \u202e"}]),
]
