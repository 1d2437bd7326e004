"""What of a conversation goes to the model, and what is said about the rest."""

from __future__ import annotations

import pytest

from local_assistant.errors import AssistantError
from local_assistant.lab.chat.prompt import Attachment, Turn, build_prompt, estimate_tokens

SYSTEM = "Answer briefly."


def talk(count: int, size: int = 40) -> list[Turn]:
    """``count`` questions with answers, and one last question."""
    turns = []
    for number in range(count):
        turns.append(Turn("user", f"question {number} " + "word " * size))
        turns.append(Turn("assistant", f"answer {number} " + "word " * size))
    return [*turns, Turn("user", "and now?")]


def test_everything_goes_where_it_fits() -> None:
    prompt = build_prompt(SYSTEM, talk(3), 4000, "m")
    assert [m["role"] for m in prompt.messages] == ["system", *["user", "assistant"] * 3, "user"]
    assert prompt.left_out == []


def test_the_oldest_turns_are_left_out_in_words() -> None:
    prompt = build_prompt(SYSTEM, talk(10), 600, "m")
    assert prompt.messages[0] == {"role": "system", "content": SYSTEM}
    assert prompt.messages[1]["role"] == "user", "an answer without its question was kept"
    assert prompt.messages[-1]["content"] == "and now?"
    assert prompt.messages[-2]["content"].startswith("answer 9")
    kept = len(prompt.messages) - 2
    assert 0 < kept < 20
    assert prompt.left_out == [f"{20 - kept} earlier messages"]
    assert prompt.tokens <= 600


@pytest.mark.parametrize("budget", [100, 300, 900, 5000])
def test_the_estimate_never_exceeds_the_budget(budget: int) -> None:
    turns = talk(30)
    turns[-1] = Turn("user", "see", (Attachment("a.py", "x = 1\n" * 500),))
    prompt = build_prompt(SYSTEM, turns, budget, "m")
    assert sum(estimate_tokens(m["content"]) for m in prompt.messages) <= budget


def test_a_long_attachment_keeps_its_beginning() -> None:
    lines = "\n".join(f"value_{number} = {number}" for number in range(400))
    turn = Turn("user", "Explain.", (Attachment("long.py", lines),))
    prompt = build_prompt(SYSTEM, [turn], 700, "m")
    content = prompt.messages[-1]["content"]
    assert content.startswith("long.py:\n```python\nvalue_0 = 0\n")
    assert content.endswith("\n```\n\nExplain.")
    (said,) = prompt.left_out
    kept = content.count("value_")
    assert said == f"long.py after line {kept} of 400"
    assert 20 < kept < 400


def test_an_attachment_without_room_is_named() -> None:
    first = Attachment("first.py", "x = 1\n" * 100)
    second = Attachment("second.py", "y = 1\n" * 100)
    prompt = build_prompt(SYSTEM, [Turn("user", "Compare.", (first, second))], 455, "m")
    assert "first.py" in prompt.messages[-1]["content"]
    assert "second.py" not in prompt.messages[-1]["content"]
    assert prompt.left_out == ["second.py"]


def test_a_question_that_cannot_fit_is_refused_with_a_way_out() -> None:
    with pytest.raises(AssistantError) as caught:
        build_prompt(SYSTEM, [Turn("user", "long text " * 20_000)], 768, "assistant-demo")
    assert "too long for assistant-demo" in caught.value.message
    assert "768" in caught.value.message
    assert "Shorten" in str(caught.value.fix)


def test_same_conversation_same_bytes() -> None:
    turns = talk(2)
    before = build_prompt(SYSTEM, turns, 4000, "m").messages
    after = build_prompt(
        SYSTEM, [*turns, Turn("assistant", "so"), Turn("user", "more")], 4000, "m"
    ).messages
    assert after[: len(before)] == before, "a server could not reuse what it has read"


def test_an_empty_system_prompt_sends_none() -> None:
    assert build_prompt("", talk(0), 100, "m").messages == [{"role": "user", "content": "and now?"}]


@pytest.mark.parametrize(
    ("text", "least"),
    [("1234567890", 10), ("привет мир", 18), ("数据科学", 12), ("(((", 3), ("    x", 2)],
)
def test_dense_text_counts_dense(text: str, least: int) -> None:
    assert estimate_tokens(text) >= least


def sent(attachment: Attachment, budget: int) -> tuple[str, list[str]]:
    prompt = build_prompt("", [Turn("user", "why?", (attachment,))], budget, "m")
    return prompt.messages[-1]["content"], prompt.left_out


LINES = "\n".join(f"line {number}" for number in range(100))


def test_of_an_error_the_end_stays() -> None:
    content, left_out = sent(Attachment("e", LINES, "text", "error", keep=-1), 200)
    assert "line 99" in content and "line 0\n" not in content
    first = int(content.split("line ")[1].split()[0])
    assert left_out == [f"e before line {first + 1} of 100"]


def test_of_a_failed_cell_the_lines_around_the_failing_one_stay() -> None:
    content, left_out = sent(Attachment("c", LINES, keep=50), 200)
    assert "line 45\n" in content and "line 50\n" in content and "line 55\n" in content
    assert "line 0\n" not in content and "line 99" not in content
    assert left_out[0].startswith("c but lines ") and left_out[0].endswith(" of 100")


def test_an_attachment_takes_no_more_than_its_share() -> None:
    whole, _ = sent(Attachment("o", LINES), 300)
    half, left_out = sent(Attachment("o", LINES, share=0.5), 300)
    assert 0.3 < half.count("\n") / whole.count("\n") < 0.6
    assert left_out and left_out[0].startswith("o after line ")


def test_an_attachment_of_one_line_that_fits_is_kept_whole() -> None:
    content, left_out = sent(Attachment("n", "import os", share=0.2), 300)
    assert "import os" in content and left_out == []
