"""``%%ai`` in a new notebook, in a real browser."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

from local_assistant.config import set_value
from tests.browser.pages import Chat, Lab, Notebook
from tests.integration.magics.odd_server import OddServer

PRIMES = "Write a function that returns all primes up to n"


@pytest.fixture(scope="module")
def notebook(lab: Lab) -> Iterator[Notebook]:
    set_value("models.chat", "assistant-demo")
    notebook = Notebook(lab)
    notebook.open()
    yield notebook


@pytest.mark.usefixtures("picture")  # of the third test
def test_the_answer_streams_into_the_cell(notebook: Notebook) -> None:
    cell = notebook.run(f"%%ai\n{PRIMES}")
    expect(cell.locator(".jp-OutputArea-output")).to_contain_text("def primes_up_to")
    assert len([length for length in notebook.lab.growth() if length]) >= 2, notebook.lab.growth()
    expect(cell.locator('[data-mime-type="application/vnd.jupyter.stderr"]')).to_have_count(0)


@pytest.mark.usefixtures("picture")
def test_code_becomes_a_cell(notebook: Notebook) -> None:
    notebook.run(f"%%ai -f code\n{PRIMES}")
    inserted = notebook.cells.filter(has_text="def primes_up_to").last
    expect(inserted.locator(".cm-content")).to_contain_text("def primes_up_to")
    assert "%%ai" not in inserted.locator(".cm-content").inner_text()


def test_chat_and_notebook_side_by_side(
    notebook: Notebook, chat: Chat, picture: Callable[[Lab, str], None]
) -> None:
    """A second chat starts afresh; wide enough, its controls do not cover each other."""
    chat.widen(420)
    chat.new()
    (reply,) = chat.ask(PRIMES)
    assert "def primes_up_to" in reply
    expect(chat.panel.locator(".jp-jai-usage-chip")).to_be_visible()
    picture(notebook.lab, "chat-and-notebook.png")
    chat.widen(250)


def test_an_error_is_explained_and_mended_below(
    notebook: Notebook, tmp_path: Path, picture: Callable[[Lab, str], None]
) -> None:
    """On a made-up server: the demo model cannot mend code."""
    odd = OddServer()
    config = tmp_path / "assistant.toml"
    config.write_text(f'[server]\nkind = "ollama"\nurl = "{odd.url}"\n[models]\nchat = "odd"\n')
    failing = 'people = {"Rome": 2.75, "Paris": 2.10}\naverage = sum(people) / len(people)'
    fixed = failing.replace("(people) /", "(people.values()) /")
    odd.will_say(
        "`sum(people)` adds the keys of the dictionary, which are texts. "
        f"Its values are what you want:\n\n```python\n{fixed}\n```"
    )
    notebook.run(f"import os\nos.environ['LOCAL_ASSISTANT_CONFIG'] = {str(config)!r}")
    notebook.run(failing)
    cell = notebook.run("%ai fix")
    expect(cell.locator(".jp-OutputArea")).to_contain_text("adds the keys of the dictionary")
    expect(cell.locator(".jp-OutputArea")).to_contain_text("It has not been run")
    below = notebook.cells.filter(has_text="people.values()").last
    expect(below.locator(".cm-line")).to_have_text(fixed.splitlines())
    expect(below.locator(".jp-InputPrompt")).to_have_text("[ ]:")
    notebook.lab.page.keyboard.press("Control+b")  # the side bar shuts, and opens again
    picture(notebook.lab, "magic-fix.png")
    notebook.lab.page.keyboard.press("Control+b")
    notebook.run("del os.environ['LOCAL_ASSISTANT_CONFIG']")
    odd.close()
