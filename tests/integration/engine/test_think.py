"""``think``: told apart from the answer, in both endpoints and by both kinds of template."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
import ollama
import pytest
from langchain_ollama import ChatOllama

from local_assistant.engine.launch import EngineInfo
from tests.integration.engine.http_checks import lines, prompt_of, user, whole
from tests.integration.engine.talking_gguf import THINKING_TEMPLATE

SAYS = ("<think>", "Let me ", "see.", "</think>", "It is ", "nine.")
ALL = {"temperature": 0}
HI = [user("hi")]
GO_TEMPLATE = """{{- range .Messages }}<|im_start|>{{ .Role }}
{{ if .Thinking }}<think>{{ .Thinking }}</think>{{ end }}{{ .Content }}<|im_end|>
{{ end }}<|im_start|>assistant
"""
NUMBER = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}


@pytest.fixture(scope="module", params=["chat template", "Go template"])
def thinker(
    request: pytest.FixtureRequest, engine_http: httpx.Client, talking: Callable[..., str]
) -> str:
    if request.param == "chat template":
        return talking("thinker", *SAYS, template=THINKING_TEMPLATE)
    base = talking("thinker-base", *SAYS, template=None)
    body = {"model": "go-thinker", "from": base, "template": GO_TEMPLATE, "stream": False}
    assert engine_http.post("/api/create", json=body).status_code == 200
    return "go-thinker"


@pytest.mark.parametrize("think", [None, True, "high"])
def test_thinking_is_told_apart(engine_http: httpx.Client, thinker: str, think: Any) -> None:
    """Also where nothing is said about it."""
    body = {"model": thinker, "options": ALL, "think": think}
    *chunks, last = lines(engine_http, "chat", messages=HI, **body)
    parts = [
        (chunk["message"].get("thinking", ""), chunk["message"]["content"]) for chunk in chunks
    ]
    assert parts == [("Let me ", ""), ("see.", ""), ("", "It is "), ("", "nine.")]
    assert (last["eval_count"], last["done_reason"]) == (7, "stop")
    answer = whole(engine_http, "chat", messages=HI, **body)["message"]
    assert answer == {"role": "assistant", "content": "It is nine.", "thinking": "Let me see."}
    assert list(answer) == ["role", "content", "thinking"]

    *chunks, last = lines(engine_http, "generate", prompt="hi", **body)
    assert "".join(chunk.get("thinking", "") for chunk in chunks) == "Let me see."
    assert "".join(chunk["response"] for chunk in chunks) == "It is nine."
    whole_one = whole(engine_http, "generate", prompt="hi", **body)
    assert (whole_one["thinking"], whole_one["response"]) == ("Let me see.", "It is nine.")


def test_no_thinking_wanted(engine_http: httpx.Client, thinker: str) -> None:
    """The template is told; what this model says all the same is its answer."""
    body = {"model": thinker, "think": False}
    answer = whole(engine_http, "chat", messages=HI, options=ALL, **body)["message"]
    assert answer == {"role": "assistant", "content": "".join(SAYS)}
    asked = prompt_of(engine_http, "chat", messages=HI, **body)
    assert asked.endswith("</think>\n\n") == (not thinker.startswith("go"))


def test_thinking_of_earlier_turns(engine_http: httpx.Client, thinker: str) -> None:
    talk = [*HI, {"role": "assistant", "content": "old", "thinking": "hm"}, user("more")]
    asked = prompt_of(engine_http, "chat", model=thinker, messages=talk)
    assert ("<think>hm</think>old" in asked) == thinker.startswith("go")


def test_a_format_holds_behind_the_thinking(engine_http: httpx.Client, thinker: str) -> None:
    """By the Go template's tags; where llama.cpp does not know the tags, from the beginning."""
    body = {"model": thinker, "messages": HI, "format": NUMBER}
    options = {"temperature": 1, "seed": 3, "num_predict": 60}
    *chunks, _ = lines(engine_http, "chat", **body, options=options)
    thought = "".join(chunk["message"].get("thinking", "") for chunk in chunks)
    assert thought == ("Let me see." if thinker.startswith("go") else "")
    text = "".join(chunk["message"]["content"] for chunk in chunks)
    assert text.startswith("{")
    assert "nine" not in text


def test_the_clients(
    engine: EngineInfo, engine_headers: dict[str, str], engine_client: ollama.Client, thinker: str
) -> None:
    answer = engine_client.chat(thinker, messages=HI, options=ALL, think=True)
    assert (answer.message.thinking, answer.message.content) == ("Let me see.", "It is nine.")
    parts = list(engine_client.generate(thinker, "hi", options=ALL, think=True, stream=True))
    assert "".join(part.thinking or "" for part in parts) == "Let me see."
    known = {"headers": engine_headers, "trust_env": False}
    chat = ChatOllama(model=thinker, reasoning=True, base_url=engine.url, client_kwargs=known)
    told = chat.invoke("hi")
    assert told.content == "It is nine."
    assert told.additional_kwargs["reasoning_content"] == "Let me see."
