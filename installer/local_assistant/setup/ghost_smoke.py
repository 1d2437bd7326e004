"""Type code into a file in a real JupyterLab until ghost text appears.

Contract: as :mod:`.browser_smoke`, whose pieces it uses. Any text behind the cursor passes;
a model may leave one place empty, so several are tried.
"""

from __future__ import annotations

import shutil
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from local_assistant.errors import AssistantError
from local_assistant.setup.browser_smoke import LOADED_MS, browser_page, running_lab, said

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from local_assistant.config import AssistantConfig

FILE = "smoke.py"
ABOVE = "def area(width, height):\n    return width * height\n\n\n"
LINES = ("for i in ", "total = area(", "import numpy as ")
EDITOR = ".jp-FileEditor .cm-content"
STATUS = "#local-assistant-status"

_PER_LINE_S = 40.0
_GHOST = """() => [...document.querySelectorAll('.jp-GhostText')]
  .filter(node => !/pacer/.test(node.className)).map(node => node.innerText).join('').trim()"""
_LOADED = """selector => ['ready', 'generating', 'no_fim', 'error', 'paused']
  .includes(document.querySelector(selector)?.dataset.state)"""


def run_ghost_text(config: AssistantConfig, *, timeout_s: float) -> str:
    """Open a file, type, and return what was seen.

    Raises:
        AssistantError: something needed is missing, or no ghost text came.
    """
    if not config.completion.enabled:
        return "paused: [completion] enabled = false"
    folder = Path(tempfile.mkdtemp(prefix="assistant-smoke-"))
    (folder / FILE).write_text(ABOVE, encoding="utf-8")
    try:
        with running_lab(folder) as lab, browser_page() as page:
            with said("JupyterLab did not open a file with ghost text in its status bar"):
                page.goto(f"{lab.url}lab/tree/{FILE}?token={lab.token}", timeout=LOADED_MS)
                page.wait_for_selector(EDITOR, timeout=LOADED_MS)
                page.wait_for_selector(STATUS, timeout=LOADED_MS)
                page.wait_for_function(_LOADED, arg=STATUS, timeout=timeout_s * 1000)
            return _typed(page)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _typed(page: Page) -> str:
    page.click(EDITOR)
    for line in LINES:
        page.keyboard.press("Control+End")
        page.keyboard.type(line, delay=60)
        started = time.perf_counter()
        while time.perf_counter() - started < _PER_LINE_S:
            ghost: str = page.evaluate(_GHOST)
            if ghost:
                took = (time.perf_counter() - started) * 1000
                return f"{ghost.splitlines()[0][:40]!r} behind {line!r} in {took:.0f} ms"
            if page.get_attribute(STATUS, "data-state") == "error":
                break
            page.wait_for_timeout(25)
        page.keyboard.press("Shift+Home")
        page.keyboard.press("Delete")
    why = page.get_attribute(STATUS, "title") or "the status item says nothing"
    raise AssistantError(
        f"No ghost text came behind {len(LINES)} beginnings of lines: {why}",
        "See the cause with: jupyter assistant logs -f",
    )
