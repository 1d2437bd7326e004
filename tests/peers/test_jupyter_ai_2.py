"""Jupyter AI 2 beside the assistant: its chat, /learn, /generate, %%ai and inline completion are
answered by the models that answer here, set up by install alone."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, expect
from tornado.httpclient import HTTPRequest
from tornado.websocket import websocket_connect

from tests.browser.ghost import Ghost
from tests.browser.pages import Lab, Notebook
from tests.jupyterlab import JupyterLab
from tests.peers.conftest import SAYS, open_lab
from tests.peers.installed import Installed
from tests.peers.peer import Peer

PINS = "jupyter-ai-2.txt"
DEMO_SAYS = "demo model"
# What 2.31.7 does by default keeps /learn from ever ending (docs/jupyter-ai.md).
LEARNS = "--AiExtension.enable_dask_dashboard=True"
_INLINE = {
    "number": 1,
    "prefix": "import numpy as",
    "suffix": "",
    "mime": "text/x-python",
    "stream": False,
    "language": "python",
}


class TestInstalled(Installed):
    pins = PINS


class Chat:
    """Jupyter AI 2's chat in the side bar."""

    def __init__(self, lab: Lab) -> None:
        lab.page.locator('.lm-TabBar-tab[data-id="jupyter-ai::chat"]').click()
        self.panel = lab.page.locator('[id="jupyter-ai::chat"]')
        self.input = self.panel.get_by_placeholder("Ask Jupyternaut")
        self.messages = self.panel.locator(".jp-ai-rendermime-markdown")
        self.page = lab.page

    def ask(self, text: str, reply: str, *, replies: int = 1) -> str:
        """Send ``text`` and return the last of the replies, when ``reply`` is in it."""
        last = self.messages.nth(self.messages.count() + replies)
        self.input.fill(text)
        self.input.press("Escape")  # the list of commands would take the Enter
        self.input.press("Enter")
        expect(last).to_contain_text(reply, timeout=60_000)
        return last.inner_text()


@pytest.fixture(scope="module")
def peer(make_peer: Callable[[str], Peer]) -> Peer:
    peer = make_peer(PINS)
    (peer.home / "root" / "docs").mkdir()
    (peer.home / "root" / "docs" / "owls.md").write_text("Owls hunt at night.\n")
    peer.run("install")
    return peer


@pytest.fixture(scope="module")
def server(peer: Peer) -> Iterator[JupyterLab]:
    with peer.lab(LEARNS) as server:
        yield server


@pytest.fixture(scope="module")
def lab(server: JupyterLab, browser: Browser) -> Iterator[Lab]:
    with open_lab(server, browser) as lab:
        yield lab


@pytest.fixture(scope="module")
def chat(lab: Lab) -> Chat:
    return Chat(lab)


@pytest.fixture
def demo(peer: Peer) -> Iterator[None]:
    """The demo model answers, whatever a test swaps to."""
    yield
    peer.run("use", "assistant-demo", "--for", "chat")


def test_its_settings_say_our_names_and_nothing_else_of_ours(peer: Peer, lab: Lab) -> None:
    """As Jupyter AI has written the file anew when it started."""
    settings = json.loads(peer.settings.read_text(encoding="utf-8"))
    assert {name: value for name, value in settings.items() if "_id" in name} == {
        "model_provider_id": "ollama:assistant-chat",
        "completions_model_provider_id": "ollama:assistant-completion",
        "embeddings_provider_id": "ollama:assistant-embed",
    }
    assert settings["api_keys"] == {}
    assert not any(value for table in ("fields", "embeddings_fields") for value in
                   settings[table].values())  # fmt: skip
    assert not peer.step()["changed"]


@pytest.mark.usefixtures("demo")
def test_chat_follows_a_swap_without_a_restart(
    chat: Chat, lab: Lab, peer: Peer, other_model: Path, picture: Callable[[Lab, str], None]
) -> None:
    before = peer.chats()
    chat.ask("Who are you?", DEMO_SAYS)
    assert peer.chats() == before + 1
    peer.run("use", str(other_model), "--for", "chat")
    chat.ask("And now?", SAYS[0])
    picture(lab, "jupyter-ai-2-chat.png")


@pytest.mark.usefixtures("demo")
def test_magic_works_after_load_ext(
    lab: Lab, peer: Peer, other_model: Path, picture: Callable[[Lab, str], None]
) -> None:
    notebook = Notebook(lab)
    notebook.open()
    notebook.run("%load_ext jupyter_ai_magics")
    expect(notebook.run("%%ai\nWho are you?")).to_contain_text(DEMO_SAYS)
    peer.run("use", str(other_model), "--for", "chat")
    expect(notebook.run("%%ai assistant\nAnd now?")).to_contain_text(SAYS[0])
    picture(lab, "jupyter-ai-2-magic.png")


def test_our_ghost_text_beside_it(lab: Lab) -> None:
    """Ours alone: Jupyter AI 2 leaves its own off until somebody switches it on."""
    notebook = Notebook(lab)
    ghost = Ghost(lab.page)
    ghost.wait_state("ready")
    ghost.start(notebook.cells.last.locator(".cm-content"), "import numpy a")
    ghost.keyboard.type("s")
    ghost.wait_shown(" np")


def test_its_own_inline_completion_is_answered(server: JupyterLab, peer: Peer) -> None:
    async def ask() -> dict[str, Any]:
        address = server.url.replace("http", "ws") + "/api/ai/completion/inline"
        request = HTTPRequest(address, headers={"Authorization": f"token {server.token}"})
        socket = await websocket_connect(request)
        await socket.write_message(json.dumps(_INLINE))
        answer = await asyncio.wait_for(socket.read_message(), 60)
        socket.close()
        said: dict[str, Any] = json.loads(answer or "{}")
        return said

    before = peer.chats()
    with ThreadPoolExecutor() as thread:  # Playwright has a loop of its own in this one
        answer = thread.submit(lambda: asyncio.run(ask())).result()
    assert answer["error"] is None
    assert len(answer["list"]["items"]) == 1
    assert peer.chats() == before + 1


def test_learn_and_ask(chat: Chat, peer: Peer) -> None:
    assert "docs" in chat.ask("/learn docs", "I have learned documents")
    assert any(entry["embedding"] for entry in peer.engine()["loaded"])
    before = peer.chats()
    chat.ask("/ask When do owls hunt?", DEMO_SAYS)
    assert peer.chats() > before


@pytest.mark.usefixtures("demo")
def test_generate_writes_a_notebook(chat: Chat, peer: Peer, outlining_model: Path) -> None:
    peer.run("use", str(outlining_model), "--for", "chat")
    chat.ask("/generate a notebook with two parts", "I have created your notebook", replies=2)
    (made,) = (peer.home / "root").glob("{*.ipynb")
    cells = json.loads(made.read_text(encoding="utf-8"))["cells"]
    assert "## Two" in ["".join(cell["source"]) for cell in cells]
