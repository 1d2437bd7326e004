"""How the model's window is shared between prompt and answer."""

from __future__ import annotations

import pytest

from local_assistant.lab.chat.window import Window


@pytest.mark.parametrize(
    ("window", "max_tokens", "budget"),
    [(1024, None, 768), (8192, None, 6144), (8192, 500, 7692), (1024, 4000, 512)],
)
def test_the_answer_has_room_of_its_own(window: int, max_tokens: int | None, budget: int) -> None:
    assert Window(window).prompt_budget(max_tokens) == budget


def test_a_tiny_vocabulary_takes_more_tokens_for_the_same_text() -> None:
    assert Window(1024, tiny=True).prompt_budget(None) < Window(1024).prompt_budget(None)
