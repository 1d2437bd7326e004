"""The model chooser in a real browser: choosing, and downloads from a hub on loopback.

The tests run in this order, in a page of their own, as a user's first hour would.
"""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from local_assistant import paths
from local_assistant.config import load_config, set_value
from local_assistant.engine.launch import running_engine
from local_assistant.engine.store.store import Store
from local_assistant.models.presets import PRESETS
from tests.browser.chooser import Chooser
from tests.browser.ghost import Ghost
from tests.browser.pages import Chat, Lab, Notebook
from tests.integration.hub import Hub
from tests.jupyterlab import JupyterLab
from tests.pictures import ARTIFACTS
from tests.waiting import until

DEMO = "assistant-demo"
FIRST = "hf.co/me/first-GGUF"
SECOND = "hf.co/me/second-GGUF"
SMALL = PRESETS["small"].models
PADDED = 12_000_000
HELD = 5_000_000


Loaded = Callable[[], dict[str, dict[str, Any]]]


@pytest.fixture(scope="module")
def page(server: JupyterLab, browser: Browser) -> Iterator[Page]:
    for role in ("chat", "completion", "embedding"):
        set_value(f"models.{role}", None)  # the tests before these have the same file
    set_value("models.preset", "small")
    page = browser.new_page(viewport={"width": 1280, "height": 800})
    yield page
    page.close()
    for key in ("models.preset", "models.chat", "models.completion"):
        set_value(key, None)


@pytest.fixture(scope="module")
def own(page: Page, server: JupyterLab) -> Lab:
    lab = Lab(page, server, "models")
    lab.load()
    return lab


@pytest.fixture(scope="module")
def problems(page: Page) -> list[str]:
    """What the page's console complains about."""
    found: list[str] = []
    page.on("pageerror", lambda error: found.append(str(error)))
    return found


@pytest.fixture(scope="module")
def chooser(own: Lab, problems: list[str]) -> Chooser:
    return Chooser(own)


@pytest.fixture
def slow(hub: Hub) -> Iterator[Hub]:
    """A hub that holds each file back after its first bytes, until it is told to go on."""
    hub.hold_after = HELD
    hub.go.clear()
    yield hub
    hub.hold_after = None
    hub.go.set()


def publish(hub: Hub, repository: str, file: str = "m.Q4_0.gguf", size: int = PADDED) -> str:
    """Put the demo model there, under another name and size; return what to ask for."""
    demo = paths.demo_gguf().read_bytes()
    rest = repository.encode() + bytes(size)  # no two files are the same
    hub.files[repository] = {file: (demo + rest)[:size]}
    return f"hf.co/{repository}"


def stored() -> set[str]:
    return {model.display for model in Store(paths.models_dir()).list_models()}


def shot(chooser: Chooser, name: str) -> None:
    chooser.lab.screenshot(ARTIFACTS / name)


def test_the_popup_offers_what_the_demo_model_stands_in_for(own: Lab, hub: Hub) -> None:
    item = own.page.locator("#local-assistant-status")
    expect(item).to_contain_text(DEMO)
    item.click()
    popup = own.page.get_by_role("dialog", name="Ghost text")
    note = popup.locator(".la-Popup-standIn")
    expect(note).to_contain_text(f"The demo model stands in for {SMALL['chat'].name}")
    expect(note.get_by_role("button")).to_have_text(re.compile(r"Download \d.* [GM]B…"))
    note.get_by_role("button").click()
    expect(note).to_contain_text(f"Download {SMALL['chat'].name}")
    expect(note.get_by_role("button", name="Yes, download")).to_be_focused()
    own.screenshot(ARTIFACTS / "models-popup.png")
    own.page.keyboard.press("Escape")
    expect(popup).to_have_count(0)


def test_the_palette_opens_the_chooser(
    chooser: Chooser, picture: Callable[[Lab, str], None]
) -> None:
    chooser.open()
    expect(chooser.answering("chat")).to_have_text(DEMO)
    expect(chooser.row(SMALL["chat"].name)).to_contain_text(re.compile(r"\d (GB|MB)"))
    pressed = chooser.row(DEMO).locator("[aria-pressed=true]")
    expect(pressed).to_have_text(["Chat", "Completion", "Embedding"])
    picture(chooser.lab, "models.png")


def test_a_download_shows_how_far_it_is_and_can_be_cancelled(chooser: Chooser, slow: Hub) -> None:
    chooser.get(publish(slow, "me/first-GGUF"))
    chooser.state("running")
    until(lambda: 10 < chooser.share() < 90, 30)
    expect(chooser.job).to_contain_text(re.compile(r"\d\.\d MB of 12 MB"))
    shot(chooser, "models-download.png")
    chooser.press("Cancel")
    chooser.state("cancelled")
    expect(chooser.job).to_contain_text("what is there is kept")
    assert not any("first" in name for name in stored())


def test_it_goes_on_where_it_was(chooser: Chooser, hub: Hub) -> None:
    hub.requests.clear()
    chooser.press("Go on")
    chooser.state("done")
    starts = [int(asked[6:].split("-")[0]) for _, _, asked in hub.requests if asked]
    assert starts and min(starts) > 0, "it began anew"
    assert "hf.co/me/first-GGUF:latest" in stored()
    shot(chooser, "models-done.png")


def test_a_reload_of_the_page_does_not_end_it(chooser: Chooser, slow: Hub) -> None:
    publish(slow, "me/second-GGUF")
    chooser.get("hf.co/me/second-GGUF")
    chooser.state("running")
    until(lambda: chooser.share() > 10, 30)
    chooser.page.reload()
    chooser.page.wait_for_selector(".jp-Launcher", timeout=60_000)
    chooser.open()
    chooser.state("running")
    until(lambda: chooser.share() > 10, 30)
    slow.go.set()
    chooser.state("done")
    assert "hf.co/me/second-GGUF:latest" in stored()


def test_what_was_downloaded_answers_everywhere(chooser: Chooser, own: Lab, loaded: Loaded) -> None:
    for role in ("chat", "completion"):
        chooser.press(f"Use it for {role}")
        expect(chooser.answering(role)).to_have_text(SECOND)
    models = load_config().config.models
    assert (models.chat, models.completion) == (SECOND, SECOND)
    expect(chooser.row(SECOND).locator("[aria-pressed=true]")).to_have_text(["Chat", "Completion"])
    chooser.press("Dismiss")
    expect(chooser.job).to_have_count(0)
    ghost = Ghost(own.page)
    ghost.wait("not in the status item", lambda: "second-GGUF" in ghost.item.inner_text())
    notebook = Notebook(own)
    notebook.open()
    cell = notebook.run("%%ai\nWrite a function that returns all primes up to n")
    expect(cell.locator(".jp-OutputArea-output")).to_contain_text("def primes_up_to")
    ghost.start(notebook.cells.last.locator(".cm-content"), "# chosen\nimport numpy a")
    ghost.keyboard.type("s")
    ghost.wait_shown(" np")
    chat = Chat(own)
    chat.open()
    (reply,) = chat.ask("/status")
    assert f"{SECOND} answers" in reply
    (reply,) = chat.ask("Write a function that returns all primes up to n")
    assert "def primes_up_to" in reply and "demo model" not in reply
    shot(chooser, "models-chosen.png")
    assert SECOND in loaded()


def test_what_no_role_wants_any_more_leaves_the_memory(chooser: Chooser, loaded: Loaded) -> None:
    chooser.open()
    for role in ("chat", "completion"):
        chooser.use(FIRST, role)
        expect(chooser.answering(role)).to_have_text(FIRST)
    until(lambda: SECOND not in loaded(), 30)
    chooser.panel.get_by_role("button", name="Leave it to the preset").first.click()
    expect(chooser.answering("chat")).to_have_text(DEMO)
    assert load_config().config.models.chat is None


def test_a_model_that_is_nowhere_is_said(chooser: Chooser) -> None:
    chooser.get("hf.co/me/nothing-GGUF")
    chooser.state("failed")
    expect(chooser.job.get_by_role("alert")).to_contain_text("me/nothing-GGUF")
    expect(chooser.job.locator(".la-Note-fix")).not_to_be_empty()
    chooser.press("Dismiss")
    chooser.get("<b>no such name</b>")
    expect(chooser.job.get_by_role("alert")).to_contain_text("<b>no such name</b>")
    expect(chooser.job.locator("b")).to_have_count(0)
    expect(chooser.bar).to_be_hidden()  # nothing came: nothing to show
    chooser.press("Dismiss")


def test_a_narrow_panel_cuts_nothing_off(chooser: Chooser) -> None:
    chooser.page.set_viewport_size({"width": 720, "height": 860})
    answer = chooser.answering("chat")
    expect(answer).to_be_visible()
    lines = answer.evaluate(
        "node => node.getBoundingClientRect().height / parseFloat(getComputedStyle(node).fontSize)"
    )
    assert lines < 3
    assert chooser.panel.evaluate("node => node.scrollWidth <= node.clientWidth")
    shot(chooser, "models-narrow.png")
    chooser.page.set_viewport_size({"width": 1280, "height": 800})


def test_what_is_wanted_and_not_there_comes_by_one_click(chooser: Chooser, hub: Hub) -> None:
    """A model that was named by hand, and the preset's that the demo model stands in for."""
    name = publish(hub, "me/fourth-GGUF")
    repository, _, quant = SMALL["embedding"].source.removeprefix("hf.co/").partition(":")
    publish(hub, repository, f"m-{quant}.gguf")
    set_value("models.chat", name)
    note = chooser.panel.locator(".la-Models-standIn")
    expect(note).to_contain_text(f"You chose {name}, which is not there.", timeout=30_000)
    note.get_by_role("button", name="Download").click()
    chooser.state("done")
    expect(chooser.answering("chat")).to_have_text(name)
    expect(chooser.answering("embedding")).to_have_text(SMALL["embedding"].name)
    expect(note).to_have_count(0)
    chooser.press("Dismiss")


def test_the_keyboard_keeps_its_place(chooser: Chooser) -> None:
    chooser.row(FIRST).get_by_role("button", name=f"Use {FIRST} for chat").focus()
    chooser.page.keyboard.press("Enter")
    expect(chooser.answering("chat")).to_have_text(FIRST)
    focused = chooser.page.locator(":focus")
    expect(focused).to_have_attribute("aria-label", f"Use {FIRST} for chat")
    expect(focused).to_have_attribute("aria-pressed", "true")


def test_the_engine_is_killed_during_a_download(chooser: Chooser, slow: Hub) -> None:
    publish(slow, "me/third-GGUF")
    chooser.get("hf.co/me/third-GGUF")
    chooser.state("running")
    until(lambda: chooser.share() > 10, 30)
    info = running_engine()
    assert info is not None
    os.kill(info.pid, signal.SIGKILL)
    chooser.state("failed")
    expect(chooser.job.get_by_role("alert")).to_contain_text("engine stopped")
    shot(chooser, "models-failed.png")
    slow.go.set()
    chooser.press("Try again")
    chooser.state("done")
    assert "hf.co/me/third-GGUF:latest" in stored()


def test_dark(chooser: Chooser) -> None:
    chooser.command("Use Theme: JupyterLab Dark")
    expect(chooser.page.locator("body")).to_have_attribute("data-jp-theme-light", "false")
    shot(chooser, "models-dark.png")
    chooser.page.locator("#local-assistant-status").click()
    expect(chooser.page.get_by_role("dialog", name="Ghost text")).to_be_visible()
    shot(chooser, "models-popup-dark.png")
    chooser.page.keyboard.press("Escape")
    chooser.command("Use Theme: JupyterLab Light")


def test_no_error_in_the_page(problems: list[str]) -> None:
    assert problems == []
