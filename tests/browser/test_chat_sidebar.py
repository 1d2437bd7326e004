"""The chat in the side bar, in a real browser: what a user does, and what a user sees.

The tests run in this order, in one chat, as a user's afternoon would.
"""

from __future__ import annotations

import os
import runpy
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from local_assistant import paths
from local_assistant.config import set_value
from local_assistant.engine.launch import running_engine
from local_assistant.engine.store.store import Store
from tests.browser.pages import Chat
from tests.slow import SlowMotion

PRIMES = "Write a function that returns all primes up to n"
DEMO = "assistant-demo"
OTHER = "demo-f16"
REQUANTIZE = Path(__file__).parents[2] / "modelfiles" / "demo" / "requantize.py"


@pytest.fixture(autouse=True)
def forgotten(chat: Chat) -> None:
    """What the test before this one asked is not part of this one's prompt."""
    if chat.messages():
        chat.clear()


Loaded = Callable[[], dict[str, dict[str, Any]]]


def freeze_in_the_middle(chat: Chat, model: SlowMotion) -> int:
    """Ask, and stop the model's process when a part of the answer is on the page.

    On a busy machine one slice of slow motion may be enough for the whole answer: then again.
    """
    for _ in range(8):
        count = chat.send(PRIMES)
        chat.wait_for_words(count)
        model.freeze()
        chat.lab.page.wait_for_timeout(300)
        if chat.stop.is_enabled():
            return count
        model.thaw()
        chat.clear()
    raise AssertionError("the model was always faster")


def test_a_question_is_answered_in_the_side_bar(chat: Chat, outside: list[str]) -> None:
    (reply,) = chat.ask(PRIMES)
    assert "def primes_up_to" in reply
    assert "The demo model answers, because" in reply
    assert "jupyter assistant pull" in reply
    expect(chat.panel.locator(".jp-chat-rendered-message pre code").last).to_contain_text("def ")
    expect(chat.panel.locator(".jp-jai-usage-chip")).to_have_count(1)
    assert outside == [], "the page asked for something off this machine"


def test_the_answer_streams(chat: Chat, loaded: Loaded) -> None:
    with SlowMotion(loaded()[DEMO]["pid"], run_s=0.003):
        (reply,) = chat.ask(PRIMES)
    grown = chat.lab.growth()
    assert len({length for length in grown if 0 < length < len(reply)}) >= 3, grown
    assert "The demo model answers, because" not in reply, "said twice in one chat"


def test_the_stop_button_ends_the_answer_and_the_work(chat: Chat, loaded: Loaded) -> None:
    with SlowMotion(loaded()[DEMO]["pid"]) as model:
        count = freeze_in_the_middle(chat, model)
        chat.stop.click()
        replies = chat.replies_after(count)
    assert len(replies) == 1, replies
    deadline = time.monotonic() + 30
    while loaded()[DEMO]["active"]:
        assert time.monotonic() < deadline, "the engine still works on it"
        time.sleep(0.05)
    (complete,) = chat.ask(PRIMES)
    assert len(complete) > len(replies[0])


def test_an_attached_file_goes_to_the_model(chat: Chat) -> None:
    folder = chat.lab.server.root / "attached"
    folder.mkdir()
    (folder / "mine.py").write_text("".join(f"value_{i} = {i}\n" for i in range(20)))
    chat.ask("What is it?")
    without = chat.tokens()
    chat.clear()
    chat.attach("attached", "mine.py")
    (reply,) = chat.ask("What is it?")
    assert "Not read" not in reply and "Left out" not in reply
    assert chat.tokens() > without + 60


def test_editing_one_line_swaps_the_model(chat: Chat, loaded: Loaded, tmp_path: Path) -> None:
    runpy.run_path(str(REQUANTIZE))["to_f16"](paths.demo_gguf(), tmp_path / "f16.gguf")
    Store(paths.models_dir()).add_gguf(OTHER, tmp_path / "f16.gguf", link=False)
    set_value("models.chat", OTHER)
    assert OTHER not in loaded()
    (reply,) = chat.ask(PRIMES)
    assert "def primes_up_to" in reply
    assert OTHER in loaded()
    menu = chat.panel.locator(".jp-jai-personaControls-control-value").first
    expect(menu).to_have_text(OTHER)


def test_a_mistake_in_the_file_is_told_and_the_last_good_one_stays(chat: Chat) -> None:
    file = paths.user_config_file()
    good = file.read_text(encoding="utf-8")
    file.write_text(
        good.replace("\n[models]\n", '\n[models]\npresett = "small"\n'), encoding="utf-8"
    )
    try:
        (reply,) = chat.ask(PRIMES)
    finally:
        file.write_text(good, encoding="utf-8")
    line = good.splitlines().index("[models]") + 2
    assert f"assistant.toml, line {line}:" in reply
    assert "presett" in reply and "preset" in reply.replace("presett", "")
    assert "last good settings stay in force" in reply
    assert "def primes_up_to" in reply


def test_an_engine_killed_in_the_middle_comes_back(chat: Chat, loaded: Loaded) -> None:
    chat.ask(PRIMES)
    victim = running_engine()
    assert victim is not None
    chat.clear()
    with SlowMotion(loaded()[OTHER]["pid"]) as model:
        count = freeze_in_the_middle(chat, model)
        os.kill(victim.pid, signal.SIGKILL)
        expect(chat.panel).to_contain_text("stopped in the middle of the answer")
    assert "Send the message again" in chat.replies_after(count)[-1]
    (reply,) = chat.ask(PRIMES)
    assert "def primes_up_to" in reply
    assert "Traceback" not in chat.panel.inner_text()
