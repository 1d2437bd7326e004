"""Ollama's own variables, as Ollama reads them."""

from __future__ import annotations

import math

import pytest

from local_assistant.engine.guard import origin_allowed
from local_assistant.engine.settings import EngineOptions, is_loopback, with_environment


@pytest.mark.parametrize(
    ("name", "text", "field", "value"),
    [
        ("NUM_PARALLEL", "8", "parallel", 8),
        ("NUM_PARALLEL", ' "4" ', "parallel", 4),
        ("NUM_PARALLEL", "many", "parallel", 2),
        ("NUM_PARALLEL", "0", "parallel", 1),
        ("MAX_QUEUE", "0", "max_queue", 0),
        ("MAX_QUEUE", "-1", "max_queue", 512),
        ("MAX_LOADED_MODELS", "0", "max_loaded", 3),
        ("MAX_LOADED_MODELS", "1", "max_loaded", 1),
        ("CONTEXT_LENGTH", "16384", "context", 16384),
        ("CONTEXT_LENGTH", "0", "context", 4096),
        ("KEEP_ALIVE", "90", "keep_alive_s", 90.0),
        ("KEEP_ALIVE", "1h", "keep_alive_s", 3600.0),
        ("KEEP_ALIVE", "0", "keep_alive_s", 0.0),
        ("KEEP_ALIVE", "-1", "keep_alive_s", math.inf),
        ("KEEP_ALIVE", "junk", "keep_alive_s", 300.0),
        ("LOAD_TIMEOUT", "0", "load_timeout_s", math.inf),
        ("LOAD_TIMEOUT", "10s", "load_timeout_s", 10.0),
        ("ORIGINS", "http://a, app://*", "origins", ("http://a", "app://*")),
        ("ORIGINS", "", "origins", ()),
    ],
)
def test_variables(name: str, text: str, field: str, value: object) -> None:
    options = with_environment(EngineOptions(), {f"OLLAMA_{name}": text})
    assert getattr(options, field) == value


@pytest.mark.parametrize(
    ("host", "fits"),
    [("127.0.0.1", True), ("127.0.0.2", True), ("::1", True), ("localhost", True),
     ("0.0.0.0", False), ("::", False), ("192.168.0.1", False), ("example.org", False)],
)  # fmt: skip
def test_loopback(host: str, fits: bool) -> None:
    assert is_loopback(host) is fits


@pytest.mark.parametrize(
    ("origin", "listed", "fits"),
    [
        ("https://a.example", "https://a.example", True),
        ("https://A.example", "https://a.EXAMPLE", True),
        ("https://b.example", "https://a.example", False),
        ("https://x.a.example", "https://*.a.example", True),
        ("https://a.example", "https://*.a.example", False),
        ("moz-extension://1", "moz-extension://*", True),
        ("anything", "*", True),
        ("https://aa", "https://aa*aa", False),
    ],
)
def test_listed_origins(origin: str, listed: str, fits: bool) -> None:
    assert origin_allowed(origin, "here:1", (listed,)) is fits
