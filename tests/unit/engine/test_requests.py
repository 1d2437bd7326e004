"""Request bodies: what is refused and in which words, what is read leniently."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from local_assistant.engine.wire import requests
from local_assistant.engine.wire.shapes import ApiError

READERS: dict[str, Callable[[bytes], Any]] = {
    "generate": requests.read_generate,
    "chat": requests.read_chat,
    "embed": requests.read_embed,
    "embeddings": requests.read_embedding,
}
REFUSED = json.loads((Path(__file__).parent / "refused_bodies.json").read_text(encoding="utf-8"))
"""Endpoint, body, and what Ollama 0.33.0 answered with status 400."""


@pytest.mark.parametrize(("path", "body", "text"), REFUSED)
def test_bodies_are_refused_in_ollamas_words(path: str, body: str, text: str) -> None:
    with pytest.raises(ApiError) as caught:
        READERS[path](body.encode())
    assert (caught.value.status, caught.value.message) == (400, text)


def test_deep_nesting_is_refused() -> None:
    for body in ("[" * 20_000, '{"options":' + '{"a":' * 20_000):
        with pytest.raises(ApiError, match="exceeded max depth"):
            requests.read_generate(body.encode())


def test_bodies_are_read_leniently() -> None:
    body = '{"MODEL": "a", "Prompt": "b", "stream": null, "unknown": [1e5], "options": {}} rest'
    read = requests.read_generate(body.encode())
    assert (read.model, read.prompt, read.stream, read.options) == ("a", "b", True, {})
    assert read.context is None
    assert requests.read_generate(b'{"context": []}').context == []
    assert requests.read_generate(b"null").model == ""
    twice = requests.read_generate(b'{"prompt": "a", "PROMPT": "b"}')
    assert twice.prompt == "b"


def test_halves_of_surrogate_pairs_are_replaced() -> None:
    read = requests.read_generate(b'{"prompt": "a\\ud800b \\ud83d\\ude00", "system": "\\udc00"}')
    assert read.prompt == "a\ufffdb \U0001f600"
    assert read.system == "\ufffd"


@pytest.mark.parametrize(
    ("value", "seconds"),
    [("null", None), ("0", 0), ("-1", math.inf), ("300", 300), ('"5m"', 300), ('"0"', 0),
     ('"-5m"', math.inf), ('"1h30m"', 5400), ("0.5", 0.5), ('"-0"', 0)],
)  # fmt: skip
def test_keep_alive(value: str, seconds: float | None) -> None:
    assert requests.read_embed(f'{{"keep_alive": {value}}}'.encode()).keep_alive == seconds


@pytest.mark.parametrize("value", [True, False, "low", "medium", "high", "max", None])
def test_think(value: Any) -> None:
    assert requests.read_chat(json.dumps({"think": value}).encode()).think == value


def test_messages_and_tools() -> None:
    tool = {
        "type": "function",
        "function": {
            "name": "f",
            "strict": True,
            "parameters": {
                "type": "object",
                "properties": {"a": {"type": ["string", "null"], "anyOf": [{}]}},
            },
        },
    }
    call = {"function": {"name": "f", "arguments": {"a": 1.5}}, "type": "function"}
    body = {"messages": [{"role": "ASSISTANT", "tool_calls": [call]}, None], "tools": [tool]}
    read = requests.read_chat(json.dumps(body).encode())
    assert read.messages[0]["role"] == "assistant"
    assert read.messages[0]["tool_calls"] == [{"function": call["function"]}]
    assert read.messages[1]["role"] == ""
    assert read.tools == [tool]  # whole: templates may use more of it than Ollama reads


@pytest.mark.parametrize("text", ["", "AAAA", "QQ==", "QUI=", "QU\nI="])
def test_whole_images(text: str) -> None:
    assert requests.read_generate(json.dumps({"images": [text]}).encode()).images == [text]


@pytest.mark.parametrize(
    ("text", "at"),
    [("@", 0), ("AAAA@", 4), ("A", 0), ("AAAAAB", 4), ("=AAA", 0), ("A=AA", 1), ("AA=", 3),
     ("AA=A", 2), ("AA==A", 4), ("AAA=A", 4), ("data:image/png;base64,AA", 4)],
)  # fmt: skip
def test_broken_images(text: str, at: int) -> None:
    with pytest.raises(ApiError, match=f"illegal base64 data at input byte {at}$"):
        requests.read_generate(json.dumps({"images": [text]}).encode())
