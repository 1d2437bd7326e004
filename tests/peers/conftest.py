"""One environment, one home, one JupyterLab and one page for each of the two stacks."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.browser.chromium import running_chromium
from tests.browser.pages import Lab
from tests.integration.engine import talking_gguf
from tests.jupyterlab import JupyterLab
from tests.peers.peer import Peer, environment

pytest.register_assert_rewrite("tests.peers.installed")

SAYS = ("The other model answers.",)
OUTLINE = (
    '{"sections": [{"title": "One", "content": "first"},',
    ' {"title": "Two", "content": "second"}]}',
)
TEMPLATE = (
    "{%- if tools %}{% endif %}{% for message in messages %}<|im_start|>{{ message.role }}\n"
    "{{ message.content }}<|im_end|>\n{% endfor %}<|im_start|>assistant\n"
)
"""Takes tools, which Jupyternaut always sends; the demo model's refuses them, as in Ollama."""


@pytest.fixture(scope="session")
def make_peer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Peer]]:
    """Make an environment and an empty home for it; its engine is stopped at the end."""
    made: list[Peer] = []

    def make(pins: str) -> Peer:
        home = tmp_path_factory.mktemp(Path(pins).stem)
        (home / "root").mkdir()
        made.append(Peer(environment(pins), home))
        return made[-1]

    yield make
    for peer in made:
        peer.run("uninstall")


@pytest.fixture(scope="session")
def other_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that says one thing, whatever it is asked."""
    path = tmp_path_factory.mktemp("models") / "other.gguf"
    # Jupyternaut's prompt and tools are 13,500 bytes, and each is a token of this model.
    return talking_gguf.write(path, SAYS, template=TEMPLATE, name="other", context=16384)


@pytest.fixture(scope="session")
def outlining_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that says what Jupyter AI 2 takes for the outline of a notebook."""
    path = tmp_path_factory.mktemp("models") / "outline.gguf"
    return talking_gguf.write(path, OUTLINE, template=TEMPLATE, name="outline")


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with running_chromium() as chromium:
        yield chromium


@contextlib.contextmanager
def open_lab(server: JupyterLab, browser: Browser) -> Iterator[Lab]:
    """Open the page of a running JupyterLab."""
    page = browser.new_page(viewport={"width": 1280, "height": 800})
    lab = Lab(page, server)
    lab.load()
    yield lab
    page.close()
