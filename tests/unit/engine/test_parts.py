"""Small parts: guard, activity, timestamps, options."""

from __future__ import annotations

import math

import pytest

from local_assistant.engine import guard
from local_assistant.engine.activity import Activity
from local_assistant.engine.runtime.scheduler import LoadOptions
from local_assistant.engine.wire import options as ollama_options
from local_assistant.engine.wire import shapes as wire
from local_assistant.machine import available_memory, default_threads


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


def test_timestamps() -> None:
    assert wire.timestamp(0) == "1970-01-01T00:00:00.000000Z"
    assert wire.timestamp(math.inf).startswith("2318-")
    # keep_alive = "99999999h": no calendar has that year.
    assert wire.timestamp(3.6e11).startswith("2318-")


def test_small_models_get_few_threads() -> None:
    assert default_threads(6_000_000) == 1
    assert default_threads(10**12) >= default_threads(200_000_000) >= 1
    assert available_memory() > 0


def test_sizes_of_nothing_leave_the_model_as_it_is_loaded() -> None:
    """No load ever satisfies a size of 0: the model would be loaded again without end."""
    nothing = {"num_ctx": 0, "num_batch": 0, "num_thread": 0, "num_gpu": -1}
    assert ollama_options.load_options(nothing) == LoadOptions()
    some = {"num_ctx": 2048, "num_batch": 64, "num_thread": 2, "num_gpu": 0}
    assert ollama_options.load_options(some) == LoadOptions(2048, 64, 2, 0)


def test_options_stay_within_what_llama_cpp_reads() -> None:
    big = ollama_options.check({"top_k": 1e300, "seed": 2**40 + 5, "temperature": -1e300})
    assert big["top_k"] == 2**31 - 1
    assert big["seed"] == 5
    assert big["temperature"] == pytest.approx(-3.4e38)
    assert ollama_options.check({"seed": -7, "num_ctx": 12.9}) == {"seed": -1, "num_ctx": 12}


@pytest.mark.parametrize(
    ("wanted", "chat", "tokens"),
    [(-1, False, 1000), (-2, True, 1000), (0, False, 1000), (0, True, 0), (7, True, 7),
     (5000, False, 1000)],
)  # fmt: skip
def test_how_many_tokens_are_generated(wanted: int, chat: bool, tokens: int) -> None:
    options = {"num_predict": wanted, "repeat_last_n": -1}
    fields = ollama_options.sampling_fields(options, 100, chat=chat)
    assert fields["n_predict"] == tokens
    assert fields["repeat_last_n"] == 100
