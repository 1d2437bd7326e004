"""Ghost text where else code is written: files, consoles, Notebook 7, and two pages at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import nbformat
import pytest
from playwright.sync_api import Browser, expect

from tests.browser.ghost import Counter, Ghost
from tests.browser.pages import Lab
from tests.jupyterlab import JupyterLab
from tests.slow import SlowMotion

Open = Callable[[str], Ghost]


@pytest.fixture
def visit(server: JupyterLab, browser: Browser) -> Iterator[Open]:
    """Open a page of the server, as another tab of the browser does."""
    pages = []

    def visit(path: str) -> Ghost:
        page = browser.new_page(viewport={"width": 1000, "height": 600})
        pages.append(page)
        ghost = Ghost(page)
        page.goto(f"{server.url}/{path}?token={server.token}")
        page.wait_for_selector(".cm-content, .jp-Launcher", timeout=60_000)
        ghost.wait_state("ready")
        return ghost

    yield visit
    for page in pages:
        page.close()


def empty_notebook(server: JupyterLab, name: str) -> None:
    kernel = {"name": "python3", "display_name": "Python 3 (ipykernel)", "language": "python"}
    notebook = nbformat.v4.new_notebook(
        metadata={"kernelspec": kernel}, cells=[nbformat.v4.new_code_cell("")]
    )
    nbformat.write(notebook, server.root / name)


def test_a_file(lab: Lab, server: JupyterLab, visit: Open) -> None:
    (server.root / "typed.py").write_text("import os\n\n\nprint(os.sep)\n", encoding="utf-8")
    ghost = visit("lab/workspaces/ghost-file/tree/typed.py")
    ghost.page.locator(".jp-FileEditor .cm-content").click()
    ghost.keyboard.press("Control+Home")
    ghost.keyboard.press("ArrowDown")
    ghost.keyboard.type("import numpy as", delay=20)
    ghost.wait_shown(" np")
    ghost.keyboard.press("Tab")
    accepted = "import os\nimport numpy as np\n\nprint(os.sep)\n"
    ghost.wait("not accepted", lambda: ghost.text() == accepted)
    question = ghost.automatic()[-1]
    assert (question["kind"], question["path"]) == ("file", "typed.py")
    assert question["mime"] == "text/x-python"
    assert question["suffix"] == "\n\nprint(os.sep)\n"
    assert ghost.problems == []


def test_a_console(visit: Open) -> None:
    ghost = visit("lab/workspaces/ghost-console")
    launcher = ghost.page.locator('.jp-LauncherCard[data-category="Console"]:visible').first
    if not launcher.count():
        ghost.page.locator(".lm-TabBar-addButton:visible").first.click()
    launcher.click()
    # JupyterLab empties a console when its kernel comes.
    banner = ghost.page.locator(".jp-CodeConsole-banner")
    expect(banner).to_contain_text("Python", timeout=60_000)
    prompt = ghost.page.locator(".jp-CodeConsole-promptCell .cm-content")
    prompt.click(timeout=60_000)
    ghost.keyboard.type("y = 3")
    ghost.keyboard.press("Shift+Enter")
    run = ghost.page.locator(".jp-CodeConsole-content .jp-CodeCell", has_text="y = 3")
    expect(run).to_be_visible(timeout=60_000)
    prompt.click()
    ghost.keyboard.type("import numpy as", delay=20)
    ghost.wait_shown(" np")
    question = ghost.automatic()[-1]
    assert question["kind"] == "console"
    assert question["before"] == [{"type": "code", "source": "y = 3"}]
    ghost.keyboard.press("Tab")
    ghost.wait("not accepted", lambda: ghost.text() == "import numpy as np")
    assert ghost.problems == []


def test_notebook_7(server: JupyterLab, visit: Open) -> None:
    empty_notebook(server, "seven.ipynb")
    ghost = visit("notebooks/seven.ipynb")
    ghost.page.locator(".jp-CodeCell .cm-content").first.click()
    ghost.keyboard.type("import numpy as", delay=20)
    ghost.wait_shown(" np")
    assert (ghost.automatic()[-1]["kind"], ghost.automatic()[-1]["path"]) == (
        "notebook",
        "seven.ipynb",
    )
    ghost.keyboard.press("Tab")
    ghost.wait("not accepted", lambda: ghost.text() == "import numpy as np")
    ghost.item.click()
    popup = ghost.page.get_by_role("dialog", name="Ghost text")
    expect(popup).to_be_in_viewport(ratio=1)
    popup.get_by_role("button", name="Settings…").click()
    expect(ghost.page.locator(".la-Panel")).to_be_visible()


def test_two_pages_share_one_generation(
    server: JupyterLab, visit: Open, loaded: Callable[[], dict[str, dict[str, Any]]]
) -> None:
    for name in ("one.ipynb", "two.ipynb"):
        empty_notebook(server, name)
    one, two = (visit(f"lab/workspaces/ghost-{n}/tree/{n}.ipynb") for n in ("one", "two"))
    Counter().wait_idle()
    Counter().forget_peak()
    for ghost in (one, two):
        ghost.page.locator(".jp-NotebookPanel:not(.lm-mod-hidden) .cm-content").click()
    with SlowMotion(int(loaded()["assistant-demo"]["pid"])) as model:
        model.freeze()
        for ghost in (one, two):
            ghost.keyboard.insert_text("import numpy as")  # by one change: one question
            ghost.wait_asked("import numpy as")
        model.thaw()
        two.wait_shown(" np")
    one.wait("still busy", lambda: one.state() == "ready")
    assert not one.shown(), "the newer one won"
    one.keyboard.press("Alt+\\")
    one.wait_shown(" np")
    assert Counter().wait_idle()["peak"] == 1
    assert one.asked[0]["page"] != two.asked[0]["page"]
