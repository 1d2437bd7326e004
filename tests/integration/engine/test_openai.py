"""The unmodified ``openai`` client: plain, streamed and failing."""

from __future__ import annotations

import asyncio
import base64
import json
import struct
from collections.abc import Iterator
from typing import Any

import httpx
import openai
import pytest
from openai.types.chat import ChatCompletionMessageParam

from local_assistant.engine.launch import EngineInfo

DEMO = "assistant-demo"
ASK: list[ChatCompletionMessageParam] = [{"role": "user", "content": "hello"}]


@pytest.fixture(scope="module")
def client(engine_again: EngineInfo) -> Iterator[openai.OpenAI]:
    """The real client, with the engine's token as its key."""
    with openai.OpenAI(
        base_url=f"{engine_again.url}/v1", api_key=engine_again.token or "", max_retries=0
    ) as made:
        yield made


def test_models_are_listed_and_described(client: openai.OpenAI, tiny: str) -> None:
    listed = {model.id: model for model in client.models.list()}
    assert tiny in listed
    one = client.models.retrieve(tiny)
    assert (one.id, one.object, one.owned_by) == (tiny, "model", "library")
    assert one.created == listed[tiny].created > 1_500_000_000


def test_a_chat_plain_and_streamed_says_the_same(client: openai.OpenAI, tiny: str) -> None:
    whole = client.chat.completions.create(model=tiny, messages=ASK, max_tokens=6, temperature=0)
    text = whole.choices[0].message.content or ""
    assert (len(text), whole.choices[0].finish_reason) == (6, "length")
    assert whole.usage is not None
    assert whole.usage.completion_tokens == 6
    assert whole.usage.total_tokens == whole.usage.prompt_tokens + 6
    assert (whole.model, whole.system_fingerprint) == (tiny, "fp_ollama")
    with client.chat.completions.create(
        model=tiny,
        messages=ASK,
        max_tokens=6,
        temperature=0,
        stream=True,
        stream_options={"include_usage": True},
    ) as stream:
        parts = list(stream)
    deltas = [part.choices[0].delta for part in parts if part.choices]
    assert "".join(delta.content or "" for delta in deltas) == text
    assert [delta.role for delta in deltas if delta.role] == ["assistant"]
    assert parts[-2].choices[0].finish_reason == "length"
    assert parts[-1].usage == whole.usage
    assert len({(part.id, part.created) for part in parts}) == 1


def test_the_async_client_can_leave_a_stream(engine_again: EngineInfo, tiny: str) -> None:
    async def ask() -> str:
        async with openai.AsyncOpenAI(
            base_url=f"{engine_again.url}/v1", api_key=engine_again.token or ""
        ) as client:
            stream = await client.chat.completions.create(model=tiny, messages=ASK, stream=True)
            async with stream:
                async for part in stream:
                    if part.choices[0].delta.content:
                        return part.choices[0].delta.content
        return ""

    assert asyncio.run(ask())


def test_stops_and_seeds_count(client: openai.OpenAI, tiny: str) -> None:
    def text(**more: Any) -> tuple[str, str]:
        choice = client.chat.completions.create(
            model=tiny, messages=ASK, max_tokens=24, **more
        ).choices[0]
        return choice.message.content or "", choice.finish_reason

    assert text(seed=7)[0] == text(seed=7)[0] != text(seed=8)[0]
    said, _ = text(temperature=0)
    assert text(temperature=0, stop=said[3]) == (said[: said.index(said[3])], "stop")
    assert text(temperature=0, stop=[said[2], said[1]])[1] == "stop"


def test_the_default_temperature_is_one(client: openai.OpenAI, tiny: str) -> None:
    """Not the model's own: two seeds differ, where temperature 0 would make them equal."""
    answers = {
        client.chat.completions.create(model=tiny, messages=ASK, max_tokens=24, seed=seed)
        .choices[0]
        .message.content
        for seed in (1, 2)
    }
    assert len(answers) == 2


@pytest.mark.parametrize(
    "wanted",
    [
        {"type": "json_object"},
        {
            "type": "json_schema",
            "json_schema": {
                "name": "answer",
                "schema": {
                    "type": "object",
                    "properties": {"ok": {"type": "boolean"}},
                    "required": ["ok"],
                    "additionalProperties": False,
                },
            },
        },
    ],
    ids=["object", "schema"],
)
def test_the_answer_has_the_wanted_format(client: openai.OpenAI, wanted: Any) -> None:
    answer = client.chat.completions.create(
        model=DEMO, messages=ASK, response_format=wanted, max_tokens=60, temperature=0
    )
    text = answer.choices[0].message.content or ""
    assert text.lstrip().startswith("{")
    if wanted["type"] == "json_schema":
        assert isinstance(json.loads(text)["ok"], bool)


def test_probabilities(client: openai.OpenAI, tiny: str) -> None:
    answer = client.chat.completions.create(
        model=tiny, messages=ASK, max_tokens=3, temperature=0, logprobs=True, top_logprobs=2
    )
    found = answer.choices[0].logprobs
    assert found is not None and found.content is not None
    assert "".join(item.token for item in found.content) == answer.choices[0].message.content
    assert all(len(item.top_logprobs) == 2 and item.logprob <= 0 for item in found.content)


def test_parts_of_a_content_are_read(client: openai.OpenAI, tiny: str) -> None:
    parts: list[Any] = [{"type": "text", "text": "hello"}]
    whole, in_parts = (
        client.chat.completions.create(
            model=tiny, messages=[{"role": "user", "content": content}], max_tokens=4, temperature=0
        )
        for content in ("hello", parts)
    )
    assert whole.choices[0].message.content == in_parts.choices[0].message.content


def test_a_completion_plain_and_streamed(client: openai.OpenAI, tiny: str) -> None:
    whole = client.completions.create(model=tiny, prompt="ab", max_tokens=5, temperature=0)
    assert (len(whole.choices[0].text), whole.choices[0].finish_reason) == (5, "length")
    assert whole.usage is not None and whole.usage.completion_tokens == 5
    with client.completions.create(
        model=tiny,
        prompt="ab",
        max_tokens=5,
        temperature=0,
        stream=True,
        stream_options={"include_usage": True},
    ) as stream:
        parts = list(stream)
    assert "".join(part.choices[0].text for part in parts[:-1]) == whole.choices[0].text
    assert [part.usage.total_tokens for part in parts[:-1] if part.usage] == [0] * len(parts[:-1])
    assert (parts[-1].choices, parts[-1].usage) == ([], whole.usage)


def test_a_gap_is_filled(client: openai.OpenAI, engine_http: httpx.Client, tiny: str) -> None:
    """With a suffix the model sees its fill-in-the-middle prompt, as by ``/api/generate``."""
    options = {"temperature": 0, "top_p": 1, "num_predict": 8}
    ours = {"model": tiny, "prompt": "ab", "suffix": "yz", "stream": False, "options": options}
    expected = engine_http.post("/api/generate", json=ours).json()["response"]
    found = client.completions.create(
        model=tiny, prompt="ab", suffix="yz", max_tokens=8, temperature=0
    )
    assert found.choices[0].text == expected
    without = client.completions.create(model=tiny, prompt="ab", max_tokens=8, temperature=0)
    assert without.choices[0].text != expected


def test_embeddings_as_numbers_and_base64(client: openai.OpenAI, engine_http: httpx.Client) -> None:
    texts = ["one", "another text"]
    expected = engine_http.post("/api/embed", json={"model": DEMO, "input": texts}).json()
    listed = client.embeddings.create(model=DEMO, input=texts, encoding_format="float")
    assert [item.index for item in listed.data] == [0, 1]
    assert [item.embedding for item in listed.data] == expected["embeddings"]
    assert listed.usage.prompt_tokens == expected["prompt_eval_count"] > 0
    packed = client.embeddings.create(model=DEMO, input=texts)  # the client asks for base64
    assert packed.data[1].embedding == pytest.approx(listed.data[1].embedding, rel=1e-6)
    short = client.embeddings.create(model=DEMO, input="one", dimensions=8)
    assert len(short.data[0].embedding) == 8


def test_base64_is_little_endian_float32(engine_http: httpx.Client) -> None:
    ask = {"model": DEMO, "input": "one"}
    plain = engine_http.post("/v1/embeddings", json=ask).json()["data"][0]["embedding"]
    packed = engine_http.post("/v1/embeddings", json={**ask, "encoding_format": "BASE64"}).json()
    data = base64.b64decode(packed["data"][0]["embedding"])
    assert list(struct.unpack(f"<{len(plain)}f", data)) == pytest.approx(plain, rel=1e-6)


def test_errors_are_raised(client: openai.OpenAI, engine_again: EngineInfo, tiny: str) -> None:
    for stream in (False, True):
        with pytest.raises(openai.NotFoundError, match="model 'missing' not found"):
            client.chat.completions.create(model="missing", messages=ASK, stream=stream)
    with pytest.raises(openai.NotFoundError, match="model 'missing:latest' not found"):
        client.models.retrieve("missing")
    with pytest.raises(openai.BadRequestError, match=r"\[\] is too short - 'messages'"):
        client.chat.completions.create(model=tiny, messages=[])
    with pytest.raises(openai.BadRequestError, match="does not support tools"):
        client.chat.completions.create(
            model=tiny, messages=ASK, tools=[{"type": "function", "function": {"name": "f"}}]
        )
    with pytest.raises(openai.InternalServerError, match="use /v1/chat/completions"):
        client.responses.create(model=tiny, input="hello")
    with pytest.raises(openai.AuthenticationError, match="wants its token"):
        client.with_options(api_key="wrong").models.list()
