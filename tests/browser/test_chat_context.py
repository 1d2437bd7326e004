"""The line at the chat's input: what of the notebook or file goes along, and its switch."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from local_assistant.config import set_value
from tests.browser.pages import Chat, Lab, Notebook
from tests.integration.magics.odd_server import OddServer
from tests.jupyterlab import JupyterLab
from tests.pictures import ARTIFACTS

FAILING = "rows = [3, 1, 2]\nsort(rows)"
ENDPOINT = "**/local-assistant/chat/context"


@pytest.fixture(scope="module")
def odd(server: JupyterLab) -> Iterator[OddServer]:
    """The model; what this file tests is on, as it is without a word in assistant.toml."""
    odd = OddServer("my-model")
    odd.will_say("Because.")
    set_value("chat.context", None)
    set_value("server.kind", "ollama")
    set_value("server.url", odd.url)
    set_value("models.chat", odd.model)
    yield odd
    set_value("chat.context", False)
    for key in ("server.kind", "server.url", "models.chat"):
        set_value(key, None)
    odd.close()


@pytest.fixture
def front(lab: Lab, notebook: Notebook, chat: Chat) -> Notebook:
    """A notebook in front, with the cursor in a new line of a cell, and a new chat beside it."""
    tab = lab.page.locator(".lm-DockPanel-tabBar .lm-TabBar-tab", has_text=".ipynb").first
    tab.click()
    chat.new()
    notebook.cells.last.locator(".cm-content").click()
    lab.page.keyboard.press("Control+End")
    lab.page.keyboard.press("Enter")
    return notebook


def shows(chat: Chat, text: str) -> None:
    """Wait until the line says something; a new chat's persona takes a moment to come."""
    expect(line(chat)).to_contain_text(text, timeout=30_000)


def line(chat: Chat) -> Locator:
    return chat.panel.locator(".la-Context")


def switch(chat: Chat) -> Locator:
    return chat.panel.get_by_role("switch", name="Send the cell or the lines you are in along")


def theme(page: Page, name: str) -> str:
    """Choose a theme in JupyterLab's menu; return the colour of the line in it."""
    page.get_by_role("menuitem", name="Settings").click()
    page.locator(".lm-Menu-item", has_text="Theme").first.hover()
    page.locator(".lm-Menu-itemLabel").get_by_text(name, exact=True).click()
    named = page.locator(f'body[data-jp-theme-name="{name}"]')
    expect(named).to_have_count(1, timeout=30_000)
    page.screenshot(path=ARTIFACTS / f"chat-context-{name.split()[1].lower()}.png")
    color: str = page.locator(".la-Context:visible").evaluate(
        "node => getComputedStyle(node).color"
    )
    return color


def open_file(page: Page, name: str) -> None:
    """Open a file by a double click in the file browser, and go back to the chat."""
    page.locator('.lm-TabBar-tab[data-id="filebrowser"]').click()
    page.locator(".jp-DirListing-item", has_text=name).dblclick()
    expect(page.locator(".jp-FileEditor:visible .cm-content")).to_be_visible()
    page.locator('.lm-TabBar-tab[data-id="JupyterlabChat:sidepanel"]').click()


@contextmanager
def another(browser: Browser, server: JupyterLab, workspace: str) -> Iterator[Lab]:
    """Open JupyterLab in one more page."""
    page = browser.new_page(viewport={"width": 1100, "height": 700})
    try:
        lab = Lab(page, server, workspace)
        lab.load()
        yield lab
    finally:
        page.close()


def question(odd: OddServer) -> str:
    """Return the user's last message, as it was sent."""
    content: str = odd.asked[-1]["messages"][-1]["content"]
    return content


def test_the_failed_cell_goes_along_until_that_is_switched_off(
    odd: OddServer, lab: Lab, chat: Chat, picture: Callable[[Lab, str], None]
) -> None:
    chat.new()
    chat.widen(420)
    notebook = Notebook(lab)
    notebook.open()
    page = chat.lab.page
    notebook.run("import math")
    notebook.run(FAILING)  # by Shift+Enter: an empty cell below is the active one now
    shows(chat, "Sends cell 2 of Untitled")
    shows(chat, "its error, 1 import")
    shows(chat, "tokens")
    picture(lab, "chat-context.png")
    chat.widen(250)
    (reply,) = chat.ask("why?")
    assert "Because." in reply
    assert f"cell 2:\n```python\n{FAILING}\n```" in question(odd)
    assert "NameError: name 'sort' is not defined" in question(odd)
    assert "imports and names above:\n```python\nimport math\n```" in question(odd)
    shows(chat, "Sends nothing new: cell 2")
    chat.ask("really?")
    assert question(odd) == "really?"
    chat.input.focus()
    box = switch(chat)
    expect(box).to_be_checked()
    for _ in range(20):  # by the keyboard alone
        if box.evaluate("node => node === document.activeElement"):
            break
        page.keyboard.press("Tab")
    page.keyboard.press("Space")
    expect(box).not_to_be_checked()
    shows(chat, "Sends only what you write")
    notebook.cells.last.locator(".cm-content").click()
    page.keyboard.insert_text("total = 1")
    chat.ask("and now?")
    assert question(odd) == "and now?"
    box.check()
    shows(chat, "Sends cell 3")
    chat.ask("and now?")
    assert "total = 1" in question(odd)


@pytest.mark.usefixtures("odd")
def test_it_fits_a_narrow_bar_and_a_dark_theme(chat: Chat, front: Notebook) -> None:
    page = chat.lab.page
    page.keyboard.insert_text("y = 1")
    shows(chat, "Sends cell")
    try:
        dark = theme(page, "JupyterLab Dark")
    finally:
        light = theme(page, "JupyterLab Light")
    assert dark != light
    box, panel = line(chat).bounding_box(), chat.panel.bounding_box()
    assert box is not None and panel is not None
    assert panel["width"] <= 260
    assert panel["x"] <= box["x"] and box["x"] + box["width"] <= panel["x"] + panel["width"]
    assert line(chat).evaluate("node => node.scrollWidth <= node.clientWidth")


def test_lines_of_a_file_go_along_but_not_of_one_with_secrets(
    odd: OddServer, chat: Chat, front: Notebook, server: JupyterLab
) -> None:
    page = chat.lab.page
    (server.root / "tools.py").write_text("def double(x):\n    return x + x\n")
    (server.root / "secrets.txt").write_text("token = 'abc'\n")
    open_file(page, "tools.py")
    shows(chat, "Sends lines 1 to 2 of tools.py")
    chat.ask("what is it?")
    assert question(odd).startswith("tools.py, lines 1 to 2:\n```python\ndef double(x):")
    page.locator(".jp-FileEditor:visible .cm-line").nth(1).click(click_count=3)
    shows(chat, "Sends the selection in tools.py")
    open_file(page, "secrets.txt")
    shows(chat, "secrets.txt is not sent: files of this name hold secrets")
    chat.ask("and this?")
    assert question(odd) == "and this?"


def test_of_two_pages_the_one_that_asks_counts(
    odd: OddServer, chat: Chat, front: Notebook, browser: Browser, server: JupyterLab
) -> None:
    with another(browser, server, "second") as second:
        other, theirs = Chat(second), Notebook(second)
        other.open()
        theirs.open()
        theirs.run("theirs = 1")
        shows(other, "Sends cell 1")
        chat.lab.page.keyboard.insert_text("mine = 1")
        shows(chat, "Sends cell")
        other.ask("what is it?")
        assert "theirs = 1" in question(odd)
        other.ask("/explain")
        assert "theirs = 1" in question(odd)
        chat.ask("what is it?")
        assert "mine = 1" in question(odd) and "theirs" not in question(odd)


def test_without_our_endpoint_the_chat_works_and_nobody_is_bothered(
    odd: OddServer, chat: Chat, front: Notebook
) -> None:
    page = chat.lab.page
    page.keyboard.insert_text("x = 1")
    page.route(ENDPOINT, lambda route: route.fulfill(status=404, body="no such thing"))
    try:
        chat.new()
        (reply,) = chat.ask("hello?")
        assert "Because." in reply
        expect(line(chat)).to_be_hidden()
        expect(page.locator(".jp-Dialog, .Toastify__toast--error")).to_have_count(0)
    finally:
        page.unroute(ENDPOINT)
    front.cells.last.locator(".cm-content").click()  # the chat's input has the focus already
    chat.input.click()
    shows(chat, "Sends cell")


@pytest.mark.usefixtures("odd")
def test_a_slash_shows_our_commands_with_what_they_do(chat: Chat, front: Notebook) -> None:
    page = chat.lab.page
    page.keyboard.insert_text("x = 1")
    shows(chat, "Sends cell")
    chat.input.click()
    page.keyboard.type("/")
    options = page.locator("[role=listbox] [role=option]")
    expect(options.filter(has_text="/fix")).to_contain_text("Correct what is attached")
    for command in ("/explain", "/generate", "/learn", "/model", "/help"):
        expect(options.filter(has_text=command).first).to_be_visible()
    expect(line(chat)).to_have_css("visibility", "hidden")  # a command says itself what it reads
    page.keyboard.type("exp")
    expect(options).to_have_count(2)  # /explain, /export
    page.keyboard.type("l")
    page.keyboard.press("Enter")
    expect(chat.input).to_have_value("/explain ")
    chat.input.fill("")
