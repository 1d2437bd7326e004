"""``/v1`` byte by byte: framing, order and absence of fields, errors."""

from __future__ import annotations

import re
from typing import Any

import httpx
import pytest

CHAT, COMPLETIONS, EMBEDDINGS = "/v1/chat/completions", "/v1/completions", "/v1/embeddings"
ASK = [{"role": "user", "content": "hello"}]


def masked(text: str) -> str:
    """The text without what differs from call to call."""
    text = re.sub(r'"id":"(chatcmpl|cmpl)-\d{1,3}"', r'"id":"\1-N"', text)
    return re.sub(r'"created":\d{10}', '"created":T', text)


def stream(http: httpx.Client, path: str, body: dict[str, Any]) -> list[str]:
    """The masked events of a streamed answer, each without its ending."""
    answer = http.post(path, json={**body, "stream": True})
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/event-stream"
    assert answer.text.endswith("\n\n")
    return [masked(event) for event in answer.text[:-2].split("\n\n")]


def test_a_chat(engine_http: httpx.Client, tiny: str) -> None:
    body = {"model": tiny, "messages": ASK, "max_tokens": 2, "temperature": 0}
    answer = engine_http.post(CHAT, json=body)
    assert answer.headers["content-type"] == "application/json"
    said = answer.json()["choices"][0]["message"]["content"]
    assert masked(answer.text) == (
        '{"id":"chatcmpl-N","object":"chat.completion","created":T,"model":"tiny:latest",'
        '"system_fingerprint":"fp_ollama","choices":[{"index":0,"message":{"role":"assistant",'
        f'"content":"{said}"}},"finish_reason":"length"}}],"usage":{{"prompt_tokens":'
        f'{answer.json()["usage"]["prompt_tokens"]},"completion_tokens":2,"total_tokens":'
        f"{answer.json()['usage']['prompt_tokens'] + 2}}}}}\n"
    )


def test_a_streamed_chat(engine_http: httpx.Client, tiny: str) -> None:
    body = {"model": tiny, "messages": ASK, "max_tokens": 2, "temperature": 0}
    whole = engine_http.post(CHAT, json=body).json()
    first, second = whole["choices"][0]["message"]["content"]
    head = (
        'data: {"id":"chatcmpl-N","object":"chat.completion.chunk","created":T,'
        '"model":"tiny:latest","system_fingerprint":"fp_ollama","choices":['
    )
    expected = [
        f'{head}{{"index":0,"delta":{{"role":"assistant","content":"{first}"}},'
        '"finish_reason":null}]}',
        f'{head}{{"index":0,"delta":{{"content":"{second}"}},"finish_reason":null}}]}}',
        f'{head}{{"index":0,"delta":{{}},"finish_reason":"length"}}]}}',
    ]
    assert stream(engine_http, CHAT, body) == [*expected, "data: [DONE]"]
    usage = whole["usage"]
    counts = ",".join(f'"{name}":{usage[name]}' for name in usage)
    with_usage = {**body, "stream_options": {"include_usage": True}}
    assert stream(engine_http, CHAT, with_usage) == [
        *expected,
        f'{head}],"usage":{{{counts}}}}}',
        "data: [DONE]",
    ]


def test_a_streamed_completion(engine_http: httpx.Client, tiny: str) -> None:
    body = {"model": tiny, "prompt": "ab", "max_tokens": 1, "temperature": 0}
    said = engine_http.post(COMPLETIONS, json=body).json()["choices"][0]["text"]
    head = 'data: {"id":"cmpl-N","object":"text_completion","created":T,"choices":['
    tail = '],"model":"tiny:latest","system_fingerprint":"fp_ollama"'
    assert stream(engine_http, COMPLETIONS, body) == [
        f'{head}{{"text":"{said}","index":0,"finish_reason":null}}{tail}}}',
        f'{head}{{"text":"","index":0,"finish_reason":"length"}}{tail}}}',
        "data: [DONE]",
    ]


def test_an_empty_prompt_loads_the_model(engine_http: httpx.Client, tiny: str) -> None:
    body = {"model": tiny, "prompt": ""}
    answer = engine_http.post(COMPLETIONS, json=body).json()
    assert answer["choices"] == [{"text": "", "index": 0, "finish_reason": "load"}]
    events = stream(engine_http, COMPLETIONS, body)
    assert len(events) == 2
    assert '"finish_reason":"load"' in events[0]


def error(message: str, kind: str = "invalid_request_error") -> dict[str, Any]:
    return {"error": {"message": message, "type": kind, "param": None, "code": None}}


@pytest.mark.parametrize(
    ("path", "body", "message"),
    [
        (CHAT, b"", "EOF"),
        (CHAT, b"{", "unexpected EOF"),
        (CHAT, b"{}", "[] is too short - 'messages'"),
        (CHAT, b'{"messages":[{"role":"user"}]}', "invalid message content type: <nil>"),
        (CHAT, b'{"messages":[{"role":"user","content":1}]}',
         "invalid message content type: float64"),
        (CHAT, b'{"messages":[{"role":"user","content":[1]}]}', "invalid message format"),
        (CHAT, b'{"messages":[{"content":[{"type":"image_url","image_url":"http://a/b"}]}]}',
         "image URLs are not currently supported, please use base64 encoded data instead"),
        (CHAT, b'{"messages":[{"content":[{"type":"image_url","image_url":{"url":"data:x"}}]}]}',
         "invalid image input"),
        (CHAT, b'{"messages":[{"tool_calls":[{"function":{"arguments":"{"}}]}]}',
         "invalid tool call arguments"),
        (CHAT, b'{"messages":[{"content":"x"}],"reasoning_effort":"much"}',
         'invalid reasoning value: "much" (must be "minimal", "low", "medium", "high", "xhigh", '
         '"ultra", "max", or "none")'),
        (CHAT, b'{"messages":"x"}', "json: cannot unmarshal string into Go struct field "
         "ChatCompletionRequest.messages of type []openai.Message"),
        (CHAT, b'{"messages":[],"temperature":"hot"}', "json: cannot unmarshal string into Go "
         "struct field ChatCompletionRequest.temperature of type float64"),
        (COMPLETIONS, b'{"prompt":["a"]}', "json: cannot unmarshal array into Go struct field "
         "CompletionRequest.prompt of type string"),
        (COMPLETIONS, b'{"stop":["a",1]}', "invalid type for 'stop' field: float64"),
        (EMBEDDINGS, b'{"input":[]}', "invalid input"),
        (EMBEDDINGS, b"{}", "invalid input"),
        (EMBEDDINGS, b'{"input":"a","encoding_format":"hex"}', "Invalid value for "
         "'encoding_format' = hex. Supported values: ['float', 'base64']."),
    ],
)  # fmt: skip
def test_what_is_refused(engine_http: httpx.Client, path: str, body: bytes, message: str) -> None:
    answer = engine_http.post(path, content=body)
    assert (answer.status_code, answer.json()) == (400, error(message))


def test_errors_of_the_model_have_their_status(engine_http: httpx.Client, tiny: str) -> None:
    answer = engine_http.post(CHAT, json={"model": "missing", "messages": ASK, "stream": True})
    assert answer.status_code == 404
    assert answer.json() == error("model 'missing' not found", "not_found_error")
    thinking = {"model": tiny, "messages": ASK, "reasoning_effort": "high"}
    answer = engine_http.post(CHAT, json=thinking)
    assert answer.status_code == 400
    assert "does not support thinking" in answer.json()["error"]["message"]
    quiet = engine_http.post(CHAT, json={**thinking, "reasoning_effort": "none", "max_tokens": 1})
    assert quiet.status_code == 200


@pytest.mark.parametrize("path", ["/v1/responses", "/v1/messages", "/v1/audio/transcriptions"])
def test_what_is_left_out_says_so(engine_http: httpx.Client, path: str) -> None:
    answer = engine_http.post(path, json={})
    assert answer.status_code == 501
    assert answer.json()["error"]["message"].startswith(
        f"the embedded engine does not support {path}: "
    )


def test_methods_and_paths(engine_http: httpx.Client) -> None:
    wrong = engine_http.get(CHAT)
    assert (wrong.status_code, wrong.headers["allow"]) == (405, "POST")
    assert engine_http.get("/v1/models/hf.co/user/repo").text == "404 page not found"
