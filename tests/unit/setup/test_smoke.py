"""The smoke checks judge answers by their properties, and never raise."""

from __future__ import annotations

import sys
from typing import Any

import pytest

from local_assistant.config import AssistantConfig
from local_assistant.errors import AssistantError
from local_assistant.setup import browser_smoke, smoke
from local_assistant.setup.outcome import Check
from tests.unit.setup.answering import ollama


def checks(config: AssistantConfig) -> dict[str, Check]:
    """All checks but the kernel's."""
    return {
        "server": smoke.timed("server", lambda: smoke.check_server(config)),
        "chat": smoke.timed("chat", lambda: smoke.check_chat(config)),
        "completion": smoke.timed("completion", lambda: smoke.check_completion(config)),
        "embedding": smoke.timed("embedding", lambda: smoke.check_embedding(config)),
    }


def test_good_answers_pass(home: Any) -> None:
    with ollama() as config:
        for check in checks(config).values():
            assert check.ok, check
            assert check.fix is None
            assert check.ms > 0


@pytest.mark.parametrize(
    ("name", "changed", "said"),
    [
        ("chat", {"chat": {"message": {"content": " "}, "done": True}}, "no text"),
        ("completion", {"generate": {"response": "\n", "done": True}}, "no line of code"),
        ("embedding", {"embed": {"embeddings": []}}, "0 vectors"),
        ("embedding", {"embed": {"embeddings": [[1.0], [1.0, 2.0], [1.0]]}}, "sizes [1, 2]"),
        ("embedding", {"embed": {"embeddings": [[], [], []]}}, "sizes [0]"),
        ("embedding", {"embed": {"embeddings": [[1.0], [1.0], [float("nan")]]}}, "not finite"),
        ("embedding", {"embed": {"embeddings": [[1, 0], [0, 1], [0, 1]]}}, "like itself"),
        ("embedding", {"embed": {"embeddings": [[1, 0], [1, 0], [1, 0]]}}, "like another"),
        ("embedding", {"embed": {"embeddings": [[0, 0], [0, 0], [0, 0]]}}, "like itself"),
        ("server", {"version": {"version": "0.1.0"}}, "too old"),
        ("chat", {"tags": {"models": []}}, "not installed"),
    ],
)
def test_poor_answers_fail_with_a_fix(
    home: Any, name: str, changed: dict[str, Any], said: str
) -> None:
    with ollama(**changed) as config:
        check = checks(config)[name]
    assert not check.ok
    assert said in check.detail
    assert check.fix


def test_thoughts_of_a_reasoning_model_count(home: Any) -> None:
    with ollama(chat={"message": {"content": "", "thinking": "Hm"}, "done": True}) as config:
        assert checks(config)["chat"].ok


def test_a_model_that_cannot_fill_in_is_given_the_start_alone(home: Any) -> None:
    with ollama(show={"capabilities": ["completion"]}) as config:
        check = checks(config)["completion"]
    assert check.ok
    assert "continued with 'a + b'" in check.detail


def test_a_defect_of_ours_is_a_failed_check(home: Any) -> None:
    def defect() -> str:
        raise ZeroDivisionError("x")

    check = smoke.timed("chat", defect)
    assert not check.ok
    assert "ZeroDivisionError" in check.detail
    assert "jupyter assistant logs" in str(check.fix)


def test_the_browser_check_says_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "playwright.sync_api", None)
    with (
        pytest.raises(AssistantError, match="Playwright") as caught,
        browser_smoke.browser_page(),
    ):
        pass
    assert "playwright install chromium" in str(caught.value.fix)
