"""Ghost text as its user sees it, and what the page asked for.

Contract: reads the page (its DOM and its requests), waits by polling with a deadline, and
types real keys. JupyterLab keeps hidden copies of a ghost as spacers; they are not a ghost.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import httpx
from playwright.sync_api import Locator, Page, Request

from local_assistant.engine.launch import running_engine

_GHOST = """() => {
  const ghosts = [...document.querySelectorAll('.jp-GhostText')];
  const shown = ghosts.filter(node => !/pacer/.test(node.className));
  return shown.map(node => node.innerText).join('');
}"""
_TEXT = """() => {
  const content = document.activeElement?.closest('.cm-content')?.cloneNode(true);
  if (!content) return null;
  content.querySelectorAll('.jp-GhostText').forEach(node => node.remove());
  return [...content.querySelectorAll('.cm-line')].map(line => line.textContent).join('\\n');
}"""
_ACTIVE = "() => !!document.querySelector('.jp-mod-inline-completer-active')"
TIMEOUT_S = 30.0


class Ghost:
    """The ghost text of one page."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.keyboard = page.keyboard
        self.item = page.locator("#local-assistant-status")
        self.asked: list[dict[str, Any]] = []
        self._going: set[Request] = set()
        self.problems: list[str] = []
        page.on("request", self._note)
        page.on("requestfinished", self._ended)
        page.on("requestfailed", self._ended)
        page.on("pageerror", lambda error: self.problems.append(str(error)))
        page.on(
            "console",
            lambda message: self.problems.append(message.text) if message.type == "error" else None,
        )

    def _note(self, request: Request) -> None:
        if request.url.endswith("/local-assistant/complete"):
            self.asked.append(json.loads(request.post_data or "{}"))
            self._going.add(request)

    def _ended(self, request: Request) -> None:
        self._going.discard(request)

    def shown(self) -> str:
        text: str = self.page.evaluate(_GHOST)
        return text

    def text(self) -> str:
        """Return the text of the focused editor, without the ghost."""
        text: str | None = self.page.evaluate(_TEXT)
        assert text is not None, "no editor has the focus"
        return text

    def takes_tab(self) -> bool:
        """Whether JupyterLab would take a Tab for the ghost."""
        active: bool = self.page.evaluate(_ACTIVE)
        return active

    def wait(self, what: str, reached: Callable[[], Any]) -> Any:
        """Poll until ``reached`` is true; ``what`` says what did not happen."""
        deadline = time.monotonic() + TIMEOUT_S
        while True:
            value = reached()
            if value:
                return value
            assert time.monotonic() < deadline, (
                f"{what}: ghost {self.shown()!r}, {len(self.asked)} asked, "
                f"status {self.item.get_attribute('title')!r}"
            )
            self.page.wait_for_timeout(20)

    def wait_shown(self, text: str | None = None) -> str:
        """Wait for a ghost (this very one) and return it."""
        if text is None:
            shown: str = self.wait("no ghost", lambda: self.shown().strip() and self.shown())
            return shown
        self.wait(f"not the ghost {text!r}", lambda: self.shown() == text)
        return text

    def wait_asked(self, prefix: str) -> None:
        """Wait until the page has asked what follows this very text."""
        self.wait("not asked", lambda: self.asked and self.asked[-1]["prefix"] == prefix)

    def wait_done(self) -> str:
        """Wait until a ghost is there and complete; return it."""
        self.wait_shown()
        self.wait("the ghost still grows", lambda: not self._going and self.state() != "generating")
        return self.wait_shown()

    def state(self) -> str | None:
        return self.item.get_attribute("data-state")

    def wait_state(self, state: str) -> None:
        self.wait(f"not {state}", lambda: self.state() == state)

    def automatic(self) -> list[dict[str, Any]]:
        """Return the requests that somebody waited for."""
        return [question for question in self.asked if question["trigger"] != "ahead"]

    def start(self, editor: Locator, text: str = "") -> None:
        """Put the cursor into an editor, and ``text`` instead of what is there, in one go."""
        editor.click()
        self.keyboard.press("Control+a")
        self.keyboard.press("Delete")
        if text:
            self.keyboard.insert_text(text)


class Counter:
    """The engine's count of generations."""

    def read(self) -> dict[str, Any]:
        return self._ask("GET", "/assistant/status")["generations"]  # type: ignore[no-any-return]

    def forget_peak(self) -> None:
        self._ask("POST", "/assistant/peak")

    def wait_idle(self) -> dict[str, Any]:
        deadline = time.monotonic() + TIMEOUT_S
        while (counts := self.read())["active"]:
            assert time.monotonic() < deadline, counts
            time.sleep(0.05)
        return counts

    @staticmethod
    def _ask(method: str, path: str) -> dict[str, Any]:
        info = running_engine()
        assert info is not None, "the engine does not run"
        headers = {"Authorization": f"Bearer {info.token}"}
        reply = httpx.request(method, info.url + path, headers=headers, trust_env=False)
        reply.raise_for_status()
        answer: dict[str, Any] = reply.json()
        return answer
