"""What of earlier questions is sent again."""

from __future__ import annotations

from local_assistant.lab.magics.history import History


def _history(count: int) -> History:
    history = History()
    for number in range(count):
        history.add(f"question {number}", f"answer {number}")
    return history


def test_questions_and_answers_alternate() -> None:
    messages = _history(2).messages()
    assert [m["role"] for m in messages] == ["user", "assistant"] * 2
    assert [m["content"] for m in messages][::3] == ["question 0", "answer 1"]


def test_it_is_bounded() -> None:
    history = _history(300)
    assert len(history) == 100
    assert history.messages()[-1]["content"] == "answer 299"
    history.add("x" * 1_000_000, "y")
    assert len(history) == 1


def test_the_oldest_are_left_out_first_and_whole() -> None:
    kept = _history(20).fitting("m", 200)
    assert 0 < len(kept) < 40
    assert kept[0]["role"] == "user"
    assert kept[-1]["content"] == "answer 19"


def test_the_beginning_stays_the_same_for_several_questions() -> None:
    """Otherwise the server had to read everything anew each time."""
    history, firsts = _history(20), []
    for number in range(20, 40):
        firsts.append(history.fitting("m", 300)[0]["content"])
        history.add(f"question {number}", f"answer {number}")
    assert len(set(firsts)) <= 8


def test_another_model_reads_from_the_beginning() -> None:
    history = _history(20)
    assert len(history.fitting("small", 100)) < 20
    assert len(history.fitting("large", 100_000)) == 40


def test_nothing_fits_into_nothing() -> None:
    assert _history(3).fitting("m", 0) == []


def test_it_can_be_forgotten() -> None:
    history = _history(3)
    assert history.clear() == 3
    assert (len(history), history.messages(), history.size) == (0, [], 0)
