"""The session's steps as a user does them, in JupyterLab's page."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING

from local_assistant.errors import AssistantError
from local_assistant.setup import browser_smoke as sidebar

if TYPE_CHECKING:
    from local_assistant.setup.browser_smoke import RunningLab
    from local_assistant.setup.egress.page import Page

LOADED_S = 120.0
ANSWERED_S = 120.0
_GHOST = (
    "[...document.querySelectorAll('.jp-GhostText')].map(node => node.innerText).join('').trim()"
)
_LINES = ("for i in ", "total = area(", "import numpy as ")
_OUTPUT = ".jp-NotebookPanel .jp-CodeCell .jp-OutputArea-output"
_PANELS = (
    "jupyterapp.shell.activateById('extensionmanager.main-view')",
    "jupyterapp.shell.activateById('jp-running-sessions')",
    "jupyterapp.commands.execute('settingeditor:open')",
    "jupyterapp.commands.execute('local-assistant:choose-models')",
)


def steps(page: Page, lab: RunningLab) -> list[tuple[str, Callable[[], None]]]:
    """Return what is done, by name."""

    def load() -> None:
        page.connect()
        page.go(f"{lab.url}lab?token={lab.token}")
        page.wait("window.jupyterapp && 1", "JupyterLab's page", LOADED_S)
        page.evaluate("jupyterapp.restored.then(() => 1)")
        page.wait(f"{_there(sidebar.CHAT_TAB)} && 1", "The chat's icon", LOADED_S)

    return [
        ("The page", load),
        ("Chat", lambda: _chat(page)),
        ("Completion", lambda: _complete(page)),
        ("%%ai", lambda: _magic(page)),
        ("Panels", lambda: _panels(page)),
    ]


def _there(selector: str) -> str:
    return f"document.querySelector({json.dumps(selector)})"


def _chat(page: Page) -> None:
    page.click(sidebar.CHAT_TAB, "The chat's icon")
    page.click(sidebar.NEW_CHAT, "The chat's side bar")
    page.wait(f"{_there(sidebar.CHOSEN_PERSONA)}.innerText", "The persona", LOADED_S)
    page.click(sidebar.INPUT, "A new chat", LOADED_S)
    page.type("Write a function that returns all primes up to n")
    page.wait(f"!{_there(sidebar.SEND)}.disabled", "The send button")
    page.click(sidebar.SEND, "The send button")
    messages = f"[...document.querySelectorAll({json.dumps(sidebar.MESSAGE)})]"
    page.wait(f"{messages}[1].innerText.trim().length", "An answer in the chat", ANSWERED_S)
    page.wait(f"({_there(sidebar.STOP)}?.disabled ?? true)", "The answer's end", ANSWERED_S)


def _complete(page: Page) -> None:
    _open(page, "typed.py", ".jp-FileEditor .cm-content")
    editor = _there(".jp-FileEditor .cm-content")
    page.evaluate(f"{editor}.focus()")
    for line in _LINES:
        page.evaluate(f"getSelection().selectAllChildren({editor}), getSelection().collapseToEnd()")
        for character in line:
            page.type(character)
        try:
            page.wait(_GHOST, "Ghost text", 8)
        except AssistantError:
            page.type("\n")
            continue
        return
    raise AssistantError("No ghost text came.", None)


def _magic(page: Page) -> None:
    _open(page, "asked.ipynb", ".jp-NotebookPanel .jp-CodeCell .cm-content")
    prompt = f"{_there('.jp-NotebookPanel .jp-CodeCell .jp-InputArea-prompt')}.innerText"
    run = "jupyterapp.commands.execute('notebook:run-all-cells')"
    # A cell that is run before the kernel has answered is not run.
    begin = f"(/[0-9*]/.test({prompt}) || ({run}, false))"
    page.wait(begin, "A kernel that runs a cell", LOADED_S, every=1.0)
    page.wait(f"/[0-9]/.test({prompt})", "The cell's end", ANSWERED_S)
    page.wait(f"{_there(_OUTPUT)}.innerText.trim()", "An answer of %%ai", 10)


def _panels(page: Page) -> None:
    for each in _PANELS:
        page.evaluate(f"Promise.resolve({each}).then(() => 1)")
        page.pump(0.5)


def _open(page: Page, path: str, selector: str) -> None:
    page.evaluate(
        f"jupyterapp.commands.execute('docmanager:open', {{path: '{path}'}}).then(() => 1)"
    )
    page.wait(f"{_there(selector)} && 1", f"{path} in the page", LOADED_S)
