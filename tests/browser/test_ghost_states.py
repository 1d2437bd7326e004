"""The status item, its popup and the settings panel, in each state, in a real browser."""

from __future__ import annotations

import os
import runpy
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Locator, expect

from local_assistant import paths
from local_assistant.config import load_config, set_value
from local_assistant.engine.launch import running_engine
from local_assistant.engine.store.store import Store
from tests.browser.ghost import Counter, Ghost
from tests.browser.pages import Lab, Notebook

DEMO = "assistant-demo"
OTHER = "ghost-f16"
PLAIN = "ghost-plain"
REQUANTIZE = Path(__file__).parents[2] / "modelfiles" / "demo" / "requantize.py"

_WATCH = """() => {
  const item = document.querySelector('#local-assistant-status');
  window.ghostStates = [item.dataset.state];
  new MutationObserver(() => {
    const states = window.ghostStates;
    if (states[states.length - 1] !== item.dataset.state) states.push(item.dataset.state);
  }).observe(item, {attributes: true, attributeFilter: ['data-state']});
}"""


@pytest.fixture(scope="module")
def ghost(lab: Lab, notebook: Notebook) -> Iterator[Ghost]:
    ghost = Ghost(lab.page)
    ghost.wait_state("ready")
    ghost.page.evaluate(_WATCH)
    yield ghost
    set_value("completion.enabled", None)
    set_value("models.completion", None)


@pytest.fixture
def cell(notebook: Notebook) -> Locator:
    return notebook.cells.last.locator(".cm-content")


@pytest.fixture
def popup(ghost: Ghost) -> Iterator[Locator]:
    popup = ghost.page.get_by_role("dialog", name="Ghost text")
    ghost.item.click()
    expect(popup).to_be_visible()
    yield popup
    if popup.count():
        ghost.keyboard.press("Escape")
    expect(popup).to_have_count(0)


def ask(ghost: Ghost, cell: Locator, comment: str) -> None:
    ghost.start(cell, f"# {comment}\nimport numpy a")
    ghost.asked.clear()
    ghost.keyboard.type("s")


def states(ghost: Ghost) -> list[str]:
    seen: list[str] = ghost.page.evaluate("window.ghostStates")
    return seen


def completion() -> str | None:
    name: str | None = load_config().config.models.completion
    return name


def test_the_item_shows_model_state_and_time(
    ghost: Ghost, cell: Locator, lab: Lab, picture: Callable[[Lab, str], None]
) -> None:
    ghost.start(cell, "def area(width, height):\n    return width * height\n\n\nfor i in")
    ghost.keyboard.type(" ")
    ghost.wait_done()
    picture(lab, "ghost-text.png")
    expect(ghost.item).to_contain_text(DEMO)
    expect(ghost.item).to_contain_text(" ms")
    assert "generating" in states(ghost)


def test_the_popup_tells_who_answers(ghost: Ghost, popup: Locator) -> None:
    expect(popup).to_contain_text("Ready")
    expect(popup).to_contain_text("Built-in engine, this machine")
    expect(popup).to_contain_text("The demo model stands in for")
    expect(popup.locator("select option:checked")).to_have_text(DEMO)


def test_pause_and_resume(ghost: Ghost, cell: Locator, popup: Locator) -> None:
    popup.get_by_role("button", name="Pause").click()
    ghost.wait_state("paused")
    assert load_config().config.completion.enabled is False
    ghost.keyboard.press("Escape")
    ask(ghost, cell, "paused")
    ghost.item.click()
    expect(popup.locator(".la-Popup-why")).to_contain_text("paused")
    assert ghost.asked == []
    popup.get_by_role("button", name="Resume").click()
    ghost.wait_state("ready")
    assert load_config().config.completion.enabled is True
    ghost.keyboard.press("Escape")
    ask(ghost, cell, "resumed")
    ghost.wait_shown(" np")


def test_a_click_holds_where_the_popup_changes_under_it(ghost: Ghost, popup: Locator) -> None:
    popup.get_by_role("button", name="Pause").hover()
    ghost.page.mouse.down()
    set_value("models.completion", DEMO)
    words = popup.locator(".la-Popup-why, .la-Note, .la-Popup-row")
    before = words.all_inner_texts()
    with ghost.page.expect_response(lambda reply: "/local-assistant/completion?" in reply.url):
        ghost.page.evaluate("() => void window.dispatchEvent(new Event('focus'))")
    ghost.page.mouse.up()
    ghost.wait_state("paused")
    ghost.wait("not drawn again", lambda: words.all_inner_texts() != before)
    popup.get_by_role("button", name="Resume").click()
    ghost.wait_state("ready")
    set_value("models.completion", None)


def test_a_line_in_the_file_holds_in_the_open_page(ghost: Ghost, cell: Locator) -> None:
    set_value("completion.enabled", False)
    ghost.wait_state("paused")
    set_value("completion.enabled", True)
    ghost.wait_state("ready")


def test_another_model_by_the_popup(
    ghost: Ghost, cell: Locator, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    runpy.run_path(str(REQUANTIZE))["to_f16"](paths.demo_gguf(), tmp_path / "f16.gguf")
    Store(paths.models_dir()).add_gguf(OTHER, tmp_path / "f16.gguf", link=False)
    popup: Locator = request.getfixturevalue("popup")
    expect(popup.locator("select")).to_contain_text(OTHER)
    popup.locator("select").select_option(OTHER)
    ghost.wait("not swapped", lambda: OTHER in ghost.item.inner_text())
    ghost.wait("not loaded", lambda: "loading" in states(ghost))
    ghost.wait_state("ready")
    assert completion() == OTHER
    ghost.keyboard.press("Escape")
    ask(ghost, cell, "another model")
    ghost.wait_shown(" np")
    assert OTHER in ghost.item.inner_text()


def test_a_model_that_cannot_fill_in_is_said(ghost: Ghost, cell: Locator, tmp_path: Path) -> None:
    plain = tmp_path / "plain.gguf"
    plain.write_bytes(paths.demo_gguf().read_bytes().replace(b"fim_", b"xxx_"))
    Store(paths.models_dir()).add_gguf(PLAIN, plain, link=False)
    set_value("models.completion", PLAIN)
    ghost.wait_state("no_fim")
    expect(ghost.item).to_contain_text(PLAIN)
    assert len((ghost.item.get_attribute("title") or "").splitlines()) == 3, "a hint is there"


def test_a_missing_model_is_told_once(
    ghost: Ghost, cell: Locator, request: pytest.FixtureRequest
) -> None:
    set_value("models.completion", "not-there:1b")
    ghost.wait_state("error")
    ghost.asked.clear()
    ghost.start(cell, "x = ")
    ghost.keyboard.type("abcdefgh", delay=250)
    assert len(ghost.asked) <= 2, "not at every key"
    popup: Locator = request.getfixturevalue("popup")
    note = popup.locator(".la-Note.la-mod-error")
    expect(note).to_have_count(1)
    expect(note).to_contain_text("not-there:1b")
    expect(note.locator(".la-Note-fix")).not_to_be_empty()
    expect(ghost.page.locator(".jp-Notification, .jp-Dialog")).to_have_count(0)
    set_value("models.completion", None)
    ghost.wait_state("ready")


def test_the_engine_is_killed_and_comes_back(ghost: Ghost, cell: Locator) -> None:
    info = running_engine()
    assert info is not None
    os.kill(info.pid, signal.SIGKILL)
    ghost.wait("still there", lambda: running_engine() is None)
    number = 0

    def again() -> bool:
        nonlocal number
        number += 1
        ask(ghost, cell, f"after the end {number}")
        ghost.page.wait_for_timeout(1_000)
        return ghost.shown() == " np"

    ghost.wait("no ghost any more", again)
    ghost.wait_state("ready")
    assert Counter().wait_idle()["peak"] == 1


def test_the_panel_edits_the_file(ghost: Ghost, request: pytest.FixtureRequest) -> None:
    popup: Locator = request.getfixturevalue("popup")
    popup.get_by_role("button", name="Settings…").click()
    expect(popup).to_have_count(0)
    panel = ghost.page.locator(".la-Panel")
    expect(panel).to_contain_text(str(paths.user_config_file()))
    field = panel.locator('[data-key="completion.debounce_ms"]')
    box = field.get_by_role("spinbutton")
    expect(box).to_have_value("150")
    comments = paths.user_config_file().read_text(encoding="utf-8").count("#")
    box.fill("90")
    box.press("Enter")
    expect(field.locator(".la-Field-reset")).to_be_visible()
    assert load_config().config.completion.debounce_ms == 90
    box.fill("-5")
    box.press("Enter")
    assert box.evaluate("box => box.matches(':invalid')")
    assert load_config().config.completion.debounce_ms == 90
    field.locator(".la-Field-reset").click()
    expect(field.locator(".la-Field-reset")).to_have_count(0)
    expect(box).to_have_value("150")
    assert load_config().config.completion.debounce_ms == 150
    assert paths.user_config_file().read_text(encoding="utf-8").count("#") == comments
    ghost.page.locator(".lm-TabBar-tab", has_text="Assistant Settings").locator(
        ".lm-TabBar-tabCloseIcon"
    ).click()


def test_no_error_in_the_page(ghost: Ghost) -> None:
    assert ghost.problems == []
