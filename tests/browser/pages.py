"""JupyterLab's page as its user sees it: the chat in the side bar, a notebook."""

from __future__ import annotations

import time
from collections.abc import Collection
from pathlib import Path
from typing import Any

from playwright.sync_api import Locator, Page, expect

from tests.jupyterlab import JupyterLab

_WATCH = """selector => {
  window.grown = [];
  if (window.growthObserver) window.growthObserver.disconnect();
  const look = () => {
    const all = document.querySelectorAll(selector);
    const length = all.length ? all[all.length - 1].innerText.length : 0;
    if (window.grown[window.grown.length - 1] !== length) window.grown.push(length);
  };
  window.growthObserver = new MutationObserver(look);
  window.growthObserver.observe(
    document.body, {childList: true, subtree: true, characterData: true});
}"""

_MESSAGE = ".jp-chat-message-container"
_SETTLED_S = 0.5

expect.set_options(timeout=30_000)  # Playwright's 5 s are few where two pages share two cores


class Lab:
    """One page with JupyterLab in it.

    Args:
        page: the browser's page.
        server: the JupyterLab.
        workspace: what is open is kept under this name, and comes back with the next page of it.
    """

    def __init__(self, page: Page, server: JupyterLab, workspace: str = "") -> None:
        self.page = page
        self.server = server
        self._path = f"/lab/workspaces/{workspace}" if workspace else "/lab"

    def load(self) -> None:
        self.page.goto(f"{self.server.url}{self._path}?token={self.server.token}")
        self.page.wait_for_selector(".jp-Launcher", timeout=60_000)

    def watch_growth(self, selector: str) -> None:
        """Record how the text of the last element of ``selector`` grows from now on."""
        self.page.evaluate(_WATCH, selector)

    def growth(self) -> list[int]:
        lengths: list[int] = self.page.evaluate("window.grown")
        return lengths

    def screenshot(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.page.screenshot(path=path)


class Chat:
    """The chat in the left side bar, or in the part of the page that ``panel`` names."""

    def __init__(self, lab: Lab, panel: str = ".jp-chat-sidepanel") -> None:
        self.lab = lab
        self.panel = lab.page.locator(panel)
        self.input = self.panel.locator(".jp-chat-input-textfield textarea[role=combobox]")
        self.stop = self.panel.locator("button.jp-jai-stopButton")

    def open(self) -> None:
        """Two clicks: the chat's icon, then "New chat"."""
        self.lab.page.locator('.lm-TabBar-tab[data-id="JupyterlabChat:sidepanel"]').click()
        self.panel.get_by_text("New chat").first.click()
        self.wait()

    def wait(self) -> None:
        """Until it can be written to."""
        expect(self.input).to_be_visible(timeout=60_000)
        persona = self.panel.locator(".jp-jai-personaControls-persona")
        expect(persona).to_have_text("Assistant", timeout=60_000)  # the first chat imports it

    def new(self) -> None:
        """Open another new chat in the side bar that is open already."""
        title = self.panel.locator(".jp-chat-sidepanel-widget-title")
        before = title.text_content() or ""
        self.panel.get_by_text("New chat").first.click()
        expect(title).not_to_have_text(before)  # the one before may be empty, too
        expect(self.panel.locator(_MESSAGE)).to_have_count(0)
        self.wait()  # its persona is told when its connection is there

    def attach(self, folder: str, name: str) -> None:
        """Attach a file by the paper clip's dialog."""
        self.panel.locator(".jp-chat-attach-button").click()
        dialog = self.lab.page.locator(".jp-Dialog")
        dialog.locator(".jp-DirListing-item", has_text=folder).dblclick()
        dialog.locator(".jp-DirListing-item", has_text=name).click()
        dialog.locator("button.jp-mod-accept").click()
        expect(dialog).to_have_count(0)

    def tokens(self) -> int:
        """Return how many tokens the last exchange took, as the page shows it."""
        title = self.panel.locator(".jp-jai-usage-chip").get_attribute("title") or ""
        return int(title.split()[1])  # "Context: 112 of 1.02k tokens (11%)"

    def widen(self, pixels: int) -> None:
        """Drag the side bar's edge, as a user does who wants to read code in it."""
        mouse = self.lab.page.mouse
        box = self.panel.bounding_box()
        assert box is not None
        edge, middle = box["x"] + box["width"] + 3, box["y"] + box["height"] / 2
        mouse.move(edge, middle)
        mouse.down()
        mouse.move(box["x"] + pixels, middle, steps=5)
        mouse.up()

    def messages(self) -> list[str]:
        return self.panel.locator(_MESSAGE).all_inner_texts()

    def send(self, text: str) -> int:
        """Send ``text`` as a user does; return how many messages there are with it."""
        count = len(self.messages()) + 1
        self.lab.watch_growth(f"{_MESSAGE} .jp-chat-rendered-message")
        self.input.fill(text)
        self.input.press("Enter")
        self.lab.page.wait_for_timeout(100)
        if self.input.input_value():
            self.input.press("Enter")  # the first one took the command from the list
        expect(self.panel.locator(_MESSAGE).nth(count - 1)).to_be_visible()
        return count

    def replies_after(self, count: int, timeout_s: float = 60) -> list[str]:
        """Wait until the answer is complete; return the messages after the first ``count``."""
        expect(self.panel.locator(_MESSAGE).nth(count)).to_be_visible(timeout=timeout_s * 1000)
        expect(self.stop).to_be_disabled(timeout=timeout_s * 1000)
        shown, since = self.messages(), time.monotonic()
        while time.monotonic() - since < _SETTLED_S:  # the last update is rendered a little later
            self.lab.page.wait_for_timeout(100)
            if (now := self.messages()) != shown:
                shown, since = now, time.monotonic()
        return shown[count:]

    def wait_for_words(self, index: int) -> None:
        """Wait until message ``index`` has begun; looks at every frame of the page."""
        self.lab.page.wait_for_function(
            "([selector, index]) => document.querySelectorAll(selector)[index]"
            "?.querySelector('.jp-chat-rendered-message')?.innerText.trim().length > 0",
            arg=[_MESSAGE, index],
        )

    def ask(self, text: str) -> list[str]:
        return self.replies_after(self.send(text))

    def clear(self) -> None:
        """Let the model forget what was said: the demo model's window is small."""
        self.replies_after(self.send("/clear"))


class Notebook:
    """A new notebook in the main area."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self.panel = lab.page.locator(".jp-NotebookPanel:not(.lm-mod-hidden)")
        self.cells = self.panel.locator(".jp-Cell.jp-CodeCell")

    def open(self) -> None:
        cards = self.lab.page.locator('.jp-LauncherCard[data-category="Notebook"]:visible')
        if not cards.count():
            self.lab.page.locator(".lm-TabBar-addButton:visible").first.click()
        before = {kernel["id"] for kernel in self._kernels()}
        cards.first.click()
        self.wait(before)

    def wait(self, before: Collection[str] = ()) -> None:
        """Until a kernel other than ``before`` takes cells."""
        expect(self.cells.first).to_be_visible(timeout=30_000)
        idle = self.panel.locator('.jp-Notebook-ExecutionIndicator[data-status="idle"]')
        expect(idle).to_be_visible(timeout=60_000)
        # The page shows "idle" before the kernel has answered; a cell run then is not run.
        deadline = time.monotonic() + 60
        while not any(
            kernel["execution_state"] == "idle" and kernel["id"] not in before
            for kernel in self._kernels()
        ):
            assert time.monotonic() < deadline, self._kernels()
            self.lab.page.wait_for_timeout(100)

    def _kernels(self) -> list[dict[str, Any]]:
        """Return the kernels that answer to a page."""
        reply = self.lab.server.get("/api/kernels")
        if reply.status_code != 200:
            return []  # Jupyter Server fails while a kernel has no activity yet
        kernels: list[dict[str, Any]] = reply.json()
        # It counts below zero what left before its kernel had started.
        return [kernel for kernel in kernels if kernel["connections"] > 0]

    def run(self, text: str) -> Locator:
        """Put ``text`` into the last cell, run it, and return the cell when it is done."""
        cell = self.cells.last
        number = self.cells.count() - 1
        cell.locator(".cm-content").click()
        self.lab.watch_growth(
            ".jp-NotebookPanel:not(.lm-mod-hidden) "
            f".jp-CodeCell:nth-child({number + 1}) .jp-OutputArea-output"
        )
        self.lab.page.keyboard.insert_text(text)
        self.lab.page.keyboard.press("Shift+Enter")
        ran = self.cells.nth(number)
        prompt = ran.locator(".jp-InputArea-prompt")
        deadline = time.monotonic() + 60
        while not prompt.inner_text().strip("[]: ").isdigit():
            assert time.monotonic() < deadline, f"still running: {prompt.inner_text()}"
            self.lab.page.wait_for_timeout(50)
        return ran
