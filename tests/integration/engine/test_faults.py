"""Faults of model processes: stopped, stuck, too big; and what the environment sets."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from local_assistant.engine import launch
from local_assistant.engine.runtime.process import LoadFailed, LoadParameters, ModelProcess
from local_assistant.engine.runtime.upstream import UpstreamGone
from tests.integration.engine import tiny_gguf
from tests.integration.engine.conftest import Own, linux_only, runners
from tests.waiting import until

FEW: dict[str, Any] = {"temperature": 0, "num_predict": 2}


def _parameters(file: Path) -> LoadParameters:
    return LoadParameters(
        gguf=str(file), context=512, slots=1, batch=64, threads=1, gpu_layers=0,
        embedding=False, mean_pooling=False,
    )  # fmt: skip


def _ask(own: Own, model: str = "tiny", **more: Any) -> httpx.Response:
    body = {"model": model, "prompt": "a", "stream": False, "options": FEW, **more}
    return own.http.post("/api/generate", json=body)


def test_a_model_too_big_for_the_memory_is_refused_with_numbers(
    tiny_file: Path, home: Path
) -> None:
    big = replace(_parameters(tiny_file), need=5 * 2**30, room=2**30 + 2**29)
    with pytest.raises(LoadFailed) as failed:
        asyncio.run(ModelProcess.start(big))
    assert "requires more system memory (5.0 GiB) than is available (1.5 GiB)" in str(failed.value)


@linux_only
def test_a_process_that_answers_no_more_is_ended_and_said(tiny_file: Path, home: Path) -> None:
    async def work() -> None:
        process = await ModelProcess.start(_parameters(tiny_file), silence_s=1.0)
        body = {"prompt": "a", "n_predict": 400, "stream": True, "id_slot": 0}
        with pytest.raises(UpstreamGone):
            while True:  # a whole answer may have come before the first word of it is read
                async for _ in process.upstream.events("/completion", body):
                    os.kill(process.pid, signal.SIGSTOP)
        await process.settle()
        assert "did not answer any more for 1 s and was ended" in process.how_it_ended()
        await process.stop()

    asyncio.run(asyncio.wait_for(work(), 30))


@linux_only
def test_a_process_that_is_stuck_is_ended_also_where_its_client_has_left(
    tiny_file: Path, home: Path
) -> None:
    """Its slot is not free before it has let go, so all that came later would wait for ever."""

    async def work() -> None:
        process = await ModelProcess.start(_parameters(tiny_file), silence_s=1.0)
        os.kill(process.pid, signal.SIGSTOP)
        upstream = process.upstream
        while process.alive and upstream.leaving(0) is None:
            with contextlib.suppress(asyncio.TimeoutError, UpstreamGone):
                body = {"prompt": "a", "stream": True, "id_slot": 0}
                await asyncio.wait_for(upstream.events("/completion", body).__anext__(), 0.1)
        await process.wait()
        assert "did not answer any more for 1 s and was ended" in process.how_it_ended()
        await process.stop()

    asyncio.run(asyncio.wait_for(work(), 60))


@linux_only
def test_a_load_that_stands_still_ends_with_an_error(
    own_engine: Callable[..., Own], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OLLAMA_LOAD_TIMEOUT", "5s")  # the second load may be paused for a while
    own = own_engine()
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(_ask, own)
        (runner,) = until(lambda: runners(own.info.pid))
        os.kill(runner, signal.SIGSTOP)
        reply = asked.result(30)
    assert reply.status_code == 500
    assert "timed out: the load has stood still for 5 s" in reply.json()["error"]
    assert _ask(own).json()["eval_count"] == 2


@linux_only
def test_a_load_that_nobody_waits_for_any_more_is_not_begun(
    own_engine: Callable[..., Own], tmp_path: Path
) -> None:
    own = own_engine()
    own.store.add_gguf("later", tiny_gguf.write(tmp_path / "later.gguf", seed=5))
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(_ask, own)
        (runner,) = until(lambda: runners(own.info.pid))
        os.kill(runner, signal.SIGSTOP)
        body = {"model": "later", "prompt": "a"}
        with pytest.raises(httpx.TimeoutException):
            own.http.post("/api/generate", json=body, timeout=0.5)
        os.kill(runner, signal.SIGCONT)
        assert first.result(30).status_code == 200
    assert _ask(own).status_code == 200
    assert [entry["model"] for entry in own.status()["loaded"]] == ["tiny:latest"]


def test_a_load_waits_for_the_answers_that_hold_the_room(
    own_engine: Callable[..., Own], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("OLLAMA_MAX_LOADED_MODELS", "1")
    own = own_engine()
    own.store.add_gguf("other", tiny_gguf.write(tmp_path / "other.gguf", seed=6))
    body = {"model": "tiny", "prompt": "a", "options": {**FEW, "num_predict": 800}}
    with own.http.stream("POST", "/api/generate", json=body) as reply:
        lines = reply.iter_lines()
        next(lines)
        with ThreadPoolExecutor(1) as pool:
            other = pool.submit(_ask, own, "other")
            assert json.loads(list(lines)[-1])["eval_count"] == 800
            assert other.result(30).json()["eval_count"] == 2
    assert [entry["model"] for entry in own.status()["loaded"]] == ["other:latest"]


def test_what_ollamas_variables_set(
    own_engine: Callable[..., Own], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (
        ("NUM_PARALLEL", "3"), ("CONTEXT_LENGTH", "1024"), ("KEEP_ALIVE", "-1"),
        ("ORIGINS", "https://my.example,moz-extension://*"), ("MAX_QUEUE", "junk"),
    ):  # fmt: skip
        monkeypatch.setenv(f"OLLAMA_{name}", value)
    own = own_engine()
    assert _ask(own).status_code == 200
    (loaded,) = own.status()["loaded"]
    assert (loaded["slots"], loaded["context"]) == (3, 1024)
    (running,) = own.http.get("/api/ps").json()["models"]
    assert running["expires_at"].startswith("2318")
    for origin, status in (
        ("https://my.example", 200), ("moz-extension://abc", 200), ("http://localhost:5", 200),
        ("https://my.example.evil.com", 403),
    ):  # fmt: skip
        assert own.http.get("/api/tags", headers={"Origin": origin}).status_code == status


def test_eight_slots_answer_eight_at_once_as_alone(
    own_engine: Callable[..., Own], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OLLAMA_NUM_PARALLEL", "8")
    own = own_engine()

    def answer(number: int) -> str:
        options = {"temperature": 0, "num_predict": 300, "num_ctx": 1024}
        messages = [{"role": "user", "content": f"{number} " * (number + 3)}]
        body = {"model": "tiny", "messages": messages, "stream": False, "options": options}
        return str(own.http.post("/api/chat", json=body).json()["message"]["content"])

    alone = [answer(number) for number in range(8)]
    own.http.post("/assistant/peak")
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(answer, range(8))) == alone
    assert own.http.post("/assistant/peak").json()["peak"] > 2
    assert len(set(alone)) == 8


@linux_only
def test_serve_on_another_loopback_address_with_a_cap_on_answers(home: Path) -> None:
    command = [sys.executable, "-m", "local_assistant", "serve", "--port=0", "--no-token"]
    with subprocess.Popen([*command, "--host=127.0.0.2", "--max-tokens=3"]) as process:
        try:
            info = until(launch.running_engine, 30)
            assert "//127.0.0.2:" in info.url
            for options, written in (({"num_predict": 50}, 3), ({}, 3), ({"num_predict": 2}, 2)):
                body = {"model": "assistant-demo", "prompt": "def", "raw": True, "stream": False}
                body |= {"options": {"temperature": 0, **options}}
                url = f"{info.url}/api/generate"
                reply = httpx.post(url, json=body, timeout=60, trust_env=False).json()
                assert (reply["eval_count"], reply["done_reason"]) == (written, "length")
        finally:
            process.terminate()


def test_the_counters_count_by_kind(own_engine: Callable[..., Own]) -> None:
    own = own_engine()
    prompt = "b" * 100
    _ask(own, prompt=prompt, raw=True)
    _ask(own, prompt=prompt + "cc", raw=True)
    _ask(own)
    numbers = own.status()["generations"]
    completion, chat = numbers["by_kind"]["completion"], numbers["by_kind"]["chat"]
    assert (completion["started"], chat["started"], numbers["started"]) == (2, 1, 3)
    assert completion["generated_tokens"] == 4
    assert completion["prompt_tokens"] + completion["cached_tokens"] == 202
    assert completion["cached_tokens"] >= 99
    assert (numbers["active"], numbers["peak"], numbers["cancelled"]) == (0, 1, 0)
    assert own.http.post("/assistant/peak").json() == {"peak": 1}
    assert own.status()["generations"]["peak"] == 0


@linux_only
def test_five_hundred_requests_leave_no_file_open(own_engine: Callable[..., Own]) -> None:
    own = own_engine()
    body = {"model": "tiny", "prompt": "abc", "options": {**FEW, "num_predict": 30}}

    def one(number: int) -> None:
        with own.http.stream("POST", "/api/generate", json=body) as reply:
            if number % 3:
                for _ in reply.iter_lines():
                    if number % 2:
                        return  # leaves in the middle
            else:
                reply.read()

    def many(count: int) -> tuple[int, int]:
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(one, range(count)))
        until(lambda: own.status()["loaded"][0]["free_slots"] == 2)
        pids = (own.info.pid, own.pid_of("tiny"))
        front, model = (len(list(Path(f"/proc/{pid}/fd").iterdir())) for pid in pids)
        return front, model

    before = many(20)
    after = many(500)
    assert after[0] <= before[0] + 5
    assert after[1] <= before[1] + 5
