"""``/api/chat``: plain, streamed and failing; what a model's own definition adds."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import httpx
import ollama
import pytest
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage
from langchain_ollama import ChatOllama

from local_assistant.engine.launch import EngineInfo
from tests.integration.engine.http_checks import (
    METRICS,
    TIME,
    lines,
    prompt_of,
    refused,
    user,
    whole,
)
from tests.integration.engine.talking_gguf import THINKING_TEMPLATE
from tests.integration.engine.tiny_gguf import CHAT_TEMPLATE

SAYS = ("It is ", "nine ", "o'clock.")
ALL = {"temperature": 0}
HI = [user("hi")]
TURN = "<|im_start|>{}\n{}<|im_end|>\n"
OPEN = "<|im_start|>assistant\n"
LEGACY = """{{ if .System }}S:{{ .System }}
{{ end }}{{ if .Prompt }}U:{{ .Prompt }}
{{ end }}A:{{ .Response }}
"""


@pytest.fixture(scope="module")
def clock(talking: Callable[..., str]) -> str:
    return talking("clock", *SAYS)


@pytest.fixture(scope="module")
def made(engine_http: httpx.Client, talking: Callable[..., str]) -> Callable[..., str]:
    """Create a model on top of the talking one, with these fields of ``/api/create``."""

    def create(name: str, base: str = "clock", **fields: Any) -> str:
        talking("clock", *SAYS)
        talking("plain", *SAYS, template=None)
        talking("strict", *SAYS, template=STRICT)
        body = {"model": name, "from": base, "stream": False, **fields}
        reply = engine_http.post("/api/create", json=body)
        assert reply.status_code == 200, reply.text
        return name

    return create


def test_a_stream(engine_http: httpx.Client, clock: str) -> None:
    *chunks, last = lines(engine_http, "chat", model=clock, messages=HI, options=ALL)
    assert [chunk["message"]["content"] for chunk in chunks] == list(SAYS)
    for chunk in chunks:
        assert list(chunk) == ["model", "created_at", "message", "done"]
        assert chunk["message"]["role"] == "assistant"
        assert (chunk["model"], chunk["done"]) == (clock, False)
        assert TIME.fullmatch(chunk["created_at"])
    assert last["message"] == {"role": "assistant", "content": ""}
    assert set(last) == {"model", "created_at", "message", "done", "done_reason"} | METRICS
    assert (last["done"], last["done_reason"], last["eval_count"]) == (True, "stop", 4)


def test_a_whole_answer(engine_http: httpx.Client, clock: str) -> None:
    answer = whole(engine_http, "chat", model=clock, messages=HI, options=ALL)
    assert answer["message"] == {"role": "assistant", "content": "".join(SAYS)}
    cut = whole(engine_http, "chat", model=clock, messages=HI, options={**ALL, "stop": ["nine"]})
    assert (cut["message"]["content"], cut["done_reason"]) == ("It is ", "stop")
    few = whole(engine_http, "chat", model=clock, messages=HI, options={**ALL, "num_predict": 2})
    assert (few["message"]["content"], few["done_reason"]) == ("It is nine ", "length")


def test_roles_and_absent_contents(engine_http: httpx.Client, clock: str) -> None:
    messages = [{"role": "SYSTEM", "content": "s"}, {"role": "wizard"}, {"content": None}]
    asked = prompt_of(engine_http, "chat", model=clock, messages=messages)
    turns = [("system", "s"), ("wizard", ""), ("", "")]
    assert asked == "".join(TURN.format(*turn) for turn in turns) + OPEN


def test_a_model_s_own_system_and_messages(
    engine_http: httpx.Client, made: Callable[..., str]
) -> None:
    before = [user("m1"), {"role": "assistant", "content": "m2"}]
    name = made("own", system="SYS", messages=before, parameters={"num_predict": 2})
    middle = TURN.format("user", "m1") + TURN.format("assistant", "m2")
    own = TURN.format("system", "SYS") + middle + TURN.format("user", "hi") + OPEN
    assert prompt_of(engine_http, "chat", model=name, messages=HI) == own
    assert prompt_of(engine_http, "generate", model=name, prompt="hi") == own
    said = [{"role": "system", "content": "mine"}, *HI]
    mine = middle + TURN.format("system", "mine") + TURN.format("user", "hi") + OPEN
    assert prompt_of(engine_http, "chat", model=name, messages=said) == mine
    asked = prompt_of(engine_http, "generate", model=name, prompt="hi", system="mine", context=[])
    assert asked == TURN.format("system", "mine") + TURN.format("user", "hi") + OPEN
    assert whole(engine_http, "chat", model=name, messages=HI)["done_reason"] == "length"
    more = whole(engine_http, "chat", model=name, messages=HI, options={"num_predict": 9})
    assert more["done_reason"] == "stop"


def test_a_go_template_where_the_gguf_has_none(
    engine_http: httpx.Client, made: Callable[..., str]
) -> None:
    name = made("legacy", base="plain", template=LEGACY, system="SYS")
    talk = [*HI, {"role": "assistant", "content": "yes"}, user("one"), user("two")]
    asked = prompt_of(engine_http, "chat", model=name, messages=talk)
    assert asked == "S:SYS\nU:hi\nA:yes\nU:one\n\ntwo\nA:"
    *chunks, last = lines(engine_http, "chat", model=name, messages=HI, options=ALL)
    assert [chunk["message"]["content"] for chunk in chunks] == list(SAYS)
    assert set(last) == {"model", "created_at", "message", "done", "done_reason"} | METRICS


def test_which_template_writes_the_prompt(
    engine_http: httpx.Client, made: Callable[..., str], talking: Callable[..., str]
) -> None:
    """The Go template, but where the GGUF's own can do more (here: tools)."""
    assert (
        prompt_of(engine_http, "chat", model=made("go", template=LEGACY), messages=HI) == "U:hi\nA:"
    )
    more = made("more", base=talking("able", *SAYS, template=THINKING_TEMPLATE), template=LEGACY)
    for path, asked in (("chat", {"messages": HI}), ("generate", {"prompt": "hi"})):
        assert prompt_of(engine_http, path, model=more, **asked) == TURN.format("user", "hi") + OPEN


STRICT = (
    "{% set said = messages[1:] if messages[0].role == 'system' else messages %}"
    "{% for message in said %}{% if (message.role == 'user') != (loop.index0 % 2 == 0) %}"
    "{{ raise_exception('Conversation roles must alternate') }}{% endif %}{% endfor %}"
    + CHAT_TEMPLATE
)
"""As Gemma's and Mistral's."""


@pytest.mark.parametrize("base", ["clock", "strict", "plain"])
def test_the_oldest_messages_are_left_out(
    engine_http: httpx.Client, made: Callable[..., str], base: str
) -> None:
    name = made(f"long-{base}", base=base, template=LEGACY if base == "plain" else "")
    system = {"role": "system", "content": "Be brief."}
    talk = [system, *(user(f"{number:02}" + "x" * 498) for number in range(12)), user("last")]
    for number in range(2, 13, 2):
        talk[number]["role"] = "assistant"
    body = {"model": name, "messages": talk, "options": ALL}
    answer = whole(engine_http, "chat", **body)
    assert answer["prompt_eval_count"] < 4096
    kept = [system, *talk[1 + answer["dropped_messages"] :]]
    asked = prompt_of(engine_http, "chat", model=name, messages=kept)
    assert answer["prompt_eval_count"] == _tokens(asked)
    turn = 2 if base == "strict" else 1  # its template wants whole ones
    assert kept[1]["role"] == "user" or base != "strict"
    more = [system, *talk[1 + answer["dropped_messages"] - turn :]]
    assert _tokens(prompt_of(engine_http, "chat", model=name, messages=more)) >= 4096
    status, why = refused(engine_http, "chat", **body, truncate=False)
    assert status == 400
    assert "exceeds the available context size (4096 tokens)" in why


def test_a_template_that_takes_nothing_else_does_not_hide_why(
    engine_http: httpx.Client, made: Callable[..., str]
) -> None:
    name = made("long-strict", base="strict")
    why = refused(engine_http, "chat", model=name, messages=[user("a"), user("b")])[1]
    assert "roles must alternate" in why
    answer = {"role": "assistant", "content": "y"}
    talk = [user("a"), answer, user("x" * 5000), {"role": "tool", "content": "z"}]
    status, why = refused(engine_http, "chat", model=name, messages=talk)
    assert status == 400
    assert "exceeds the available context size (4096 tokens)" in why


def _tokens(prompt: str) -> int:
    """One token per byte, but for the two markers."""
    for marker in ("<|im_start|>", "<|im_end|>"):
        prompt = prompt.replace(marker, "#")
    return len(prompt.encode())


def test_one_message_beyond_the_context(engine_http: httpx.Client, clock: str) -> None:
    status, why = refused(engine_http, "chat", model=clock, messages=[user("x" * 5000)])
    assert status == 400
    assert "exceeds the available context size (4096 tokens)" in why


def test_probabilities(engine_http: httpx.Client, clock: str) -> None:
    body = {"model": clock, "messages": HI, "options": ALL, "logprobs": True}
    *chunks, last = lines(engine_http, "chat", **body)
    assert [chunk["logprobs"][0]["token"] for chunk in chunks] == list(SAYS)
    assert all("top_logprobs" not in chunk["logprobs"][0] for chunk in chunks)
    assert "logprobs" not in last
    answer = whole(engine_http, "chat", **body, top_logprobs=3)
    assert [len(entry["top_logprobs"]) for entry in answer["logprobs"]] == [3, 3, 3]
    keys = list(answer)
    assert keys.index("logprobs") == keys.index("done_reason") + 1  # as Ollama writes it


def test_refusals(engine_http: httpx.Client, clock: str) -> None:
    def refusal(**body: Any) -> tuple[int, str]:
        return refused(engine_http, "chat", **{"model": clock, "messages": HI, **body})

    tools = [{"type": "function", "function": {"name": "f"}}]
    assert refusal(tools=tools, options={"num_ctx": "x"}) == (
        400, "registry.ollama.ai/library/clock:latest does not support tools",
    )  # fmt: skip
    assert refusal(think="low", tools=tools) == (400, f'"{clock}" does not support thinking')
    assert refusal(options={"seed": []}) == (500, 'option "seed" must be of type integer')
    assert refusal(messages=[{"role": "user", "images": ["AAAA"]}]) == (
        400, f'"{clock}" cannot look at images: the embedded engine reads text only',
    )  # fmt: skip
    assert refusal(options={"repeat_penalty": 0})[0] == 400
    assert refusal(model=" ") == (400, "model is required")


def test_the_client(engine_client: ollama.Client, clock: str) -> None:
    text = "".join(SAYS)
    answer = engine_client.chat(clock, messages=HI, options=ALL, think=False, logprobs=True)
    assert answer.message.content == text
    assert answer.logprobs is not None
    parts = list(engine_client.chat(clock, messages=HI, options=ALL, stream=True))
    assert [part.message.content for part in parts] == [*SAYS, ""]
    assert parts[-1].eval_count == 4
    for stream in (False, True):
        with pytest.raises(ollama.ResponseError, match="does not support thinking") as caught:
            list(engine_client.chat(clock, messages=HI, think=True, stream=stream))
        assert caught.value.status_code == 400


def test_the_async_client(engine: EngineInfo, engine_headers: dict[str, str], clock: str) -> None:
    async def ask() -> tuple[str | None, list[str | None]]:
        client = ollama.AsyncClient(host=engine.url, headers=engine_headers, trust_env=False)
        answer = await client.chat(clock, messages=HI, options=ALL)
        stream = await client.chat(clock, messages=HI, options=ALL, stream=True)
        return answer.message.content, [part.message.content async for part in stream]

    assert asyncio.run(ask()) == ("".join(SAYS), [*SAYS, ""])


def test_langchain(engine: EngineInfo, engine_headers: dict[str, str], clock: str) -> None:
    known = {"headers": engine_headers, "trust_env": False}
    chat = ChatOllama(
        model=clock, temperature=0, stop=["o'clock"], base_url=engine.url, client_kwargs=known
    )
    talk = [SystemMessage("s"), HumanMessage("a"), AIMessage("b"), HumanMessage("c")]
    answer = chat.invoke(talk)
    assert answer.content == "It is nine "
    assert answer.response_metadata["done_reason"] == "stop"
    assert answer.usage_metadata is not None
    assert answer.usage_metadata["input_tokens"] > 40
    assert "".join(str(part.content) for part in chat.stream(talk)) == answer.content
