"""Ghost text in a notebook, in a real browser, by the real engine and the demo model.

What the demo model completes is known: `import numpy as` with ` np`, and the like. Each test
begins its cell with another comment, so that no suggestion of an earlier one is used again.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Locator

from local_assistant.config import set_value
from tests.browser.ghost import Counter, Ghost
from tests.browser.pages import Lab, Notebook
from tests.slow import SlowMotion

DEMO = "assistant-demo"
_numbers = itertools.count(1)

# In the page: from here it could be too late.
_LEAVE = """() => new MutationObserver((_, observer) => {
  if (document.activeElement.textContent.includes('numpy as')) {
    observer.disconnect();
    setTimeout(() => document.activeElement.blur());
  }
}).observe(document.body, {childList: true, characterData: true, subtree: true})"""
_LEFT = "() => !document.activeElement.closest('.cm-content')"

Begin = Callable[..., str]


@pytest.fixture(scope="module")
def ghost(lab: Lab, notebook: Notebook) -> Iterator[Ghost]:
    set_value("completion.max_latency_ms", 60_000)  # some tests let the model sleep
    ghost = Ghost(lab.page)
    ghost.wait_state("ready")
    Counter().forget_peak()
    yield ghost
    set_value("completion.max_latency_ms", None)


@pytest.fixture
def cell(notebook: Notebook) -> Locator:
    return notebook.cells.last.locator(".cm-content")


@pytest.fixture
def begin(ghost: Ghost, cell: Locator) -> Begin:
    """Put a comment of its own and ``text`` into the cell, by one change: one question."""

    def begin(text: str, once_idle: Callable[[], None] = lambda: None) -> str:
        ghost.start(cell)  # ends what is under way; for an empty cell nothing is asked
        Counter().wait_idle()
        once_idle()
        before = f"# {next(_numbers)}\n"
        ghost.asked.clear()
        ghost.keyboard.insert_text(before + text)
        return before + text

    return begin


@pytest.fixture
def pid(ghost: Ghost, loaded: Callable[[], dict[str, dict[str, Any]]]) -> int:
    """The process of the demo model."""
    return int(loaded()[DEMO]["pid"])


def test_a_ghost_appears_and_tab_accepts_it(ghost: Ghost, begin: Begin) -> None:
    text = begin("import numpy as")
    assert ghost.wait_done() == " np"
    ghost.keyboard.press("Tab")
    ghost.wait("not accepted", lambda: ghost.text() == text + " np")
    assert [question["trigger"] for question in ghost.automatic()] == ["auto"]
    (question, *_) = ghost.asked
    assert question["prefix"] == text and question["kind"] == "notebook"
    assert question["mime"] == "text/x-ipython" and question["path"].endswith(".ipynb")


def test_words_and_lines_are_accepted_without_another_request(ghost: Ghost, begin: Begin) -> None:
    text = begin("import matplotlib")
    assert ghost.wait_done() == ".pyplot as plt"
    ghost.keyboard.press("Control+ArrowRight")
    ghost.wait_shown("pyplot as plt")
    assert ghost.text() == text + "."
    ghost.keyboard.press("Control+ArrowRight")
    ghost.wait_shown(" as plt")
    ghost.keyboard.press("Control+ArrowDown")
    ghost.wait("the line", lambda: ghost.text() == text + ".pyplot as plt")
    assert [question["prefix"] for question in ghost.automatic()] == [text]


def test_typing_on_as_suggested_asks_nothing(ghost: Ghost, begin: Begin) -> None:
    text = begin("import matplotlib")
    ghost.wait_done()
    for typed in (".", "p", "y", "p", "l", "o", "t"):
        ghost.keyboard.type(typed)
    ghost.wait_shown(" as plt")
    assert [question["prefix"] for question in ghost.automatic()] == [text]


def test_typing_ahead_of_the_stream(ghost: Ghost, begin: Begin, pid: int) -> None:
    """The answer comes late and agrees with what was typed meanwhile: one request, no doubles."""
    with SlowMotion(pid) as model:
        text = begin("import matplotlib", model.freeze)
        ghost.wait("not asked", ghost.automatic)
        ghost.keyboard.type(".pyp")
        assert not ghost.takes_tab()
        model.thaw()
        ghost.wait_shown("lot as plt")
    ghost.wait_done()  # taken before, it would be asked what comes next
    ghost.keyboard.press("Tab")
    ghost.wait("doubled", lambda: ghost.text() == text + ".pyplot as plt")
    assert len(ghost.automatic()) == 1


def test_keys_in_the_middle_of_the_stream(ghost: Ghost, begin: Begin, pid: int) -> None:
    with SlowMotion(pid, run_s=0.002):
        text = begin("import matplotlib")
        ghost.wait_shown()
        ghost.keyboard.type(".py")
        ghost.wait_shown("plot as plt")
    ghost.wait_done()
    ghost.keyboard.press("Tab")
    ghost.wait("doubled", lambda: ghost.text() == text + ".pyplot as plt")
    assert len(ghost.automatic()) == 1


def test_another_key_ends_the_stream_and_frees_tab(ghost: Ghost, begin: Begin, pid: int) -> None:
    started = Counter().read()["started"]
    with SlowMotion(pid) as model:
        begin("import matplotlib")
        ghost.wait_shown()
        model.freeze()
        ghost.keyboard.type("z")
        ghost.wait("the ghost stays", lambda: not ghost.shown())
        assert not ghost.takes_tab()
        ghost.wait("not asked again", lambda: len(ghost.automatic()) == 2)
        model.thaw()
        Counter().wait_idle()
    assert Counter().read()["started"] >= started + 2
    assert Counter().read()["peak"] == 1


def test_going_back_costs_nothing(ghost: Ghost, begin: Begin) -> None:
    begin("import matplotlib")
    shown = ghost.wait_done()
    ghost.keyboard.type("z")
    ghost.wait("the ghost stays", lambda: ghost.shown() != shown)
    ghost.keyboard.press("Backspace")
    ghost.wait_shown(shown)
    prefixes = [question["prefix"] for question in ghost.automatic()]
    assert len(prefixes) == len(set(prefixes))


def test_undo_brings_the_suggestion_back(ghost: Ghost, begin: Begin) -> None:
    text = begin("import matplotlib")
    shown = ghost.wait_done()
    ghost.page.wait_for_timeout(600)  # the editor undoes together what came within half a second
    ghost.keyboard.press("Tab")
    ghost.wait("not accepted", lambda: ghost.text() == text + shown)
    ghost.keyboard.press("Control+z")
    ghost.wait("not undone", lambda: ghost.text() == text)
    ghost.wait_shown(shown)
    assert [q["prefix"] for q in ghost.automatic()].count(text) == 1


@pytest.fixture
def closing(ghost: Ghost) -> Iterator[None]:
    """The editor closes brackets and quotes by itself."""

    def toggle() -> None:
        ghost.page.get_by_role("menuitem", name="Settings").click()
        ghost.page.get_by_text("Auto Close Brackets", exact=True).click()

    toggle()
    yield
    toggle()


def test_quotes_that_the_editor_closes(ghost: Ghost, closing: None, begin: Begin) -> None:
    text = begin("if __name__")
    assert ghost.wait_done() == ' == "__main__":'
    ghost.keyboard.type(' == "')
    ghost.wait_shown("__main__")
    assert ghost.text() == text + ' == ""'
    ghost.keyboard.press("Tab")
    ghost.wait("not inside", lambda: ghost.text() == text + ' == "__main__"')


def test_escape_turns_it_down(ghost: Ghost, begin: Begin) -> None:
    text = begin("import matplotlib")
    shown = ghost.wait_done()
    ghost.keyboard.press("Escape")
    ghost.wait("the ghost stays", lambda: not ghost.shown() and not ghost.takes_tab())
    assert ghost.text() == text, "the cell is still edited"
    asked = len(ghost.automatic())
    ghost.keyboard.type(".p")
    ghost.keyboard.press("Backspace")
    ghost.keyboard.press("Backspace")
    ghost.keyboard.press("Alt+\\")  # whatever would have come by itself came before this
    ghost.wait_shown(shown)
    assert [q["trigger"] for q in ghost.automatic()[asked:]] in ([], ["invoke"])


def test_moving_the_cursor_takes_it_away(ghost: Ghost, begin: Begin) -> None:
    text = begin("import matplotlib")
    ghost.wait_done()
    ghost.keyboard.press("ArrowLeft")
    ghost.wait("the ghost stays", lambda: not ghost.shown() and not ghost.takes_tab())
    assert ghost.text() == text


def test_leaving_the_cell_stops_it(ghost: Ghost, begin: Begin, pid: int, lab: Lab) -> None:
    with SlowMotion(pid) as model:
        model.freeze()
        begin("import matplotlib")
        ghost.wait("not asked", ghost.automatic)
        lab.page.evaluate("document.activeElement.blur()")
        counts = Counter().wait_idle()
        assert counts["peak"] == 1
        model.thaw()
    assert not ghost.shown()
    assert not ghost.takes_tab()


def test_leaving_the_cell_before_it_is_asked(
    ghost: Ghost, begin: Begin, lab: Lab, cell: Locator
) -> None:
    lab.page.evaluate(_LEAVE)
    text = begin("import numpy as")
    ghost.wait("still in the cell", lambda: lab.page.evaluate(_LEFT))
    cell.click()
    ghost.keyboard.press("End")
    ghost.keyboard.press("Control+End")
    ghost.keyboard.press("Alt+\\")
    ghost.wait_shown(" np")
    asked = [(q["trigger"], q["prefix"]) for q in ghost.automatic()]
    assert asked == [("invoke", text)]


def test_running_the_cell_before_it_is_asked(
    ghost: Ghost, begin: Begin, notebook: Notebook
) -> None:
    count = notebook.cells.count()
    begin("x = 1")
    ghost.keyboard.press("Shift+Enter")
    ghost.wait("no new cell", lambda: notebook.cells.count() > count)
    assert not ghost.shown()
    Counter().wait_idle()
    assert not ghost.shown()


def test_enter_asks_for_the_next_line(ghost: Ghost, begin: Begin) -> None:
    text = begin("def add(a, b):")
    ghost.wait("too early", lambda: ghost.state() == "ready")
    ghost.keyboard.press("Enter")
    shown = ghost.wait_done()
    assert shown.startswith("return a")
    assert ghost.automatic()[-1]["trigger"] == "enter"
    ghost.keyboard.press("Tab")
    ghost.wait("not accepted", lambda: ghost.text() == text + "\n    " + shown)


def test_what_follows_is_asked_ahead(ghost: Ghost, begin: Begin) -> None:
    text = begin("import numpy as")
    ghost.wait_shown(" np")
    ahead = ghost.wait(
        "not asked ahead", lambda: [q for q in ghost.asked if q["trigger"] == "ahead"]
    )
    assert [question["prefix"] for question in ahead] == [text + " np"]
    assert ghost.shown() == " np"


def test_nothing_inside_of_a_word(ghost: Ghost, begin: Begin) -> None:
    begin("importnumpy as")
    ghost.wait("busy", lambda: ghost.state() == "ready")
    for _ in "numpy as":
        ghost.keyboard.press("ArrowLeft")
    ghost.asked.clear()
    ghost.keyboard.type("s")
    ghost.keyboard.press("Control+End")
    ghost.keyboard.press("Alt+\\")
    ghost.wait("not asked", ghost.automatic)
    assert [question["trigger"] for question in ghost.automatic()] == ["invoke"]


def test_other_cells_are_sent_along(ghost: Ghost, begin: Begin) -> None:
    begin("import numpy as")
    (question, *_) = ghost.wait("not asked", ghost.automatic)
    assert any("x = 1" in other["source"] for other in question["before"])


def test_what_an_input_method_composes_is_asked_for_at_its_end(ghost: Ghost, begin: Begin) -> None:
    text = begin("import numpy")
    ghost.wait("nothing ahead", lambda: len(ghost.asked) > len(ghost.automatic()))
    Counter().wait_idle()
    ghost.asked.clear()
    method = ghost.page.context.new_cdp_session(ghost.page)
    for part in (";", "; x"):
        at = len(part)
        method.send(
            "Input.imeSetComposition", {"text": part, "selectionStart": at, "selectionEnd": at}
        )
    ghost.page.wait_for_timeout(600)  # longer than any pause before a request
    assert not ghost.asked and not ghost.shown() and not ghost.takes_tab()
    method.send("Input.insertText", {"text": "; x"})
    ghost.wait("not asked", ghost.automatic)
    assert {question["prefix"] for question in ghost.automatic()} == {text + "; x"}


def test_never_two_at_a_time_and_no_error_in_the_page(ghost: Ghost) -> None:
    counts = Counter().wait_idle()
    assert counts["started"] and counts["peak"] == 1
    assert ghost.problems == []
    measured = ghost.page.evaluate(
        "performance.getEntriesByType('measure').map(measure => measure.name)"
    )
    assert {"local-assistant:evaluate", "local-assistant:activate"} <= set(measured)
