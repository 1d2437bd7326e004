"""Find a Chromium for the browser tests; ``python -m tests.browser.chromium`` gets one.

Got from the system's packages where this user may install them, else by Playwright's own
download; where neither works the tests fail with instructions, and are never skipped.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from playwright.sync_api import Browser, Playwright, sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
FLAGS = (
    "--headless=new",
    "--no-sandbox",  # containers have no user namespaces
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def find_chromium(playwright: Playwright) -> str:
    """Return a browser to start: one on PATH, else Playwright's own.

    Raises:
        AssertionError: there is none. Never a skip: these tests prove what users see.
    """
    for name in NAMES:
        found = shutil.which(name)
        if found:
            return found
    own = Path(playwright.chromium.executable_path)
    assert own.is_file(), (
        "The browser tests need a Chromium and found none on PATH. Install your system's "
        "package (Debian: apt install chromium), or run: python -m playwright install chromium"
    )
    return str(own)


@contextlib.contextmanager
def running_chromium() -> Iterator[Browser]:
    """A Chromium without a window, which ends with the block."""
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path=find_chromium(playwright), args=list(FLAGS)
        )
        try:
            yield chromium
        finally:
            chromium.close()


def get_chromium() -> None:
    """Install a Chromium unless one is there."""
    with sync_playwright() as playwright:
        try:
            find_chromium(playwright)
            return
        except AssertionError:
            pass  # it is got below
    print("Getting a Chromium for the browser tests", flush=True)
    if shutil.which("apt-get") and hasattr(os, "geteuid") and os.geteuid() == 0:
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        apt = ["apt-get", "-qq", "-o", "Dpkg::Use-Pty=0"]
        quiet = {"stdout": subprocess.DEVNULL, "env": environment, "check": False}
        subprocess.run([*apt, "update"], **quiet)
        subprocess.run([*apt, "install", "-y", "chromium"], **quiet)
    else:
        subprocess.run([sys.executable, "-m", "playwright", "install", "chromium"], check=False)
    with sync_playwright() as playwright:
        find_chromium(playwright)


if __name__ == "__main__":
    try:
        get_chromium()
    except AssertionError as error:
        sys.exit(f"Error: {error}")
