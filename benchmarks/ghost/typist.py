"""A typist in a real Chromium: types the trace into a notebook, and times the ghost text.

Contract: the clock is the page's own (``performance.now``). A key's time begins at its
``keydown``; ghost text counts when it is in the page with at least one visible character.
The hidden spacers of ``.jp-GhostText``, which JupyterLab keeps for its layout, do not count.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

from playwright.sync_api import Page

from benchmarks.ghost.trace import KEY_INTERVAL_MS, TYPED_CELL, Key
from tests.browser.chromium import running_chromium

WAIT_S = 15.0
"""A pause in which no ghost text appears counts as this long."""
_READ_MS = 300

_WATCH = """() => {
  const visible = node => !/Spacer/.test(node.className) && node.getClientRects().length > 0
    && getComputedStyle(node).visibility !== 'hidden' && node.textContent.trim() !== '';
  const ghost = () => [...document.querySelectorAll('.jp-GhostText')].some(visible);
  const state = window.typist = {keyAt: null, latency: null, ghost};
  const look = () => {
    if (state.keyAt !== null && state.latency === null && ghost())
      state.latency = performance.now() - state.keyAt;
  };
  new MutationObserver(look).observe(
    document.body, {childList: true, subtree: true, characterData: true, attributes: true});
  document.addEventListener('keydown', () => {
    state.keyAt = performance.now();
    state.latency = null;
    // Ghost text that the key leaves standing was there at once.
    requestAnimationFrame(() => requestAnimationFrame(look));
  }, {capture: true});
}"""


@dataclass
class Typed:
    """What the typist saw."""

    pauses_ms: list[float] = field(default_factory=list)
    """Keystroke to first ghost text at each pause, in milliseconds."""
    missed: int = 0
    """Pauses at which none came within ``WAIT_S``."""
    result: Any = None
    """What the page said at the end, where it was asked."""


def type_trace(
    url: str,
    keys: list[Key],
    *,
    settle_s: float,
    record: str | None = None,
    result: str | None = None,
) -> Typed:
    """Open ``url`` (a notebook in JupyterLab), type ``keys`` into the trace's cell.

    Args:
        settle_s: how long the page is left alone first; every client gets the same.
        record: a function that the page runs before the first key.
        result: a function whose value is kept after the last one.
    """
    with running_chromium() as browser:
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.goto(url)
        _enter_cell(page)
        time.sleep(settle_s)
        page.evaluate(_WATCH)
        if record:
            page.evaluate(record)
        typed = _type(page, keys)
        typed.result = page.evaluate(result) if result else None
        return typed


def _enter_cell(page: Page) -> None:
    """Put the cursor into the empty cell; the notebook shows only the cells in view."""
    page.wait_for_selector(".jp-Notebook .jp-Cell", timeout=90_000)
    page.wait_for_selector(".jp-Notebook-ExecutionIndicator[data-status=idle]", timeout=90_000)
    page.locator(".jp-Notebook .jp-Cell .cm-content").first.click()
    page.keyboard.press("Escape")
    for _ in range(TYPED_CELL):
        page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    page.wait_for_selector(".jp-Cell.jp-mod-active .cm-content:focus", timeout=30_000)
    text = page.locator(".jp-Cell.jp-mod-active .cm-content").inner_text().strip()
    if text:
        raise RuntimeError(f"the trace belongs into an empty cell, not after {text!r}")


def _type(page: Page, keys: list[Key]) -> Typed:
    typed = Typed()
    due = time.perf_counter()
    for key in keys:
        _sleep_until(due)
        page.keyboard.press("Space" if key.name == " " else key.name)
        due = max(due + KEY_INTERVAL_MS / 1000, time.perf_counter())
        if not key.pause:
            continue
        latency = _wait_for_ghost(page)
        typed.pauses_ms.append(WAIT_S * 1000 if latency is None else latency)
        typed.missed += latency is None
        page.wait_for_timeout(_READ_MS)
        due = time.perf_counter()
    return typed


def _wait_for_ghost(page: Page) -> float | None:
    deadline = time.monotonic() + WAIT_S
    while time.monotonic() < deadline:
        latency: float | None = page.evaluate("window.typist.latency")
        if latency is not None:
            return latency
        page.wait_for_timeout(10)
    return None


def _sleep_until(moment: float) -> None:
    left = moment - time.perf_counter()
    if left > 0:
        time.sleep(left)
