"""Drive the chat sidebar of a real JupyterLab in a real browser.

Contract: the JupyterLab that is checked is started here, in an empty folder, and ended by
its process id; every wait has a deadline. Playwright and Chromium are optional: where one
is missing the error says how to get it. The pieces are separate, so that the browser tests
use the same ones.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from local_assistant import paths
from local_assistant.errors import AssistantError

if TYPE_CHECKING:
    from playwright.sync_api import Page

START_S = 90.0
LOADED_MS = 120_000
PATIENCE_S = 20.0
"""How long an answer may go on after its first word; then what there is counts."""

CHAT_TAB = 'li[data-id="JupyterlabChat:sidepanel"]'
CHAT_PANEL = r"#JupyterlabChat\:sidepanel"
NEW_CHAT = f"{CHAT_PANEL} .jp-chat-add"
INPUT = f"{CHAT_PANEL} .jp-chat-input-textfield textarea:not([readonly])"
SEND = f"{CHAT_PANEL} .jp-chat-send-button"
STOP = f"{CHAT_PANEL} .jp-jai-stopButton"
MESSAGE = f"{CHAT_PANEL} .jp-chat-rendered-message"
CHOSEN_PERSONA = f"{CHAT_PANEL} .jp-jai-personaControls-persona"

_DEFAULT_PERSONA = """() => JSON.parse(
    document.getElementById("jupyter-config-data").textContent
).jupyter_ai_default_persona"""

_HAS_TEXT = "([message, index]) => document.querySelectorAll(message)[index]?.innerText.trim()"
_NOTHING_TO_STOP = "([stop]) => document.querySelector(stop)?.disabled ?? true"

_BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")


@dataclass(frozen=True)
class RunningLab:
    """A JupyterLab that answers; ``token`` opens it."""

    url: str
    token: str
    pid: int
    log: Path


def run_sidebar(prompt: str, *, timeout_s: float) -> str:
    """Type ``prompt`` into the chat of a new JupyterLab; return what was seen.

    Raises:
        AssistantError: something needed is missing, or no answer came.
    """
    folder = Path(tempfile.mkdtemp(prefix="assistant-smoke-"))
    try:
        with running_lab(folder) as lab, browser_page() as page:
            open_lab(page, lab)
            persona = open_chat(page)
            started = time.perf_counter()
            reply = ask(page, prompt, timeout_s=timeout_s)
            took = time.perf_counter() - started
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return f"{persona or 'the chat'} answered with {len(reply)} characters in {took:.1f} s"


@contextlib.contextmanager
def running_lab(
    folder: Path, environment: Mapping[str, str] | None = None, *options: str
) -> Iterator[RunningLab]:
    """Run JupyterLab of this environment with ``folder`` as its root; end it afterwards."""
    import importlib.util

    if importlib.util.find_spec("jupyterlab") is None:
        raise AssistantError(
            "JupyterLab is not installed in this environment.",
            'Run: pip install "jupyter-local-assistant[all]"',
        )
    token = secrets.token_hex(16)
    runtime = Path(tempfile.mkdtemp(prefix="assistant-runtime-"))
    log = runtime / "lab.log"
    arguments = ["-m", "jupyterlab", "--no-browser", f"--ServerApp.root_dir={folder}"]
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        arguments.append("--allow-root")
    env = {**os.environ, **(environment or {})}
    # The token goes by the environment: a command line can be read by everybody.
    env |= {"JUPYTER_TOKEN": token, "JUPYTER_RUNTIME_DIR": str(runtime)}
    # Neither read nor written: what the user has open in JupyterLab.
    env["JUPYTERLAB_WORKSPACES_DIR"] = str(runtime / "workspaces")
    env |= _in_place_of_missing(runtime)
    with log.open("wb") as stream:
        process = subprocess.Popen(
            [sys.executable, *arguments, *options],
            cwd=folder,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=stream,
        )
    try:
        yield _answering(process, runtime, token, log)
    finally:
        _end(process)
        shutil.rmtree(runtime, ignore_errors=True)


def _in_place_of_missing(folder: Path) -> dict[str, str]:
    """Return what keeps a JupyterLab from making folders in a home that has them not yet.

    Those that are there are the user's settings, and are what is checked.
    """
    own = {
        "JUPYTER_CONFIG_DIR": paths.jupyter_config_dir(),
        "JUPYTER_DATA_DIR": paths.jupyter_data_dir(),
        "IPYTHONDIR": paths.ipython_dir(),
        "NPM_CONFIG_CACHE": Path.home() / ".npm",  # asked by the part for language servers
    }
    return {name: str(folder / name) for name, path in own.items() if not path.exists()}


def _answering(
    process: subprocess.Popen[bytes], runtime: Path, token: str, log: Path
) -> RunningLab:
    """Wait for the file in which Jupyter says where it listens."""
    info = runtime / f"jpserver-{process.pid}.json"
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(OSError, ValueError):  # not there yet, or half written
            url = str(json.loads(info.read_text(encoding="utf-8"))["url"])
            return RunningLab(url, token, process.pid, log)
        time.sleep(0.05)
    end = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()[-3:]
    raise AssistantError(
        f"JupyterLab did not start: {' | '.join(end)[-400:]}", "Try it by hand: jupyter lab"
    )


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(15)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(5)


@contextlib.contextmanager
def browser_page(*, width: int = 1400, height: int = 900) -> Iterator[Page]:
    """Open a page in a headless Chromium: the system's, or the one Playwright brings."""
    try:
        from playwright.sync_api import Error, sync_playwright
    except ImportError as error:
        raise AssistantError(
            "The browser check needs Playwright, which is not installed here.",
            "Run: pip install playwright && playwright install chromium",
        ) from error
    found = next(filter(None, map(shutil.which, _BROWSERS)), None)
    launch: dict[str, Any] = {"executable_path": found} if found else {}
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        launch["args"] = ["--no-sandbox"]  # Chromium refuses its sandbox to root.
    with (
        tempfile.TemporaryDirectory(
            prefix="assistant-browser-", ignore_cleanup_errors=True
        ) as folder,
        sync_playwright() as playwright,
    ):
        # Chromium would make folders in the user's home.
        launch["env"] = {**os.environ, "HOME": folder, "XDG_CONFIG_HOME": folder}
        try:
            browser = playwright.chromium.launch(**launch)
        except Error as error:
            raise AssistantError(
                f"No Chromium starts here: {str(error).splitlines()[0]}.",
                "Run: playwright install chromium",
            ) from error
        try:
            yield browser.new_page(viewport={"width": width, "height": height})
        finally:
            browser.close()


def open_lab(page: Page, lab: RunningLab) -> None:
    """Open JupyterLab and wait until its sidebars are there."""
    with said("JupyterLab's page did not load with a chat in its sidebar"):
        page.goto(f"{lab.url}lab?token={lab.token}", timeout=LOADED_MS)
        page.wait_for_selector(CHAT_TAB, timeout=LOADED_MS)


def open_chat(page: Page) -> str:
    """Open a new chat in the sidebar; return the persona that will answer.

    Raises:
        AssistantError: it is not ours.
    """
    from local_assistant.lab.chat.defaults import PERSONA_ID

    with said("No new chat opened in the sidebar"):
        if not page.is_visible(NEW_CHAT):  # a click on the tab of an open panel closes it
            page.click(CHAT_TAB, timeout=LOADED_MS)
        page.click(NEW_CHAT, timeout=LOADED_MS)
        page.wait_for_selector(INPUT, timeout=LOADED_MS)
        persona = page.wait_for_selector(CHOSEN_PERSONA, timeout=LOADED_MS)
        name = (persona.inner_text() if persona else "").strip()
        default = page.evaluate(_DEFAULT_PERSONA)
    if default != PERSONA_ID:
        raise AssistantError(
            f"The chat would be answered by {name or 'nobody'} ({default or 'no default persona'}),"
            " not by ours.",
            "Run: jupyter assistant install",
        )
    return name


def ask(page: Page, prompt: str, *, timeout_s: float) -> str:
    """Send ``prompt`` in the open chat and return the whole reply."""
    from playwright.sync_api import TimeoutError

    from local_assistant.lab.chat.notes import PROBLEM_MARK

    before = page.locator(MESSAGE).count()
    with said("The chat did not answer"):
        page.fill(INPUT, prompt)
        page.click(SEND, timeout=LOADED_MS)
        # The message itself, and the reply.
        reply = page.locator(MESSAGE).nth(before + 1)
        reply.wait_for(timeout=timeout_s * 1000)
        _wait_until(page, _HAS_TEXT, [MESSAGE, before + 1], timeout_s)
        with contextlib.suppress(TimeoutError):  # A long answer: that it began is enough.
            _wait_until(page, _NOTHING_TO_STOP, [STOP], PATIENCE_S)
        text = reply.inner_text().strip()
    problems = [line for line in text.splitlines() if line.startswith(PROBLEM_MARK.strip())]
    if problems:
        raise AssistantError(
            f"The chat said: {problems[0][:300]}", "See the cause with: jupyter assistant status"
        )
    return text


def _wait_until(page: Page, condition: str, argument: list[Any], timeout_s: float) -> None:
    page.wait_for_function(condition, arg=argument, timeout=timeout_s * 1000)


@contextlib.contextmanager
def said(message: str) -> Iterator[None]:
    """Turn a failure of the browser into a sentence."""
    from playwright.sync_api import Error

    try:
        yield
    except Error as error:
        raise AssistantError(
            f"{message}: {str(error).splitlines()[0]}", "Try it by hand: jupyter lab"
        ) from error
