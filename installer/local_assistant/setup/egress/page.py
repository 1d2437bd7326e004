"""A Chromium without a window, driven over its debugging protocol; every request it makes is seen.

Contract: no Playwright: a program on PATH and ``websocket-client``, which Jupyter Server
brings. Requests are counted of all that the page starts (frames, workers) and not only those
that come through. Ended by its process id.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

from local_assistant.errors import AssistantError
from local_assistant.setup.egress.processes import ROLE

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
_START_S = 60.0
_FLAGS = (
    "--headless=new",
    "--no-sandbox",  # what the tracer reads must stay readable, and root has no sandbox anyway
    "--disable-gpu",
    "--no-first-run",
    "--no-default-browser-check",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # What a browser asks its maker where a page has a form, which about:blank has not.
    "--disable-features=AutofillServerCommunication,OptimizationHints,MediaRouter,Translate",
    "--disable-dev-shm-usage",
    "--password-store=basic",
    "--remote-debugging-port=0",
    "--window-size=1400,900",
)


def find() -> str | None:
    """Return a browser of Chromium's kind on PATH, or None."""
    return next(filter(None, map(shutil.which, NAMES)), None)


class Page:
    """One browser with one page.

    Args:
        program: the browser.
        folder: for its profile; made.
        role: what the tracer notes with its contacts.
    """

    def __init__(self, program: str, folder: Path, role: str = "") -> None:
        folder.mkdir(parents=True)
        self.urls: list[str] = []
        self._calls = 0
        self._session: str | None = None
        self._folder = folder
        with (folder / "browser.log").open("wb") as log:
            self._process = subprocess.Popen(
                [program, *_FLAGS, f"--user-data-dir={folder}", "about:blank"],
                env={
                    **os.environ,
                    ROLE: role or "page",
                    # Else Chromium makes a folder for them in the user's home.
                    "BREAKPAD_DUMP_LOCATION": str(folder / "crashes"),
                },
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        self._socket: Any = None

    def connect(self) -> Page:
        """Wait for the browser and take hold of its page."""
        import websocket

        port, path = self._address()
        self._socket = websocket.create_connection(
            f"ws://127.0.0.1:{port}{path}",
            suppress_origin=True,
            http_no_proxy=["127.0.0.1"],
            timeout=_START_S,
        )
        self._call("Target.setAutoAttach", _ATTACH, browser=True)
        deadline = time.monotonic() + _START_S
        while self._session is None and time.monotonic() < deadline:
            self.pump(0.05)
        self._call("Page.enable")
        return self

    def _address(self) -> tuple[str, str]:
        file = self._folder / "DevToolsActivePort"
        deadline = time.monotonic() + _START_S
        while time.monotonic() < deadline and self._process.poll() is None:
            lines = file.read_text(encoding="ascii").split() if file.exists() else []
            if len(lines) == 2:
                return lines[0], lines[1]
            time.sleep(0.05)
        log = (self._folder / "browser.log").read_text(encoding="utf-8", errors="replace")
        raise AssistantError(
            f"The browser did not start: {' | '.join(log.strip().splitlines()[-2:])[-300:]}",
            "Look without one: jupyter assistant doctor --egress --no-browser",
        )

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(10)

    def go(self, url: str) -> None:
        self._call("Page.navigate", {"url": url})

    def evaluate(self, expression: str) -> Any:
        """Return what ``expression`` gives in the page; a promise is waited for."""
        answer = self._call(
            "Runtime.evaluate",
            {"expression": expression, "awaitPromise": True, "returnByValue": True},
        )
        failed = answer.get("exceptionDetails")
        if failed:
            said = failed.get("exception", {}).get("description") or failed.get("text")
            raise AssistantError(f"The page failed: {str(said).splitlines()[0]}", None)
        return answer.get("result", {}).get("value")

    def wait(self, expression: str, what: str, seconds: float = 60.0, every: float = 0.1) -> Any:
        """Wait until ``expression`` is true.

        Raises:
            AssistantError: it was not, for so long.
        """
        deadline = time.monotonic() + seconds
        while True:
            value = self.evaluate(f"(() => {{try {{return {expression}}} catch {{}}}})()")
            if value:
                return value
            if time.monotonic() > deadline:
                raise AssistantError(f"{what} did not come within {seconds:.0f} s.", None)
            self.pump(every)

    def click(self, selector: str, what: str, seconds: float = 60.0) -> None:
        """Click the middle of an element, once it can be seen and lies still."""
        found = f"document.querySelector({json.dumps(selector)}).getBoundingClientRect()"
        place = f"(({found}).width ? [({found}).x, ({found}).y].join() : '')"
        before = None
        while before != (before := self.wait(place, what, seconds)):
            self.pump(0.2)
        middle = f"(b => [b.x + b.width / 2, b.y + b.height / 2])({found})"
        x, y = self.evaluate(middle)
        for kind in ("mouseMoved", "mousePressed", "mouseReleased"):
            self._call(
                "Input.dispatchMouseEvent",
                {"type": kind, "x": x, "y": y, "button": "left", "clickCount": 1},
            )

    def type(self, text: str) -> None:
        self._call("Input.insertText", {"text": text})

    def pump(self, seconds: float) -> None:
        """Take in what the browser tells, for so long."""
        import websocket

        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            self._socket.settimeout(left)
            try:
                self._event(json.loads(self._socket.recv()))
            except (websocket.WebSocketTimeoutException, BlockingIOError):
                return

    def _call(self, method: str, parameters: Any = None, *, browser: bool = False) -> Any:
        identifier = self._send(method, parameters, None if browser else self._session)
        self._socket.settimeout(_START_S * 5)
        while True:
            message = json.loads(self._socket.recv())
            if message.get("id") != identifier:
                self._event(message)
            elif "error" in message:
                raise AssistantError(f"The browser refused {method}: {message['error']}", None)
            else:
                return message["result"]

    def _send(self, method: str, parameters: Any, session: str | None) -> int:
        self._calls += 1
        message = {"id": self._calls, "method": method, "params": parameters or {}}
        if session:
            message["sessionId"] = session
        self._socket.send(json.dumps(message))
        return self._calls

    def _event(self, message: dict[str, Any]) -> None:
        method, about = message.get("method"), message.get("params", {})
        if method == "Target.attachedToTarget":
            session = about["sessionId"]
            if self._session is None and about["targetInfo"]["type"] == "page":
                self._session = session
            for each, parameters in (
                ("Network.enable", None),
                ("Target.setAutoAttach", _ATTACH),
                ("Runtime.runIfWaitingForDebugger", None),
            ):
                self._send(each, parameters, session)
        elif method == "Network.requestWillBeSent":
            self.urls.append(about["request"]["url"])
        elif method == "Network.webSocketCreated":
            self.urls.append(about["url"])


_ATTACH = {"autoAttach": True, "waitForDebuggerOnStart": True, "flatten": True}
