"""Chat and ``%%ai`` in Notebook 7: beside a notebook, and in a tab of its own.

Ghost text in Notebook 7 is in test_ghost_places.py.
"""

from __future__ import annotations

from collections.abc import Iterator

import nbformat
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.pages import Chat, Lab, Notebook
from tests.jupyterlab import JupyterLab

PRIMES = "Write a function that returns all primes up to n"
KERNEL = {"name": "python3", "display_name": "Python 3 (ipykernel)", "language": "python"}


@pytest.fixture
def seven(server: JupyterLab, browser: Browser) -> Iterator[Page]:
    """A page with a notebook in it."""
    cells = [nbformat.v4.new_code_cell("x = 1"), nbformat.v4.new_code_cell()]
    notebook = nbformat.v4.new_notebook(metadata={"kernelspec": KERNEL}, cells=cells)
    nbformat.write(notebook, server.root / "chat-seven.ipynb")
    page = browser.new_page(viewport={"width": 1280, "height": 800})
    page.goto(f"{server.url}/notebooks/chat-seven.ipynb?token={server.token}")
    yield page
    page.context.close()


def menu(page: Page, *path: str) -> None:
    """Choose an entry of the menu bar as a user does."""
    first, *others = path
    page.locator(".lm-MenuBar-item", has_text=first).click(timeout=60_000)
    for label in others:
        page.locator(".lm-Menu-itemLabel").get_by_text(label, exact=True).click()


def test_a_chat_beside_the_notebook(seven: Page, server: JupyterLab) -> None:
    lab = Lab(seven, server)
    chat, notebook = Chat(lab), Notebook(lab)
    notebook.wait()
    menu(seven, "View", "Left Sidebar", "Show Jupyter Chat")
    chat.panel.get_by_text("New chat").first.click()
    chat.wait()
    (reply,) = chat.ask(PRIMES)
    assert "def primes_up_to" in reply
    first = notebook.cells.first.locator(".cm-content")
    first.click()
    chat.panel.locator("button[aria-label^='Replace']").first.click()
    expect(first).to_contain_text("def primes_up_to")
    (reply,) = chat.ask("/explain")
    assert "About chat-seven.ipynb, cell 1" in reply
    answered = notebook.run(f"%%ai\n{PRIMES}")
    expect(answered.locator(".jp-OutputArea")).to_contain_text("def primes_up_to")


def test_a_chat_in_a_tab_of_its_own(seven: Page, server: JupyterLab) -> None:
    with seven.expect_popup(timeout=60_000) as opened:
        menu(seven, "File", "New", "Chat")
    chat = Chat(Lab(opened.value, server), "#main-panel")
    chat.wait()
    (reply,) = chat.ask(PRIMES)
    assert "def primes_up_to" in reply
    picker = chat.panel.locator(".jp-jai-personaControls-controls > button[title=Model]")
    expect(picker).to_have_text("assistant-demo")
