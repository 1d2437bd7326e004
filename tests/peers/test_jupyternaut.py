"""Jupyter AI 3's own parts, Jupyternaut and its %%ai: answered by the models that answer here,
set up by install alone."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.pages import Chat, Lab, Notebook
from tests.jupyterlab import JupyterLab
from tests.peers.conftest import SAYS, open_lab
from tests.peers.installed import Installed
from tests.peers.peer import Peer

PINS = "jupyternaut.txt"
DEMO_SAYS = "demo model"
MODEL = {"model_provider_id": "ollama_chat/assistant-chat:latest"}


class TestInstalled(Installed):
    pins = PINS


@pytest.fixture(scope="module")
def peer(make_peer: Callable[[str], Peer]) -> Peer:
    peer = make_peer(PINS)
    peer.run("install")
    return peer


@pytest.fixture(scope="module")
def server(peer: Peer) -> Iterator[JupyterLab]:
    with peer.lab() as server:
        yield server


@pytest.fixture(scope="module")
def lab(server: JupyterLab, browser: Browser) -> Iterator[Lab]:
    with open_lab(server, browser) as lab:
        yield lab


@pytest.fixture
def demo(peer: Peer) -> Iterator[None]:
    """The demo model answers, whatever a test swaps to."""
    yield
    peer.run("use", "assistant-demo", "--for", "chat")


def test_its_settings_say_our_name_and_nothing_else_of_ours(peer: Peer, lab: Lab) -> None:
    """As Jupyternaut has written the file anew when it started."""
    settings = json.loads(peer.settings.read_text(encoding="utf-8"))
    assert {name: value for name, value in settings.items() if value} == MODEL
    assert not peer.step()["changed"]


def test_litellm_asks_nobody_for_prices(lab: Lab) -> None:
    """It would at JupyterLab's start, which waits for it."""
    assert "cost map" not in lab.server.log_text()


@pytest.mark.usefixtures("demo")
def test_magic_works_after_load_ext_and_follows_a_swap(
    lab: Lab, peer: Peer, other_model: Path, picture: Callable[[Lab, str], None]
) -> None:
    notebook = Notebook(lab)
    notebook.open()
    loaded = notebook.run("%load_ext jupyter_ai_magic_commands")
    assert "UserWarning" not in loaded.inner_text()
    before = peer.chats()
    expect(notebook.run("%%ai\nWho are you?")).to_contain_text(DEMO_SAYS)
    assert peer.chats() == before + 1
    peer.run("use", str(other_model), "--for", "chat")
    expect(notebook.run("%%ai assistant\nAnd now?")).to_contain_text(SAYS[0])
    prices = "import os; os.environ['LITELLM_LOCAL_MODEL_COST_MAP']"
    assert "True" in notebook.run(prices).inner_text()
    picture(lab, "jupyter-ai-3-magic.png")


@pytest.mark.usefixtures("demo")
def test_jupyternaut_answers_and_follows_a_swap(
    lab: Lab, peer: Peer, other_model: Path, picture: Callable[[Lab, str], None]
) -> None:
    chat = Chat(lab)
    chat.open()
    chat.panel.locator(".jp-jai-personaControls-persona").click()
    lab.page.get_by_role("menuitem").filter(has_text="Jupyternaut").click()
    # It always sends its tools; a model that cannot use them is refused, as by Ollama.
    (refused,) = chat.ask("Who are you?")
    assert "does not support tools" in refused
    peer.run("use", str(other_model), "--for", "chat")
    before = peer.chats()
    (answer,) = chat.ask("And now?")
    assert answer.endswith(SAYS[0])
    assert peer.chats() == before + 1
    picture(lab, "jupyternaut.png")
