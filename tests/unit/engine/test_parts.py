"""Small parts: guard, activity, fill-in-the-middle prompts, wire shapes."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

from local_assistant.engine import fim, guard, memory, ollama_options, wire
from local_assistant.engine.activity import Activity
from local_assistant.engine.api_text import ToolCalls, _without_oldest
from local_assistant.engine.gguf import Header
from local_assistant.engine.scheduler import LoadOptions
from local_assistant.engine.wire import ApiError


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_activity() -> None:
    clock = Clock()
    activity = Activity(clock)
    clock.now += 5
    assert activity.idle_for() == 5
    activity.request(1)
    clock.now += 100
    assert activity.idle_for() == 0
    activity.request(-1)
    clock.now += 3
    activity.request(0)
    assert activity.idle_for() == 3
    activity.hold("a", 10)
    activity.hold("b", 20)
    clock.now += 15
    assert activity.idle_for() == 0
    assert activity.holds() == {"b": 5}
    activity.hold("b", 0)
    clock.now += 2
    assert activity.idle_for() == 2


def test_the_end_of_a_hold_counts_as_use() -> None:
    clock = Clock()
    activity = Activity(clock)
    activity.hold("a", 10)
    clock.now += 12
    assert activity.idle_for() == 2


@pytest.mark.parametrize(
    ("header", "fits"),
    [
        ("Bearer secret", True), ("bearer secret", True), ("Bearer  secret ", True),
        (None, False), ("", False), ("Bearer", False), ("Bearer other", False),
        ("Basic secret", False), ("secret", False), ("Bearer sécret", False),
    ],
)  # fmt: skip
def test_tokens(header: str | None, fits: bool) -> None:
    assert guard.has_token(header, "secret") is fits
    assert guard.has_token(header, None) is True


@pytest.mark.parametrize(
    ("host", "fits"),
    [
        ("localhost", True), ("LOCALHOST:80", True), ("127.0.0.1:11435", True), ("[::1]:1", True),
        ("::1", True), ("192.168.1.5", True), ("0.0.0.0:1", True), ("", True), (None, True),
        ("my.internal", True), ("evil.com", False), ("localhost.evil.com", False),
        ("8.8.8.8", False), ("[2001:4860::1]", False), ("evil.com:11435", False),
    ],
)  # fmt: skip
def test_hosts(host: str | None, fits: bool) -> None:
    assert guard.host_allowed(host) is fits


@pytest.mark.parametrize(
    ("origin", "fits"),
    [
        (None, True), ("http://localhost:8888", True), ("https://127.0.0.1", True),
        ("http://here:1", True), ("file://x", True), ("vscode-webview://x", True),
        ("null", False), ("http://evil.com", False), ("http://localhost.evil.com", False),
        ("http://[bad", False), ("ftp://localhost", False),
    ],
)  # fmt: skip
def test_origins(origin: str | None, fits: bool) -> None:
    assert guard.origin_allowed(origin, "here:1") is fits


def _header(ids: dict[str, int], **metadata: Any) -> Header:
    known = {f"tokenizer.ggml.{key}": value for key, value in metadata.items()}
    return Header(Path("x"), 1, known, 1, fim=ids)


def test_fill_in_the_middle() -> None:
    three = {"pre": 1, "suf": 2, "mid": 3}
    assert fim.prompt(_header(three), "a", "b") == [1, "a", 2, "b", 3]
    assert fim.prompt(_header(three), "", "b") == [1, 2, "b", 3]
    assert fim.prompt(_header({"pre": 1, "suf": 2}), "a", "b") == [2, "b", 1, "a"]
    starts = _header(three, add_bos_token=True, bos_token_id=9)
    assert fim.prompt(starts, "a", "b")[:2] == [9, 1]


def test_tool_calls_are_put_together() -> None:
    calls = ToolCalls()
    assert calls.fields() == {}
    calls.take([{"index": 0, "id": "x", "function": {"name": "f", "arguments": '{"a"'}}])
    calls.take([{"index": 0, "function": {"arguments": ": 1}"}}])
    (call,) = calls.fields()["tool_calls"]
    assert call == {"id": "x", "function": {"index": 0, "name": "f", "arguments": {"a": 1}}}
    calls.take([{"index": 1, "function": {"name": "g", "arguments": "{"}}])
    with pytest.raises(ApiError, match="not JSON"):
        calls.fields()


def test_messages_in_llama_form() -> None:
    given = {
        "role": "Assistant",
        "tool_calls": [{"function": {"name": "f", "arguments": {"a": 1}}}],
        "thinking": "hm",
    }
    told = wire.openai_message(given)
    assert told["role"] == "assistant"
    assert told["content"] == ""
    assert told["reasoning_content"] == "hm"
    assert told["tool_calls"][0]["function"] == {"name": "f", "arguments": '{"a": 1}'}
    answer = wire.openai_message({"role": "tool", "content": "3", "tool_name": "f"})
    assert answer == {"role": "tool", "content": "3", "tool_call_id": "call_0", "name": "f"}


def test_which_messages_are_left_out() -> None:
    def say(role: str, size: int) -> dict[str, Any]:
        return {"role": role, "content": "x" * size}

    messages = [say("system", 50), *(say("user", 100) for _ in range(8)), say("user", 10)]
    kept = _without_oldest(messages, {"n_prompt_tokens": 1000, "n_ctx": 500})
    assert kept is not None
    assert kept[0]["role"] == "system"
    assert kept[-1] is messages[-1]
    assert 3 <= len(messages) - len(kept) <= 5
    assert kept[1:] == messages[len(messages) - len(kept) + 1 :]
    assert _without_oldest([messages[0], messages[-1]], {}) is None
    assert len(_without_oldest(messages, {}) or []) == len(messages) - 1


def test_timestamps() -> None:
    assert wire.timestamp(0) == "1970-01-01T00:00:00.000000Z"
    assert wire.timestamp(math.inf).startswith("2318-")
    # keep_alive = "99999999h": no calendar has that year.
    assert wire.timestamp(3.6e11).startswith("2318-")


def test_small_models_get_few_threads() -> None:
    assert memory.default_threads(6_000_000) == 1
    assert memory.default_threads(10**12) >= memory.default_threads(200_000_000) >= 1
    assert memory.available() > 0


def test_sizes_of_nothing_leave_the_model_as_it_is_loaded() -> None:
    """No load ever satisfies a size of 0: the model would be loaded again without end."""
    nothing = {"num_ctx": 0, "num_batch": 0, "num_thread": 0, "num_gpu": -1}
    assert ollama_options.load_options(nothing) == LoadOptions()
    some = {"num_ctx": 2048, "num_batch": 64, "num_thread": 2, "num_gpu": 0}
    assert ollama_options.load_options(some) == LoadOptions(2048, 64, 2, 0)
