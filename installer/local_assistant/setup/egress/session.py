"""What a person does with the assistant in JupyterLab: ``python -m …egress.session FOLDER …``.

Contract: run by the tracer in a temporary folder, with state of its own. Starts JupyterLab on
a free port, chats, completes code, runs ``%%ai``, opens the panels that could ask somebody
outside, then sits idle until the time is over. Prints one JSON object per line: ``step``
(what was tried, whether it worked), then ``urls`` (what the page asked for). Ends what it
started; what another process may have left behind is the tracer's to end.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from local_assistant.errors import AssistantError
from local_assistant.setup.browser_smoke import RunningLab, running_lab
from local_assistant.setup.egress import by_hand, by_page
from local_assistant.setup.egress.page import Page
from local_assistant.setup.egress.processes import BLANK

Steps = list[tuple[str, Callable[[], None]]]
PROMPT = "Write a function that returns all primes up to n"
NOTEBOOK = {
    "cells": [
        {
            "cell_type": "code",
            "execution_count": None,
            "id": "asked",
            "metadata": {},
            "outputs": [],
            "source": f"%%ai\n{PROMPT}",
        }
    ],
    "metadata": {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}
    },
    "nbformat": 4,
    "nbformat_minor": 5,
}
_OPTIONS = (
    "--LabApp.expose_app_in_browser=True",
    "--NotebookNotary.db_file=:memory:",  # which notebooks are trusted is the user's own list
)
CODE = "def area(width, height):\n    return width * height\n\n\n"


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--browser", default="")
    options = parser.parse_args(arguments)
    began = time.monotonic()
    root = options.folder / "root"
    root.mkdir()
    (root / "asked.ipynb").write_text(json.dumps(NOTEBOOK), encoding="utf-8")
    (root / "typed.py").write_text(CODE, encoding="utf-8")
    fine = True
    with contextlib.ExitStack() as stack:
        pages = []
        if options.browser:
            # Beside it the same browser with nothing in it: what that one asks for is its own.
            for role in (BLANK, ""):
                page = Page(options.browser, options.folder / f"browser-{role or 'page'}", role)
                stack.callback(page.close)
                pages.append(page)
        stack.callback(_stop_servers)
        lab = stack.enter_context(running_lab(root, None, *_OPTIONS))
        _say(step="JupyterLab", ok=True, detail="it answers")
        steps: Steps = by_page.steps(pages[1], lab) if pages else by_hand.steps(lab)
        for name, do in steps:
            fine = _tried(name, do) and fine
        _idle(began + options.seconds, pages)
        if pages:
            _say(urls=_foreign(pages[1].urls, lab), requests=len(pages[1].urls))
    _say(step="The end", ok=True, detail="everything is stopped")
    return 0 if fine else 1


def _tried(name: str, do: Callable[[], None]) -> bool:
    began = time.monotonic()
    try:
        do()
    except Exception as error:  # one thing that fails must not end the rest
        said = error.message if isinstance(error, AssistantError) else repr(error)
        _say(step=name, ok=False, detail=said)
        return False
    _say(step=name, ok=True, detail=f"{time.monotonic() - began:.1f} s")
    return True


def _stop_servers() -> None:
    """End the model servers that were started for this session, and no other."""
    from local_assistant.engine.launch import stop_engine
    from local_assistant.server import ollama

    for stop in (stop_engine, ollama.stop):
        with contextlib.suppress(AssistantError):
            stop()


def _idle(until: float, pages: list[Page]) -> None:
    left = until - time.monotonic()
    if left <= 0:
        return
    _say(step="Idle", ok=True, detail=f"for {left:.0f} s: timers of all parts")
    if pages:
        pages[1].pump(left)
    else:
        time.sleep(left)


def _foreign(urls: list[str], lab: RunningLab) -> list[str]:
    """Return the requests that are not for this JupyterLab."""
    own = (lab.url, lab.url.replace("http", "ws", 1))
    inside = ("data:", "blob:", "about:", "chrome:", "devtools:", "chrome-extension:")
    return sorted({url for url in urls if not url.startswith((*own, *inside))})


def _say(**what: Any) -> None:
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
