"""The page goes on telling what its user looks at when JupyterLab was started anew."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

from local_assistant import paths
from local_assistant.config import set_value, write_template
from tests.browser.chromium import running_chromium
from tests.browser.pages import Chat, Lab, Notebook
from tests.integration.magics.odd_server import MODEL, OddServer
from tests.jupyterlab import JupyterLab

pytestmark = pytest.mark.long


@pytest.fixture
def odd(home: Path) -> Iterator[OddServer]:
    server = OddServer()
    server.will_say("Because.")
    paths.user_config_file().unlink(missing_ok=True)
    write_template()
    set_value("server.kind", "ollama")
    set_value("server.url", server.url)
    set_value("models.chat", MODEL)
    yield server
    server.close()


def test_the_cell_still_goes_along_after_a_restart(odd: OddServer, tmp_path: Path) -> None:
    server = JupyterLab(tmp_path / "root", tmp_path / "lab.log")
    with server, running_chromium() as browser:
        lab = Lab(browser.new_page(viewport={"width": 1100, "height": 700}), server)
        lab.load()
        chat, notebook = Chat(lab), Notebook(lab)
        chat.open()
        notebook.open()
        notebook.run("kept = 1")
        line = chat.panel.locator(".la-Context")
        expect(line).to_contain_text("Sends cell 1", timeout=60_000)
        server.stop()
        server.start().wait()
        dialog = lab.page.locator(".jp-Dialog button").last
        lab.page.add_locator_handler(dialog, lambda: dialog.click())
        chat.input.click()  # no reload: the page tells the new server by itself
        expect(line).to_contain_text("Sends cell 1", timeout=60_000)
        chat.ask("what is it?")
        assert "kept = 1" in odd.asked[-1]["messages"][-1]["content"]
