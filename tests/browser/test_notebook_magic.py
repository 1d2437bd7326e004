"""``%%ai`` in a new notebook, in a real browser."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import expect

from local_assistant.config import set_value
from tests.browser.pages import Chat, Lab, Notebook

PRIMES = "Write a function that returns all primes up to n"


@pytest.fixture(scope="module")
def notebook(lab: Lab) -> Iterator[Notebook]:
    set_value("models.chat", "assistant-demo")
    notebook = Notebook(lab)
    notebook.open()
    yield notebook


def test_the_answer_streams_into_the_cell(notebook: Notebook) -> None:
    cell = notebook.run(f"%%ai\n{PRIMES}")
    expect(cell.locator(".jp-OutputArea-output")).to_contain_text("def primes_up_to")
    assert len([length for length in notebook.lab.growth() if length]) >= 2, notebook.lab.growth()
    expect(cell.locator('[data-mime-type="application/vnd.jupyter.stderr"]')).to_have_count(0)


def test_code_becomes_a_cell(notebook: Notebook) -> None:
    notebook.run(f"%%ai -f code\n{PRIMES}")
    inserted = notebook.cells.filter(has_text="def primes_up_to").last
    expect(inserted.locator(".cm-content")).to_contain_text("def primes_up_to")
    assert "%%ai" not in inserted.locator(".cm-content").inner_text()


def test_chat_and_notebook_side_by_side(
    notebook: Notebook, chat: Chat, picture: Callable[[str], None]
) -> None:
    """A second chat starts afresh; wide enough, its controls do not cover each other."""
    chat.widen(420)
    chat.new()
    (reply,) = chat.ask(PRIMES)
    assert "def primes_up_to" in reply
    expect(chat.panel.locator(".jp-jai-usage-chip")).to_be_visible()
    picture("chat-and-notebook.png")
    chat.widen(250)
