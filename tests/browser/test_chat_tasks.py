"""``/explain`` and ``/fix`` on the notebook that is open beside the chat, in a real browser."""

from __future__ import annotations

import base64
import os
from collections.abc import Callable, Iterator

import nbformat
import pytest
from playwright.sync_api import Locator, expect

from local_assistant.config import set_value
from tests.browser.pages import Chat, Lab, Notebook
from tests.integration.magics.odd_server import OddServer
from tests.jupyterlab import JupyterLab

Take = Callable[[Lab, str], None]
FAILING = "rows = [3, 1, 2]\nprint('sorting')\nsort(rows)"
FIXED = "rows = [3, 1, 2]\nprint('sorting')\nsorted(rows)"


@pytest.fixture(scope="module")
def odd() -> Iterator[OddServer]:
    server = OddServer("my-model")
    set_value("server.kind", "ollama")
    set_value("server.url", server.url)
    set_value("models.chat", server.model)
    yield server
    for key in ("server.kind", "server.url", "models.chat"):
        set_value(key, None)
    server.close()


@pytest.fixture(scope="module", autouse=True)
def wide(chat: Chat) -> Iterator[None]:
    """As one has it who reads code in it."""
    chat.widen(420)
    yield
    chat.widen(250)


@pytest.fixture(scope="module")
def failed(notebook: Notebook) -> Locator:
    """A cell that was run with Shift+Enter, and failed."""
    return notebook.run(FAILING)


def sent(odd: OddServer) -> str:
    messages = odd.asked[-1]["messages"]
    assert [each["role"] for each in messages] == ["system", "user"]
    content: str = messages[-1]["content"]
    return content


def test_the_failed_cell_is_fixed_and_the_correction_put_in_its_place(
    odd: OddServer, chat: Chat, notebook: Notebook, failed: Locator, picture: Take
) -> None:
    chat.new()
    odd.will_say(f"Python has no `sort`; it is `sorted`.\n\n```python\n{FIXED}\n```\n")
    (reply,) = chat.ask("/fix")
    assert "About Untitled" in reply and "cell 1" in reply
    question = sent(odd)
    assert f"cell 1:\n```python\n{FAILING}\n```" in question
    assert "NameError: name 'sort' is not defined" in question
    assert "cell 1, output:\n```text\nsorting\n```" in question
    assert "\x1b" not in question
    shown = chat.panel.locator(".jp-chat-message-container").last
    changes = shown.locator("details[open]")
    expect(changes).to_contain_text("-sort(rows)")
    expect(changes).to_contain_text("+sorted(rows)")
    picture(chat.lab, "chat-fix.png")
    failed.locator(".cm-content").click()
    shown.locator("button[aria-label^='Replace']").first.click()
    expect(failed.locator(".cm-content")).to_contain_text("sorted(rows)")


def test_the_cell_in_use_is_explained_as_it_is_in_the_page(
    odd: OddServer, chat: Chat, notebook: Notebook, failed: Locator
) -> None:
    cell = notebook.cells.last
    cell.locator(".cm-content").click()
    chat.lab.page.keyboard.insert_text("total = sum(rows)")  # neither saved nor run
    odd.will_say("It adds up the rows.")
    (reply,) = chat.ask("/explain")
    assert "It adds up the rows." in reply
    assert "```python\ntotal = sum(rows)\n```" in sent(odd)
    assert "imports and names above:\n```python\nrows = [3, 1, 2]\n```" in sent(odd)


def test_thoughts_are_folded_until_they_are_opened(
    odd: OddServer, chat: Chat, picture: Take
) -> None:
    chat.new()
    thoughts = "It ends in neither **0** nor **5**.\n\nIts digits add up to 16, and 7 leaves 6."
    odd.will_say(f"<think>\n{thoughts}\n</think>\n\nYes, 97 is a prime.")
    chat.ask("Is 97 a prime?")
    shown = chat.panel.locator(".jp-chat-message-container").last
    expect(shown.get_by_text("Yes, 97 is a prime.")).to_be_visible()
    expect(shown.get_by_text("Its digits add up")).to_be_hidden()
    picture(chat.lab, "chat-thoughts.png")
    shown.locator("summary").click()
    expect(shown.get_by_text("Its digits add up")).to_be_visible()
    expect(shown.locator("details strong")).to_have_text(["0", "5"])


def test_a_notebook_is_written_and_opened(odd: OddServer, chat: Chat, picture: Take) -> None:
    chat.new()
    rain = "rain = {'January': 61, 'February': 45, 'March': 52}"
    mean = "mean = sum(rain.values()) / len(rain)\nprint(f'{mean:.1f} mm')"
    odd.will_say("1. Rain of three months\n2. Their mean", rain, mean)
    (reply,) = chat.ask("/generate rainfall by month")
    assert "rainfall-by-month.ipynb" in reply and "2. Their mean" in reply
    page = chat.lab.page
    panel = page.locator(".jp-NotebookPanel:not(.lm-mod-hidden)")
    expect(
        page.locator(".lm-TabBar-tab.lm-mod-current", has_text="rainfall-by-month.ipynb")
    ).to_be_visible()
    expect(panel.locator(".jp-CodeCell")).to_have_count(2)
    idle = panel.locator('.jp-Notebook-ExecutionIndicator[data-status="idle"]')
    expect(idle).to_be_visible(timeout=60_000)
    picture(chat.lab, "chat-generate.png")


def test_of_300_cells_with_pictures_only_the_cell_in_use_is_sent(
    odd: OddServer, chat: Chat, server: JupyterLab
) -> None:
    picture = base64.b64encode(os.urandom(40_000)).decode()
    v4 = nbformat.v4
    cells = []
    for n in range(300):
        output = v4.new_output("display_data", data={"image/png": picture, "text/plain": "<F>"})
        cells.append(v4.new_code_cell(f"def f_{n}(x):\n    return x + {n}", outputs=[output]))
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    large = v4.new_notebook(cells=cells, metadata={"kernelspec": kernel})
    nbformat.write(large, server.root / "large.ipynb")
    page = chat.lab.page
    page.locator('.lm-TabBar-tab[data-id="filebrowser"]').click()
    page.locator(".jp-DirListing-item", has_text="large.ipynb").dblclick()
    panel = page.locator(".jp-NotebookPanel:not(.lm-mod-hidden)", has_text="f_0")
    panel.locator(".jp-CodeCell .cm-content").nth(1).click(timeout=60_000)
    page.keyboard.press("End")
    page.keyboard.type(" # dirty")
    page.locator('.lm-TabBar-tab[data-id="JupyterlabChat:sidepanel"]').click()
    odd.will_say("It adds one.")
    (reply,) = chat.ask("/explain")
    assert "large.ipynb, cell 2" in reply
    assert "def f_1(x): # dirty\n    return x + 1" in sent(odd)
    assert len(sent(odd)) < 600
