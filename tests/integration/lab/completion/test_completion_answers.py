"""Suggestions over HTTP: streamed, one at a time, cancelled at the engine, cheap per key."""

from __future__ import annotations

import statistics
import threading
from typing import Any

from tests.integration.lab.completion.conftest import Answer, Engine, Jupyter, until

COMMENT = "# "  # and a sign behind, where no half word has to be asked for first


def test_a_suggestion(jupyter: Jupyter) -> None:
    answer = jupyter.ask("import nump")
    assert answer.text == "y as np"
    end = answer.end
    assert (end["reason"], end["shown"], end["mode"]) == ("line", True, "line_last")
    assert end["model"].startswith("assistant-demo")
    assert end["status"]["state"] == "ready"
    assert end["timings"]["evaluated"] > 0 and end["timings"]["first_token_ms"] > 0


def test_going_back_and_typing_on_cost_nothing(jupyter: Jupyter, engine_now: Engine) -> None:
    text = jupyter.ask("import pand").text
    assert text.startswith("as")
    before = engine_now.counts()["started"]
    assert jupyter.ask("import panda").text == text[1:]
    again = jupyter.ask("import pand")
    assert again.text == text and again.end["timings"]["evaluated"] == 0
    assert engine_now.counts()["started"] == before


def test_text_comes_while_the_model_writes(jupyter: Jupyter, endless: str) -> None:
    with jupyter.asking(COMMENT + "text:") as answer:
        while answer.pieces < 5:
            assert answer.next()
        assert not answer.end and answer.end == {}
        assert jupyter.status()["state"] == "generating"


def test_closing_the_connection_ends_the_generation(
    jupyter: Jupyter, endless: str, engine_now: Engine
) -> None:
    attempts = iter(range(1_000))

    def closed_in_the_middle() -> bool:
        # On a busy machine the engine may have written all 4,096 tokens before the close.
        before = engine_now.counts()
        with jupyter.asking(f"{COMMENT}close {next(attempts)}:") as answer:
            answer.next()
        after = until(lambda: (c := engine_now.counts())["active"] == 0 and c)
        return after["cancelled"] == before["cancelled"] + 1

    until(closed_in_the_middle)


def test_closing_it_before_the_first_token(
    jupyter: Jupyter, endless: str, engine_now: Engine
) -> None:
    begun = engine_now.counts()["started"]
    lines = "".join(f"value_{number} = {number}\n" for number in range(3_000))
    with jupyter.asking(f"{lines}{COMMENT}"):
        until(lambda: engine_now.counts()["started"] > begun)
    until(lambda: engine_now.counts()["active"] == 0)


def test_ten_at_once_are_one_at_the_engine(
    jupyter: Jupyter, endless: str, engine_now: Engine
) -> None:
    engine_now.http.post("/assistant/peak")
    answers: list[Answer] = []

    def ask(number: int) -> None:
        with jupyter.asking(f"{COMMENT}{number}:") as answer:
            answers.append(answer)
            while answer.next():
                pass

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(10)]
    for thread in threads:
        thread.start()
    until(lambda: sum(bool(answer.end) for answer in answers) == 9)
    assert engine_now.counts()["peak"] == 1
    assert {answer.end["reason"] for answer in answers if answer.end} == {"superseded"}
    jupyter.ask("import nump")  # ends the last one
    for thread in threads:
        thread.join(30)
        assert not thread.is_alive()
    assert engine_now.counts()["peak"] == 1


def test_the_newest_page_wins(jupyter: Jupyter, endless: str, engine_now: Engine) -> None:
    with jupyter.asking(COMMENT + "one:", page="one") as one:
        one.next()
        with jupyter.asking(COMMENT + "two:", page="two") as two:
            one.all()
            assert one.end["reason"] == "superseded"
            while not two.text:
                assert two.next()
            assert not two.end


def test_asking_ahead_displaces_nobody(jupyter: Jupyter, endless: str) -> None:
    with jupyter.asking(COMMENT + "real:") as real:
        real.next()
        ahead = jupyter.ask(COMMENT + "later:", trigger="ahead")
        assert (ahead.end["reason"], ahead.text) == ("superseded", "")
        assert real.next() and not real.end


def test_what_was_asked_ahead_is_there(jupyter: Jupyter, engine_now: Engine) -> None:
    # What the test before has left counts until Jupyter sees that nobody waits.
    until(lambda: jupyter.status()["state"] == "ready")
    ahead = jupyter.ask("import matplotlib.pyplot a", trigger="ahead")
    assert ahead.text
    before = engine_now.counts()["started"]
    assert jupyter.ask("import matplotlib.pyplot a").text == ahead.text
    assert engine_now.counts()["started"] == before


def test_typing_on_takes_over_what_is_being_written(
    jupyter: Jupyter, endless: str, engine_now: Engine
) -> None:
    with jupyter.asking(COMMENT + "go:") as first:
        while len(first.text) < 8:
            assert first.next()
        begun = engine_now.counts()["started"]
        typed = first.text[:3]
        with jupyter.asking(COMMENT + "go:" + typed) as second:
            while len(second.text) < 12:
                assert second.next()
            first.all()
            assert (typed + second.text).startswith(first.text[: len(second.text)])
            assert first.end["reason"] == "superseded"
        assert engine_now.counts()["started"] == begun


def test_a_key_costs_about_one_token(jupyter: Jupyter, engine_now: Engine) -> None:
    before = "import os\n\nnames = ['a', 'b']\n" + "total = 0\n" * 20
    line = "lengths = [len(name) for name in names]"
    after = "\nprint(lengths)\n" * 10
    jupyter.ask(before, after, trigger="enter")
    spent = []
    for size in range(1, len(line)):
        counted = engine_now.counts()["prompt_tokens"]
        jupyter.ask(before + line[:size], after)
        spent.append(engine_now.counts()["prompt_tokens"] - counted)
    assert statistics.median(spent) <= 3, spent
    assert any(spent), "nothing was asked at all"


def test_cells_around_reach_the_model(jupyter: Jupyter, engine_now: Engine) -> None:
    cells: list[dict[str, Any]] = [{"type": "code", "source": "alpha = 1\n" * 40}]
    counted = engine_now.counts()
    jupyter.ask("x = alph", before=cells)
    read = engine_now.counts()
    total = sum(read[key] - counted[key] for key in ("prompt_tokens", "cached_tokens"))
    assert total > 40 * 3


def test_a_prompt_that_does_not_fit_is_asked_again_with_less(
    jupyter: Jupyter, setting: Any
) -> None:
    setting("chat.context_tokens", 512)
    # Far more tokens than its characters let expect, and no line end to leave something out at.
    signs = "".join("~^`|@$&;%<!>?*"[number * number % 97 % 14] for number in range(2_000))
    end = jupyter.ask(f"{signs}\n{signs}#", f"\n{signs}", trigger="invoke").end
    assert end["reason"] not in ("error", "time"), end
    assert end["status"]["error"] is None
    assert 128 < end["timings"]["evaluated"] + end["timings"]["cached"] <= 512


def test_a_limit_ends_a_suggestion(jupyter: Jupyter, setting: Any) -> None:
    setting("completion.max_tokens", 1)
    end = jupyter.ask("import num").end
    assert end["reason"] in ("limit", "line") and end["status"]["settings"]["max_tokens"] == 1


def test_time_ends_a_suggestion(jupyter: Jupyter, endless: str, setting: Any) -> None:
    setting("completion.max_latency_ms", 300)
    answer = jupyter.ask(COMMENT + "slow:")
    assert answer.end["reason"] == "time"
