"""The unmodified clients: ``ollama`` and ``langchain-ollama``, plain, streamed and failing."""

from __future__ import annotations

import asyncio

import httpx
import ollama
import pytest
from langchain_core.messages import HumanMessage
from langchain_ollama import ChatOllama, OllamaEmbeddings, OllamaLLM

from local_assistant.engine.launch import EngineInfo

FEW = {"temperature": 0, "num_predict": 6}
ASK = [{"role": "user", "content": "hello"}]


def test_ollama_chat_plain_and_streamed(engine_client: ollama.Client, tiny: str) -> None:
    whole = engine_client.chat(tiny, messages=ASK, options=FEW)
    assert len(whole.message.content or "") == 6
    parts = list(engine_client.chat(tiny, messages=ASK, options=FEW, stream=True))
    assert "".join(part.message.content or "" for part in parts) == whole.message.content
    assert parts[-1].done_reason == "length"
    assert parts[-1].eval_count == 6


def test_ollama_generate_plain_and_streamed(engine_client: ollama.Client, tiny: str) -> None:
    whole = engine_client.generate(tiny, "ab", suffix="yz", options=FEW)
    parts = list(engine_client.generate(tiny, "ab", suffix="yz", options=FEW, stream=True))
    assert "".join(part.response or "" for part in parts) == whole.response
    assert len(parts) > 2


def test_ollama_async_client(engine: EngineInfo, engine_headers: dict[str, str], tiny: str) -> None:
    async def ask() -> list[str]:
        client = ollama.AsyncClient(host=engine.url, headers=engine_headers, trust_env=False)
        stream = await client.chat(tiny, messages=ASK, options=FEW, stream=True)
        return [part.message.content or "" async for part in stream]

    assert len("".join(asyncio.run(ask()))) == 6


def test_ollama_model_calls(engine_client: ollama.Client, tiny: str) -> None:
    assert tiny in [model.model for model in engine_client.list().models]
    assert engine_client.show(tiny).details is not None
    engine_client.generate(tiny, keep_alive=60)
    assert tiny in [model.model for model in engine_client.ps().models]
    assert engine_client.copy(tiny, "by-client").status == "success"
    assert engine_client.delete("by-client").status == "success"
    assert len(engine_client.embed("assistant-demo", "text").embeddings[0]) > 16


def test_ollama_errors(engine: EngineInfo, engine_client: ollama.Client) -> None:
    for stream in (False, True):
        with pytest.raises(ollama.ResponseError, match="model 'missing' not found") as caught:
            list(engine_client.chat("missing", messages=ASK, stream=stream))
        assert caught.value.status_code == 404
    with pytest.raises(ollama.ResponseError, match="wants its token") as caught:
        ollama.Client(host=engine.url, trust_env=False).list()
    assert caught.value.status_code == 401


def test_the_environment_of_stock_clients_is_enough(
    engine: EngineInfo, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OLLAMA_HOST", engine.url)
    monkeypatch.setenv("OLLAMA_API_KEY", str(engine.token))
    assert ollama.Client().list().models


def _langchain(engine: EngineInfo, headers: dict[str, str]) -> dict[str, object]:
    return {
        "base_url": engine.url,
        "client_kwargs": {"headers": headers, "trust_env": False},
    }


def test_langchain_chat(engine: EngineInfo, engine_headers: dict[str, str], tiny: str) -> None:
    chat = ChatOllama(
        model=tiny,
        temperature=0,
        num_predict=6,
        validate_model_on_init=True,
        **_langchain(engine, engine_headers),
    )
    answer = chat.invoke([HumanMessage("hello")])
    assert len(answer.content) == 6
    assert answer.usage_metadata is not None
    assert answer.usage_metadata["output_tokens"] == 6
    parts = [part.content for part in chat.stream([HumanMessage("hello")])]
    assert "".join(map(str, parts)) == answer.content


def test_langchain_failure(engine: EngineInfo, engine_headers: dict[str, str]) -> None:
    chat = ChatOllama(model="missing", **_langchain(engine, engine_headers))
    with pytest.raises(ollama.ResponseError, match="model 'missing' not found"):
        chat.invoke("hello")


def test_langchain_completion_and_embeddings(
    engine: EngineInfo, engine_headers: dict[str, str], tiny: str
) -> None:
    known = _langchain(engine, engine_headers)
    model = OllamaLLM(model=tiny, temperature=0, num_predict=6, **known)
    assert len(model.invoke("ab")) == 6
    assert len("".join(model.stream("ab"))) == 6
    vectors = OllamaEmbeddings(model="assistant-demo", **known).embed_documents(["a", "b"])
    assert len(vectors) == 2
    assert vectors[0] != vectors[1]


def test_plain_chunks_carry_what_litellm_reads(engine_http: httpx.Client, tiny: str) -> None:
    """It wants ``done`` and ``response`` in every chunk, and no text in the last one."""
    body = {"model": tiny, "prompt": "a", "options": FEW}
    chunks = list(engine_http.post("/api/generate", json=body).iter_lines())
    assert all('"done":' in chunk and '"response":' in chunk for chunk in chunks)
    assert '"response":""' in chunks[-1]
