"""``/api/generate``: plain, streamed and failing."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import httpx
import ollama
import pytest
from langchain_ollama import OllamaLLM

from local_assistant import paths
from local_assistant.engine.launch import EngineInfo
from local_assistant.engine.store.store import Store
from tests.integration.engine import tiny_gguf
from tests.integration.engine.http_checks import (
    FEW,
    METRICS,
    TIME,
    lines,
    prompt_of,
    refused,
    whole,
)

SAYS = ("It is ", "nine ", "o'clock.")
ALL = {"temperature": 0}
PROMPT = "<|im_start|>user\nhi<|im_end|>\n<|im_start|>assistant\n"


@pytest.fixture(scope="module")
def clock(talking: Callable[..., str]) -> str:
    return talking("clock", *SAYS)


@pytest.fixture(scope="module")
def plain(talking: Callable[..., str]) -> str:
    """A model without any template."""
    return talking("plain", *SAYS, template=None)


def test_a_stream(engine_http: httpx.Client, clock: str) -> None:
    *chunks, last = lines(engine_http, "generate", model=clock, prompt="hi", options=ALL)
    assert [chunk["response"] for chunk in chunks] == list(SAYS)
    for chunk in chunks:
        assert list(chunk) == ["model", "created_at", "response", "done"]
        assert chunk["done"] is False
        assert chunk["model"] == clock
        assert TIME.fullmatch(chunk["created_at"])
    known = {"model", "created_at", "response", "done", "done_reason", "context"}
    assert set(last) == known | METRICS
    assert (last["response"], last["done"], last["done_reason"]) == ("", True, "stop")
    assert last["eval_count"] == 4  # the end is a token, too
    assert last["total_duration"] > last["load_duration"] > 0


def test_a_whole_answer_is_the_stream_put_together(engine_http: httpx.Client, tiny: str) -> None:
    body = {"model": tiny, "prompt": "abc", "options": {"temperature": 0, "num_predict": 40}}
    streamed = "".join(chunk["response"] for chunk in lines(engine_http, "generate", **body))
    answer = whole(engine_http, "generate", **body)
    assert answer["response"] == streamed
    assert len(streamed) == 40
    assert answer["done_reason"] == "length"


def test_the_chat_template_is_used_and_raw_does_without(
    engine_http: httpx.Client, clock: str
) -> None:
    body = {"model": clock, "prompt": "hi"}
    assert prompt_of(engine_http, "generate", **body) == PROMPT
    with_system = prompt_of(engine_http, "generate", **body, system="be brief")
    assert with_system == f"<|im_start|>system\nbe brief<|im_end|>\n{PROMPT}"
    assert prompt_of(engine_http, "generate", **body, raw=True) == "hi"
    answer = whole(engine_http, "generate", **body, raw=True, options=ALL)
    assert answer["prompt_eval_count"] == 2  # one token per byte in this model
    assert "context" not in answer


def test_special_tokens_count_as_one_in_raw_prompts(engine_http: httpx.Client, clock: str) -> None:
    answer = whole(engine_http, "generate", model=clock, prompt="<|im_start|>", raw=True)
    assert answer["prompt_eval_count"] == 1


def test_a_template_in_the_request(engine_http: httpx.Client, clock: str) -> None:
    body = {"model": clock, "prompt": "hi", "system": "s"}
    text = "{{ if .System }}[{{ .System }}]{{ end }}Q: {{ .Prompt }}\nA: {{ .Response }} end"
    assert prompt_of(engine_http, "generate", **body, template=text) == "[s]Q: hi\nA: "
    messages = "{{ range .Messages }}<{{ .Role }}>{{ .Content }}{{ end }}"
    asked = prompt_of(engine_http, "generate", **body, template=messages)
    assert asked == "<system>s<user>hi"
    answer = whole(engine_http, "generate", **body, template=text, options=ALL)
    assert answer["response"] == "".join(SAYS)
    status, why = refused(engine_http, "generate", **body, template="{{ .Nope")
    assert (status, why) == (500, "template: :1: unclosed action")


def test_context_goes_on(engine_http: httpx.Client, clock: str) -> None:
    first = whole(engine_http, "generate", model=clock, prompt="hi", options=ALL)
    said = PROMPT + first["response"]
    again = {"model": clock, "prompt": "hi", "context": first["context"]}
    assert prompt_of(engine_http, "generate", **again) == said + PROMPT
    second = whole(engine_http, "generate", **again, options=ALL)
    assert second["context"][: len(first["context"])] == first["context"]
    assert len(second["context"]) == 2 * len(first["context"])
    assert second["cached_count"] >= first["prompt_eval_count"] - 1
    status, why = refused(engine_http, "generate", model=clock, prompt="hi", context=[99_999])
    assert (status, why) == (400, "detokenize error: a token that this model does not have")


def test_a_model_without_template_gets_the_bare_prompt(
    engine_http: httpx.Client, plain: str
) -> None:
    assert prompt_of(engine_http, "generate", model=plain, prompt="hi", system="s") == "hi"


def test_the_gguf_s_own_tokens_fill_the_middle(engine_http: httpx.Client, tiny: str) -> None:
    body = {"model": tiny, "prompt": "ab", "suffix": "xyz"}
    asked = prompt_of(engine_http, "generate", **body)
    assert asked == "<|fim_prefix|>ab<|fim_suffix|>xyz<|fim_middle|>"
    answer = whole(engine_http, "generate", **body, options=FEW)
    assert answer["prompt_eval_count"] == 2 + 3 + 3  # the text and three marker tokens
    start = whole(engine_http, "generate", **{**body, "prompt": ""}, options=FEW)
    assert start["prompt_eval_count"] == 3 + 3  # unlike Ollama, which does nothing here
    raw = whole(engine_http, "generate", **body, raw=True, options=FEW)
    assert raw["prompt_eval_count"] == 2


def test_the_template_layer_fills_the_middle(engine_http: httpx.Client, plain: str) -> None:
    template = "{{ if .Suffix }}<P>{{ .Prompt }}<S>{{ .Suffix }}<M>{{ else }}{{ .Prompt }}{{ end }}"
    create = {"model": "gap", "from": plain, "template": template, "stream": False}
    assert engine_http.post("/api/create", json=create).status_code == 200
    body = {"model": "gap", "prompt": "hi"}
    assert prompt_of(engine_http, "generate", **body, suffix="z") == "<P>hi<S>z<M>"
    assert prompt_of(engine_http, "generate", **body) == "hi"


def test_a_gap_at_the_beginning_where_only_the_template_can_fill_it(
    engine_http: httpx.Client, plain: str
) -> None:
    def made(name: str, template: str) -> dict[str, Any]:
        body = {"model": name, "from": plain, "template": template, "stream": False}
        assert engine_http.post("/api/create", json=body).status_code == 200
        return {"model": name, "prompt": "", "suffix": "z"}

    gap = made("gap", "{{ if .Suffix }}<P>{{ .Prompt }}<S>{{ .Suffix }}<M>{{ end }}")
    assert prompt_of(engine_http, "generate", **gap) == "<P><S>z<M>"
    assert whole(engine_http, "generate", **gap, options=ALL)["response"] == "".join(SAYS)
    # A field of another case is not there, but as in Ollama such a model is said to insert.
    none = made("no-gap", "{{ if .suffix }}<S>{{ end }}Q")
    assert prompt_of(engine_http, "generate", **none) == "Q"


def test_suffix_without_insert(engine_http: httpx.Client, clock: str) -> None:
    status, why = refused(engine_http, "generate", model=clock, prompt="a", suffix="b")
    assert (status, why) == (400, "registry.ollama.ai/library/clock:latest does not support insert")


def test_stop_and_seed(engine_http: httpx.Client, tiny: str) -> None:
    def text(**options: Any) -> dict[str, Any]:
        return whole(engine_http, "generate", model=tiny, prompt="q", raw=True, options=options)

    free = text(temperature=0, num_predict=60)["response"]
    middle = free[20:22]
    cut = text(temperature=0, num_predict=60, stop=[middle])
    assert cut["response"] == free[: free.index(middle)]
    assert cut["done_reason"] == "stop"
    assert text(seed=7, num_predict=20)["response"] == text(seed=7, num_predict=20)["response"]
    assert text(num_predict=9, num_ctx=16384)["eval_count"] == 9


@pytest.mark.parametrize("many", [-1, -2, 0])
def test_no_bound_is_the_model_s_own_end(engine_http: httpx.Client, clock: str, many: int) -> None:
    options = {"temperature": 0, "num_predict": many}
    answer = whole(engine_http, "generate", model=clock, prompt="hi", options=options)
    assert (answer["response"], answer["done_reason"]) == ("".join(SAYS), "stop")


def test_a_prompt_beyond_the_context_loses_its_middle(
    engine_http: httpx.Client, clock: str
) -> None:
    body = {"model": clock, "prompt": "abcd" * 3000, "raw": True}
    answer = whole(engine_http, "generate", **body, options={**ALL, "num_keep": 100})
    assert answer["prompt_eval_count"] == 4096 - (4096 - 100) // 2  # as in Ollama
    assert answer["dropped_tokens"] == 12_000 - answer["prompt_eval_count"]
    status, why = refused(engine_http, "generate", **body, shift=False)
    assert status == 400
    assert why.startswith("the prompt is longer than the context length currently available")
    status, why = refused(engine_http, "generate", **body, truncate=False)
    assert status == 400
    assert "(12000 tokens) exceeds the available context size (4096 tokens)" in why


def test_probabilities(engine_http: httpx.Client, clock: str) -> None:
    body = {"model": clock, "prompt": "hi", "options": ALL, "logprobs": True}
    *chunks, last = lines(engine_http, "generate", **body)
    assert "logprobs" not in last
    for chunk, text in zip(chunks, SAYS, strict=True):
        (entry,) = chunk["logprobs"]
        assert list(entry) == ["token", "logprob", "bytes"]
        assert entry["token"] == text
        assert bytes(entry["bytes"]) == text.encode()
        assert entry["logprob"] == pytest.approx(0, abs=1e-3)
    answer = whole(engine_http, "generate", **body, top_logprobs=2)
    assert [entry["token"] for entry in answer["logprobs"]] == list(SAYS)
    assert [len(entry["top_logprobs"]) for entry in answer["logprobs"]] == [2, 2, 2]
    assert answer["logprobs"][0]["top_logprobs"][0]["token"] == SAYS[0]


def test_images_are_refused(engine_http: httpx.Client, clock: str) -> None:
    status, why = refused(engine_http, "generate", model=clock, prompt="a", images=["AAAA"])
    assert status == 400
    assert why == f'"{clock}" cannot look at images: the embedded engine reads text only'
    status, why = refused(engine_http, "generate", model=clock, prompt="a", images=["@"])
    assert (status, why) == (400, "illegal base64 data at input byte 0")


def test_the_order_of_refusals(engine_http: httpx.Client, clock: str) -> None:
    """Each body has all mistakes of the later ones, too: the first one counts, as in Ollama."""
    bad: dict[str, Any] = {
        "model": clock, "prompt": "a", "raw": True, "system": "s", "think": True,
        "suffix": "b", "options": {"num_ctx": "x"}, "format": "xml", "top_logprobs": 21,
    }  # fmt: skip
    expected = [
        ("top_logprobs", "top_logprobs must be between 0 and 20"),
        ("raw", "raw mode does not support template, system, or context"),
        ("think", f'"{clock}" does not support thinking'),
        ("suffix", "registry.ollama.ai/library/clock:latest does not support insert"),
        ("options", 'option "num_ctx" must be of type integer'),
        ("format", 'invalid format: "\\"xml\\""; expected "json" or a valid JSON Schema object'),
    ]
    for field, text in expected:
        assert refused(engine_http, "generate", **bad)[1] == text
        del bad[field]
    assert engine_http.post("/api/generate", json=bad).status_code == 200
    gone = {**bad, "prompt": "", "keep_alive": 0, "raw": True, "think": True}
    assert whole(engine_http, "generate", **gone)["done_reason"] == "unload"


def test_the_client(engine_client: ollama.Client, clock: str) -> None:
    text = "".join(SAYS)
    answer = engine_client.generate(clock, "hi", options=ALL, logprobs=True, top_logprobs=1)
    assert answer.response == text
    assert answer.logprobs is not None
    assert [entry.token for entry in answer.logprobs] == list(SAYS)
    assert answer.context
    parts = list(engine_client.generate(clock, "more", context=answer.context, stream=True))
    assert "".join(part.response or "" for part in parts) == text
    with pytest.raises(ollama.ResponseError, match="does not support insert") as caught:
        engine_client.generate(clock, "a", suffix="b")
    assert caught.value.status_code == 400


def test_the_async_client(engine: EngineInfo, engine_headers: dict[str, str], clock: str) -> None:
    async def ask() -> tuple[str, list[str]]:
        client = ollama.AsyncClient(host=engine.url, headers=engine_headers, trust_env=False)
        answer = await client.generate(clock, "hi", options=ALL)
        stream = await client.generate(clock, "hi", options=ALL, stream=True)
        return answer.response or "", [part.response or "" async for part in stream]

    assert asyncio.run(ask()) == ("".join(SAYS), [*SAYS, ""])


def test_langchain(engine: EngineInfo, engine_headers: dict[str, str], tiny: str) -> None:
    known = {"headers": engine_headers, "trust_env": False}
    model = OllamaLLM(
        model=tiny, temperature=0, num_predict=6, base_url=engine.url, client_kwargs=known
    )
    filled = model.invoke("ab", suffix="yz")
    assert len(filled) == 6
    assert "".join(model.stream("ab", suffix="yz")) == filled
    assert model.invoke("ab", raw=True) != filled


@pytest.mark.parametrize("add_bos", [True, False])
def test_the_beginning_token_comes_first(
    engine_http: httpx.Client, tmp_path: Any, add_bos: bool
) -> None:
    """Before the markers of a gap, where the vocabulary wants one."""
    name = f"begins-{add_bos}".lower()
    file = tiny_gguf.write(tmp_path / f"{name}.gguf", seed=3, add_bos=add_bos)
    Store(paths.models_dir()).add_gguf(name, file, link=False)
    body = {"model": name, "prompt": "ab", "suffix": "xyz", "options": FEW}
    assert whole(engine_http, "generate", **body)["prompt_eval_count"] == 8 + add_bos
