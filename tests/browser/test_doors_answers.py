"""A model's answer makes the page ask nobody, in the chat and in ``%%ai``, whatever it says.

A model that read a hostile file may be told to send on what it knows in the address of an image.
JupyterLab would fetch that; a server on another port of this machine sees whether it does.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from local_assistant import paths
from local_assistant.config import set_value
from local_assistant.engine.store.store import Store
from tests.browser.pages import Chat, Lab, Notebook
from tests.integration.engine.talking_gguf import write
from tests.waiting import until

NAME = "hostile"
ANSWERS = (
    "![a](http://{far}/a) ",
    r"\![b](http://{far}/b) ",
    "<img src='http://{far}/c'><video src='http://{far}/d' poster='http://{far}/e'></video>",
    "<div style=\"background-image:url('http://{far}/f');width:9px;height:9px\">x</div>",
    "<input type=image src='http://{far}/g'><audio src='http://{far}/h' autoplay></audio>",
    "\n\n![i][i]\n\n[i]: http://{far}/i\n\n",
    "```mermaid\nflowchart TD\n A[\"<img src='http://{far}/j'/>\"]\n```\n\n",
    '```mermaid\nflowchart TD\n A@{{ img: "http://{far}/k", label: "x", h: 9, w: 9 }}\n```\n\n',
    "| `a | ![l](http://{far}/l)` |\n\nThe end.",
)
PAGES = (
    "<link rel=preconnect href='http://{far}'><link rel=preload as=image href='http://{far}/m'>",
    "<link rel=prefetch href='http://{far}/n'><link rel=icon href='http://{far}/o'>",
    "<link rel=stylesheet href='http://{far}/p'><style>@import 'http://{far}/q';</style>",
    "<img src='http://{far}/r'><iframe src='http://{far}/s'></iframe>",
    "<meta http-equiv=refresh content='0;url=http://{far}/t'><base href='http://{far}/'>",
    "<object data='http://{far}/u'></object><embed src='http://{far}/v'>",
    "<svg><image href='http://{far}/w'/></svg><script src='http://{far}/x'></script>",
    "<body background='http://{far}/y'><form action='http://{far}/z'></form>",
)
SHOW = """
from IPython.display import Markdown, display
from local_assistant.lab.magics.formats import render
display(render({form!r}, {text!r}).bundle, raw=True)
"""


class Far:
    """A server that only counts who comes."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.name = f"127.0.0.1:{self._listener.getsockname()[1]}"
        self.asked: list[bytes] = []
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return  # closed
            self.asked.append(b"")
            connection.settimeout(1)
            with connection:
                try:
                    self.asked[-1] = connection.recv(200)
                    connection.sendall(b"HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n")
                except OSError:
                    continue

    def close(self) -> None:
        self._listener.close()


@pytest.fixture
def far() -> Iterator[Far]:
    served = Far()
    yield served
    served.close()


def seen_by(far: Far, lab: Lab) -> list[bytes]:
    """Return what was asked for, once all that the page had begun to ask must have come."""
    lab.page.wait_for_timeout(1500)
    asked = list(far.asked)
    far.asked.clear()
    image = "url => { const image = new Image(); image.src = url; }"
    lab.page.evaluate(image, f"http://{far.name}/the-page-can-ask")
    until(lambda: any(b"the-page-can-ask" in each for each in far.asked), 30)
    # Chromium opens a second connection beside that one and says nothing there.
    return [*asked, *(each for each in far.asked if each and b"the-page-can-ask" not in each)]


@pytest.fixture
def hostile(far: Far, chat: Chat, tmp_path: Path) -> Iterator[Chat]:
    """A chat in which such a model answers."""
    says = [answer.format(far=far.name) for answer in ANSWERS]
    Store(paths.models_dir()).add_gguf(NAME, write(tmp_path / "hostile.gguf", says))
    set_value("models.chat", NAME)
    chat.new()
    yield chat
    set_value("models.chat", None)
    Store(paths.models_dir()).remove(NAME)


def test_an_answer_in_the_chat_asks_nobody(far: Far, hostile: Chat) -> None:
    said = hostile.ask("What did you read?")
    assert "The end." in said[-1]
    answer = hostile.panel.locator(".jp-chat-message-container").last
    assert answer.locator("img[src*='127.0.0.1'], video, audio, svg[id*=mermaid]").count() == 0
    assert seen_by(far, hostile.lab) == []


def test_the_users_own_image_is_fetched(far: Far, chat: Chat) -> None:
    """Without this the others would prove nothing."""
    chat.new()
    chat.replies_after(chat.send(f"» ![mine](http://{far.name}/mine)"))
    until(lambda: any(b"/mine" in each for each in far.asked), 30)


def test_markdown_of_a_cell_asks_nobody(far: Far, notebook: Notebook) -> None:
    text = "".join(ANSWERS).format(far=far.name)
    cell = notebook.run(SHOW.format(form="markdown", text=text))
    assert "The end." in cell.inner_text()
    assert seen_by(far, notebook.lab) == []


def test_html_of_a_cell_asks_nobody(far: Far, notebook: Notebook) -> None:
    for page in PAGES:
        cell = notebook.run(SHOW.format(form="html", text=page.format(far=far.name)))
        assert cell.locator("iframe").count() == 1
    assert seen_by(far, notebook.lab) == []
