"""Streams of ``/v1`` that do not reach their end: the model dies, the client leaves."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable

import openai
import pytest

from tests.integration.engine.conftest import Own
from tests.waiting import until

MODEL = "tiny"
ASK = "hello"


@pytest.fixture
def own(own_engine: Callable[..., Own]) -> Own:
    """An engine of this test, with the tiny model loaded at its whole context."""
    made = own_engine()
    made.http.post("/api/generate", json={"model": MODEL, "options": {"num_ctx": 16384}})
    return made


def client_of(own: Own) -> openai.OpenAI:
    """The real client; closed by the test."""
    return openai.OpenAI(base_url=f"{own.info.url}/v1", api_key=own.info.token or "", max_retries=0)


def test_a_killed_model_is_an_error_that_the_client_raises(own: Own) -> None:
    with client_of(own) as client:
        with client.completions.create(model=MODEL, prompt=ASK, stream=True) as stream:
            pieces = iter(stream)
            assert next(pieces).choices[0].finish_reason is None
            os.kill(own.pid_of(MODEL), signal.SIGKILL)
            with pytest.raises(openai.APIError, match="model runner has unexpectedly stopped"):
                list(pieces)
        again = client.completions.create(model=MODEL, prompt=ASK, max_tokens=2, temperature=0)
    assert len(again.choices[0].text) == 2


def test_a_client_that_leaves_ends_the_generation(own: Own) -> None:
    before = own.status()["generations"]
    with (
        client_of(own) as client,
        client.chat.completions.create(
            model=MODEL, messages=[{"role": "user", "content": ASK}], stream=True
        ) as stream,
    ):
        assert next(iter(stream)).choices[0].delta.role == "assistant"
    until(lambda: own.status()["generations"]["cancelled"] > before["cancelled"])
    assert own.status()["generations"]["active"] == 0
