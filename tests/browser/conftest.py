"""One JupyterLab, one Chromium and one page for all browser tests."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser

from local_assistant import paths
from local_assistant.config import set_value, write_template
from local_assistant.engine.launch import running_engine, stop_engine
from tests.browser.chromium import running_chromium
from tests.browser.pages import Chat, Lab, Notebook
from tests.integration.hub import Hub, running_hub
from tests.jupyterlab import JupyterLab, free_port
from tests.pictures import ARTIFACTS


@pytest.fixture(scope="session")
def hub() -> Iterator[Hub]:
    """What JupyterLab takes for Hugging Face; Ollama's registry is out of reach."""
    with running_hub() as served:
        yield served


@pytest.fixture(scope="session")
def server(
    tmp_path_factory: pytest.TempPathFactory, _session_home: None, hub: Hub
) -> Iterator[JupyterLab]:
    """JupyterLab as it is after ``make install`` in an empty home."""
    paths.user_config_file().unlink(missing_ok=True)  # other tests share this home
    write_template()
    set_value("chat.context", False)  # whatever notebook another test has left open
    set_value("chat.temperature", 0.0)  # what the demo model has anyway, for its F16 twin
    folder = tmp_path_factory.mktemp("browser")
    network = {"HF_ENDPOINT": hub.url, "HTTPS_PROXY": f"http://127.0.0.1:{free_port()}"}
    with JupyterLab(folder / "root", folder / "lab.log", network) as lab:
        yield lab
    stop_engine()


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with running_chromium() as chromium:
        yield chromium


@pytest.fixture(scope="session")
def outside() -> list[str]:
    """Addresses off this machine that the page asked for."""
    return []


@pytest.fixture(scope="session")
def lab(server: JupyterLab, browser: Browser, outside: list[str]) -> Iterator[Lab]:
    page = browser.new_page(viewport={"width": 1280, "height": 800})

    def look(request: Any) -> None:
        if not request.url.startswith(
            (server.url, server.url.replace("http", "ws"), "data:", "blob:")
        ):
            outside.append(request.url)

    page.on("request", look)
    lab = Lab(page, server)
    lab.load()
    yield lab
    lab.screenshot(ARTIFACTS / "at-the-end.png")
    page.close()


@pytest.fixture(scope="session")
def chat(lab: Lab) -> Chat:
    """A new chat in the side bar, opened by two clicks."""
    chat = Chat(lab)
    chat.open()
    return chat


@pytest.fixture(scope="module")
def notebook(lab: Lab) -> Notebook:
    """A new notebook."""
    notebook = Notebook(lab)
    notebook.open()
    return notebook


@pytest.fixture
def loaded() -> Callable[[], dict[str, dict[str, Any]]]:
    """What the engine has in memory just now, by model name."""

    def ask() -> dict[str, dict[str, Any]]:
        info = running_engine()
        if info is None:
            return {}
        reply = httpx.get(
            f"{info.url}/assistant/status",
            headers={"Authorization": f"Bearer {info.token}"},
            trust_env=False,
        )
        return {
            entry["model"].split(":")[0]: entry
            for entry in reply.json()["loaded"]
            if not entry["embedding"]
        }

    return ask
