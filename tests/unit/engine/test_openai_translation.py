"""OpenAI's requests and answers, without a model: what no small model can be made to say."""

from __future__ import annotations

import json
from typing import Any

import pytest

from local_assistant.engine.openai import answers as openai_answers
from local_assistant.engine.openai import requests as openai_requests
from local_assistant.engine.wire.shapes import ApiError


def chat(messages: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
    """The ``/api/chat`` request for a chat."""
    body = json.dumps({"model": "m", "messages": messages, **more}).encode()
    translated: dict[str, Any] = json.loads(openai_requests.chat(body).body)
    return translated


def events(*chunks: dict[str, Any]) -> list[Any]:
    """The choices of the events for a streamed chat; ``None`` for the end mark."""
    made = openai_answers.ChatEvents(include_usage=False)
    stamp = {"model": "m", "created_at": "2026-01-02T03:04:05.123456789Z"}
    found = [event for chunk in chunks for event in made.of({**stamp, **chunk})]
    data = [event.decode().removeprefix("data: ").strip() for event in found]
    return [None if text == "[DONE]" else json.loads(text)["choices"][0] for text in data]


CALL = {"id": "call_a", "function": {"name": "f", "arguments": {"z": 1, "a": "<b>"}}}
TEXT = '{"z":1,"a":"\\u003cb\\u003e"}'
OUR_CALL = {
    "id": "call_a",
    "index": 0,
    "type": "function",
    "function": {"name": "f", "arguments": TEXT},
}


def test_a_conversation_with_tools_is_translated() -> None:
    called = {"id": "call_a", "type": "function", "function": {"name": "f", "arguments": TEXT}}
    result = {"role": "tool", "tool_call_id": "call_a", "content": "sunny"}
    sent = chat(
        [{"role": "user", "content": "hi"}, {"role": "assistant", "tool_calls": [called]}, result],
        tools=[{"type": "function", "function": {"name": "f"}}],
    )
    assert sent["messages"] == [
        {"role": "user", "content": "hi"},
        {"role": "assistant", "tool_calls": [CALL]},
        {"role": "tool", "content": "sunny", "tool_name": "f", "tool_call_id": "call_a"},
    ]
    assert sent["tools"] == [{"type": "function", "function": {"name": "f"}}]
    assert sent["options"] == {"temperature": 1.0, "top_p": 1.0}


def test_each_part_becomes_a_message() -> None:
    parts = [
        {"type": "text", "text": "look"},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,aGk="}},
    ]
    assert chat([{"role": "user", "content": parts}])["messages"] == [
        {"role": "user", "content": "look"},
        {"role": "user", "images": ["aGk="]},
    ]


def test_options_are_renamed() -> None:
    sent = chat(
        [{"role": "user", "content": "hi"}],
        max_tokens=5,
        seed=3,
        stop="x",
        temperature=0,
        top_p=0.5,
        frequency_penalty=0.25,
        presence_penalty=0.5,
        max_completion_tokens=9,
        response_format={"type": "json_object"},
        reasoning={"effort": "minimal"},
    )
    assert sent["options"] == {
        "num_predict": 5,
        "seed": 3,
        "stop": ["x"],
        "temperature": 0,
        "top_p": 0.5,
        "frequency_penalty": 0.25,
        "presence_penalty": 0.5,
    }
    assert (sent["format"], sent["think"]) == ("json", "low")


def test_a_schema_keeps_its_order() -> None:
    schema = {"type": "object", "properties": {"z": {}, "a": {}}}
    wanted = {"type": "json_schema", "json_schema": {"name": "n", "schema": schema}}
    sent = chat([{"role": "user", "content": "hi"}], response_format=wanted)
    assert list(sent["format"]["properties"]) == ["z", "a"]


def test_a_tool_of_the_wrong_shape_is_refused() -> None:
    with pytest.raises(ApiError, match="field ChatCompletionRequest"):
        chat([{"role": "user", "content": "hi"}], tools=[5])


def test_thinking_goes_before_what_is_said() -> None:
    found = events(
        {"message": {"role": "assistant", "content": "", "thinking": "hm"}},
        {"message": {"role": "assistant", "content": "yes", "thinking": "so"}},
        {"message": {"role": "assistant", "content": ""}, "done": True, "done_reason": "stop"},
    )
    assert [choice and (choice["delta"], choice["finish_reason"]) for choice in found] == [
        ({"role": "assistant", "content": "", "reasoning": "hm"}, None),
        ({"reasoning": "so"}, None),
        ({"content": "yes"}, None),
        ({}, "stop"),
        None,
    ]


def test_a_call_ends_a_stream_with_its_own_reason() -> None:
    message = {"role": "assistant", "content": "", "tool_calls": [CALL]}
    found = events({"message": message, "done": True, "done_reason": "stop"})
    assert found == [
        {
            "index": 0,
            "delta": {"role": "assistant", "content": "", "tool_calls": [OUR_CALL]},
            "finish_reason": None,
        },
        {"index": 0, "delta": {}, "finish_reason": "tool_calls"},
        None,
    ]


def test_a_call_that_was_cut_off_says_so() -> None:
    message = {"role": "assistant", "content": "", "tool_calls": [CALL]}
    found = events({"message": message, "done": True, "done_reason": "length"})
    assert found[-2]["finish_reason"] == "length"


def test_a_whole_answer_with_a_call() -> None:
    message = {"role": "assistant", "content": "", "thinking": "hm", "tool_calls": [CALL]}
    answer = openai_answers.chat({"message": message, "done_reason": "stop"})
    assert answer["choices"] == [
        {
            "index": 0,
            "message": {
                "role": "assistant",
                "content": "",
                "reasoning": "hm",
                "tool_calls": [OUR_CALL],
            },
            "finish_reason": "tool_calls",
        }
    ]


def test_an_empty_answer_still_begins_with_a_role() -> None:
    found = events(
        {"message": {"role": "assistant", "content": ""}, "done": True, "done_reason": "stop"}
    )
    assert found[0]["delta"] == {"role": "assistant", "content": ""}
    assert found[1]["delta"] == {}


@pytest.mark.parametrize(
    ("stamp", "seconds"),
    [
        ("1970-01-01T00:01:00Z", 60),
        ("1970-01-01T02:01:00.123456789+02:00", 60),
        ("1969-12-31T19:01:00.5-05:00", 60),
    ],
)
def test_timestamps(stamp: str, seconds: int) -> None:
    assert openai_answers.unix(stamp) == seconds


def test_no_models_are_null() -> None:
    assert openai_answers.models({"models": []}) == {"object": "list", "data": None}
