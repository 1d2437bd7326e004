"""The menu of models below the chat's input, in a real browser."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, Locator, expect

from local_assistant import paths
from local_assistant.config import load_config, set_value
from local_assistant.engine.store.store import Store
from tests.browser.pages import Chat, Lab
from tests.jupyterlab import JupyterLab

DEMO, OTHER, THIRD = "assistant-demo", "other-demo", "third-demo"


@pytest.fixture(scope="module")
def own(server: JupyterLab, browser: Browser) -> Iterator[Lab]:
    for name in (OTHER, THIRD):
        Store(paths.models_dir()).add_gguf(name, paths.demo_gguf())
    page = browser.new_page(viewport={"width": 1280, "height": 800})
    lab = Lab(page, server, "chat-models")
    lab.load()
    yield lab
    page.close()
    set_value("models.chat", None)
    for name in (OTHER, THIRD):
        Store(paths.models_dir()).remove(name)


@pytest.fixture(scope="module")
def chat(own: Lab) -> Chat:
    chat = Chat(own)
    chat.open()
    chat.widen(460)
    return chat


@pytest.fixture(scope="module")
def picker(chat: Chat) -> Locator:
    """The button of the menu; it shows what answers."""
    return chat.panel.locator(
        ".jp-jai-personaControls-controls > button[title=Model]"  # a copy of it measures its width
    )


def pick(chat: Chat, picker: Locator, entry: str) -> None:
    picker.click()
    chat.lab.page.get_by_role("menuitem", name=entry).click()


def test_the_menu_shows_sizes_and_a_pick_answers(
    chat: Chat, picker: Locator, picture: Callable[[Lab, str], None]
) -> None:
    expect(picker).to_have_text(DEMO)
    picker.click()
    other = chat.lab.page.get_by_role("menuitem", name=OTHER)
    expect(other).to_contain_text("2.9 MB, fills in")
    picture(chat.lab, "chat-models.png")
    other.click()
    expect(picker).to_have_text(OTHER)
    (reply,) = chat.ask("/status")
    assert f"{OTHER} answers" in reply
    chat.ask("Reverse a python list.")
    assert load_config().config.models.chat is None, "for this chat only"


def test_it_is_remembered_after_a_reload(chat: Chat, picker: Locator) -> None:
    page = chat.lab.page
    page.reload()
    expect(chat.input).to_be_visible(timeout=60_000)
    expect(picker).to_have_text(OTHER)
    (reply,) = chat.ask("/status")
    assert f"{OTHER} answers" in reply


def test_made_the_default_and_left_to_the_file(chat: Chat, picker: Locator) -> None:
    (reply,) = chat.ask("/model --default")
    assert f"{OTHER} answers in every chat" in reply
    assert load_config().config.models.chat == OTHER
    set_value("models.chat", THIRD)  # an edit by hand, and the open page follows
    expect(picker).to_have_text(THIRD, timeout=30_000)
    pick(chat, picker, OTHER)
    pick(chat, picker, "As in assistant.toml")
    (reply,) = chat.ask("/status")
    assert f"{THIRD} answers" in reply


def test_a_named_model_that_is_missing(chat: Chat, picker: Locator) -> None:
    set_value("models.chat", "not-there:1b")
    (reply,) = chat.ask("Reverse a python list.")
    assert "not-there:1b" in reply and "click the ghost in the status bar" in reply
    set_value("models.chat", None)
