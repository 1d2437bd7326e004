"""Slots, cancelling, keeping and unloading: what makes chat and completion fast together."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from local_assistant.engine.launch import EngineInfo
from tests.integration.engine import tiny_gguf
from tests.integration.engine.conftest import Own, linux_only, runners
from tests.waiting import until

WIDE = {"temperature": 0, "num_ctx": 16384}


def _active(http: httpx.Client, model: str) -> int:
    loaded = http.get("/assistant/status").json()["loaded"]
    return sum(entry["active"] for entry in loaded if entry["model"] == model)


def _ask(http: httpx.Client, path: str, **body: Any) -> dict[str, Any]:
    reply = http.post(f"/api/{path}", json={"stream": False, **body})
    assert reply.status_code == 200, reply.text
    return reply.json()


def test_chat_completion_and_embedding_keep_their_caches(
    engine_http: httpx.Client, tiny: str
) -> None:
    options = {**WIDE, "num_predict": 1}
    talk = [{"role": "user", "content": "tell me about the weather " * 20}]
    code = "def weather(day):\n    return " * 20
    chat = {"model": tiny, "messages": talk, "options": options}
    complete = {"model": tiny, "prompt": code, "raw": True, "options": options}
    _ask(engine_http, "chat", **chat)
    _ask(engine_http, "generate", **complete)
    for _ in range(2):
        again = _ask(engine_http, "chat", **chat)
        assert again["cached_count"] >= again["prompt_eval_count"] - 2
        _ask(engine_http, "embed", model=tiny, input="something else " * 30)
        again = _ask(engine_http, "generate", **complete)
        assert again["cached_count"] >= again["prompt_eval_count"] - 2
    longer = {**complete, "prompt": code + "sun"}
    assert _ask(engine_http, "generate", **longer)["cached_count"] >= len(code) - 1


@pytest.mark.parametrize("path", ["generate", "chat"])
def test_a_prompt_that_shares_nine_tenths_evaluates_only_the_rest(
    engine_http: httpx.Client, tiny: str, path: str
) -> None:
    options = {**WIDE, "num_predict": 1}
    text = f"a long text for {path} that comes again and again " * 60

    def ask(prompt: str) -> dict[str, Any]:
        key = (
            {"prompt": prompt, "raw": True} if path == "generate" else {"messages": [_user(prompt)]}
        )
        return _ask(engine_http, path, model=tiny, options=options, **key)

    ask(text)
    shared = text[: len(text) * 9 // 10]
    again = ask(shared + "and now for something else " * 10)
    assert again["cached_count"] >= len(shared)  # one token is one character here
    assert again["prompt_eval_count"] - again["cached_count"] <= 27 * 10 + 60


@pytest.mark.parametrize("where", ["generation", "prompt"])
@pytest.mark.parametrize("path", ["generate", "chat"])
@pytest.mark.parametrize("stream", [True, False])
def test_leaving_ends_the_generation_at_once(
    engine_http: httpx.Client, engine: EngineInfo, tiny: str, where: str, path: str, stream: bool
) -> None:
    text = f"{where}{path}{stream} " * (600 if where == "prompt" else 1)
    key = {"prompt": text} if path == "generate" else {"messages": [_user(text)]}
    body = {"model": tiny, "stream": stream, "options": WIDE, **key}
    _ask(engine_http, "generate", model=tiny, options=WIDE)

    async def leave() -> None:
        headers = dict(engine_http.headers)
        async with httpx.AsyncClient(headers=headers, timeout=60, trust_env=False) as client:
            task = asyncio.ensure_future(client.post(f"{engine.url}/api/{path}", json=body))
            await asyncio.to_thread(until, lambda: _active(engine_http, tiny) == 1)
            await asyncio.sleep(0.1 if where == "prompt" else 0.3)
            assert not task.done()
            task.cancel()

    asyncio.run(leave())
    few = {**WIDE, "num_predict": 1}
    key = {"prompt": "x"} if path == "generate" else {"messages": [_user("x")]}
    _ask(engine_http, path, model=tiny, options=few, **key)  # the same slot
    # Alone the cancelled one would go on for thousands of words.
    assert _active(engine_http, tiny) == 0


def _user(text: str) -> dict[str, str]:
    return {"role": "user", "content": text}


def test_two_chats_at_once_both_answer(engine_http: httpx.Client, tiny: str) -> None:
    answers: list[dict[str, Any]] = []
    options = {**WIDE, "num_predict": 200}

    def ask(text: str) -> None:
        answers.append(
            _ask(engine_http, "chat", model=tiny, messages=[_user(text)], options=options)
        )

    threads = [threading.Thread(target=ask, args=(text,)) for text in "abc"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [answer["eval_count"] for answer in answers] == [200, 200, 200]


@linux_only
def test_an_impatient_client_does_not_stop_a_load(own_engine: Callable[..., Own]) -> None:
    own = own_engine()

    async def leave() -> None:
        headers = dict(own.http.headers)
        async with httpx.AsyncClient(headers=headers, timeout=60, trust_env=False) as client:
            body = {"model": "tiny", "prompt": "a"}
            asked = asyncio.ensure_future(client.post(f"{own.info.url}/api/generate", json=body))
            (runner,) = await asyncio.to_thread(until, lambda: runners(own.info.pid))
            os.kill(runner, signal.SIGSTOP)  # in the middle of the load
            asked.cancel()
        os.kill(runner, signal.SIGCONT)

    asyncio.run(leave())
    until(lambda: [e for e in own.status()["loaded"] if e["model"] == "tiny:latest"])


def test_one_load_serves_all_who_wait_for_it(own_engine: Callable[..., Own]) -> None:
    own = own_engine()
    body = {"model": "tiny", "prompt": "a", "stream": False, "options": {"num_predict": 1}}

    async def many() -> list[int]:
        headers = dict(own.http.headers)
        async with httpx.AsyncClient(headers=headers, timeout=60, trust_env=False) as client:
            url = f"{own.info.url}/api/generate"
            replies = await asyncio.gather(*(client.post(url, json=body) for _ in range(8)))
        return [reply.status_code for reply in replies]

    assert asyncio.run(many()) == [200] * 8
    assert len(own.status()["loaded"]) == 1


def test_keep_alive_forms(own_engine: Callable[..., Own]) -> None:
    own = own_engine()

    def ask(keep: object) -> None:
        few = {"num_predict": 1}
        _ask(own.http, "generate", model="tiny", prompt="a", options=few, keep_alive=keep)

    def loaded() -> bool:
        return bool(own.http.get("/api/ps").json()["models"])

    ask(0)
    until(lambda: not loaded())
    ask("3s")
    assert loaded()
    until(lambda: not loaded())
    ask(0.2)
    until(lambda: not loaded())
    ask("-1s")
    assert own.http.get("/api/ps").json()["models"][0]["expires_at"].startswith("2318")
    # without keep_alive the last explicit value stays
    _ask(own.http, "generate", model="tiny", prompt="a", options={"num_predict": 1})
    assert own.http.get("/api/ps").json()["models"][0]["expires_at"].startswith("2318")
    ask(0)
    until(lambda: not loaded())


def test_keep_alive_0_does_not_cut_a_running_answer(own_engine: Callable[..., Own]) -> None:
    own = own_engine()
    options = {**WIDE, "num_predict": 1500}
    body = {"model": "tiny", "prompt": "a", "options": options}
    with own.http.stream("POST", "/api/generate", json=body) as reply:
        lines = reply.iter_lines()
        next(lines)
        _ask(own.http, "generate", model="tiny", prompt="", keep_alive=0)
        last = json.loads(list(lines)[-1])
    assert last["eval_count"] == 1500
    until(lambda: not own.status()["loaded"])


def test_another_context_loads_again_and_none_given_does_not(
    own_engine: Callable[..., Own],
) -> None:
    own = own_engine()

    def context(**options: int) -> tuple[int, int]:
        _ask(own.http, "generate", model="tiny", options=options)
        model = own.http.get("/api/ps").json()["models"][0]
        return model["context_length"], own.pid_of("tiny")

    first = context()
    assert first[0] == 4096
    assert context(num_ctx=4096) == first
    second = context(num_ctx=1000)
    assert second[0] == 1000
    assert second[1] != first[1]
    assert context() == second
    assert context(num_ctx=99999)[0] == 16384  # what the model was trained for


def test_a_fourth_model_unloads_the_one_used_longest_ago(
    own_engine: Callable[..., Own], tmp_path: Any
) -> None:
    own = own_engine()
    for number in range(4):
        file = tiny_gguf.write(tmp_path / f"m{number}.gguf", seed=number + 10)
        own.store.add_gguf(f"m{number}", file)
        _ask(own.http, "generate", model=f"m{number}")
        if number == 2:
            _ask(own.http, "generate", model="m0", prompt="a", options={"num_predict": 1})
    names = {entry["model"] for entry in own.status()["loaded"]}
    assert names == {"m0:latest", "m2:latest", "m3:latest"}


def test_a_file_that_was_replaced_is_loaded_again(
    own_engine: Callable[..., Own], tmp_path: Any
) -> None:
    own = own_engine()
    own.store.add_gguf("changing", tiny_gguf.write(tmp_path / "a.gguf", seed=50))
    ask = {"model": "changing", "prompt": "a", "options": {"temperature": 0, "num_predict": 30}}
    first = _ask(own.http, "generate", **ask)["response"]
    own.store.add_gguf("changing", tiny_gguf.write(tmp_path / "b.gguf", seed=51))
    second = _ask(own.http, "generate", **ask)["response"]
    third = own.store.find("changing")
    assert third is not None
    (tmp_path / "a.gguf").replace(third.gguf)  # in place, under the same blob name
    refused = own.http.post("/api/generate", json=ask)
    assert first != second
    assert refused.status_code == 500
    assert "changed" in refused.json()["error"]


def test_questions_at_once_get_the_answers_they_get_alone(engine_http: httpx.Client) -> None:
    """Two generations told to take one slot mixed their words (llama.cpp of October 2026)."""
    prompts = [
        "Write a function that returns all primes up to n",
        "Explain recursion",
        "Write a poem about the sea",
        "Write a function that computes the factorial of n",
    ] * 6

    def ask(prompt: str) -> str:
        body = {
            "model": "assistant-demo",
            "messages": [{"role": "user", "content": prompt}],
            "stream": False,
            "options": {"temperature": 0, "num_predict": 40},
        }
        return str(engine_http.post("/api/chat", json=body).json()["message"]["content"])

    alone = {prompt: ask(prompt) for prompt in set(prompts)}
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(ask, prompts))
    assert together == [alone[prompt] for prompt in prompts]
