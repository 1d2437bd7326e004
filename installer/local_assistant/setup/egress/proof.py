"""``doctor --egress``: one watched session, and what it contacted.

Contract: a JupyterLab of its own, in a temporary folder, with state of its own; the one that
the user has open is not touched. It reads the user's settings, and takes the models that are
there. Whatever happens, every process of the session is ended, and the folder removed.
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
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from local_assistant.setup.egress import bpf, page, processes, state
from local_assistant.setup.egress.contacts import Contact, Seen
from local_assistant.setup.egress.processes import BLANK

_PATIENCE_S = 900.0
"""How long the session may take beyond its time: a large model on a small machine is slow."""


@dataclass
class Proof:
    """What was done, what was seen.

    Attributes:
        seen: of all processes.
        steps: ``{"step", "ok", "detail"}`` of each thing that was done.
        urls: what the page asked for that is not this JupyterLab.
        requests: how many requests the page made; None where there was no browser.
        outside: a model server that ran before, and so was not watched.
        left: processes that the session left behind (they are ended).
    """

    seen: Seen
    steps: list[dict[str, Any]] = field(default_factory=list)
    urls: list[str] = field(default_factory=list)
    requests: int | None = None
    outside: str | None = None
    left: list[int] = field(default_factory=list)

    @property
    def contacts(self) -> list[Contact]:
        """Contacts of all parts, but for what the same browser does with nothing in it."""
        own = {
            (each.how, each.host, each.port) for each in self.seen.contacts if each.role == BLANK
        }
        counted = [
            each
            for each in self.seen.contacts
            if each.role != BLANK and not (each.role and (each.how, each.host, each.port) in own)
        ]
        return counted + [Contact("JupyterLab's page", 0, "request", url) for url in self.urls]

    @property
    def complete(self) -> bool:
        """Whether everything was tried, to the end."""
        done = {step["step"] for step in self.steps if step["ok"]}
        return self.seen.code == 0 and "The end" in done

    @property
    def ok(self) -> bool:
        return self.complete and not self.contacts

    def as_dict(self) -> dict[str, Any]:
        return {
            "method": self.seen.method,
            "why": self.seen.why or None,
            "where": self.seen.where,
            "looked_at": dict(sorted(self.seen.looked_at.items())),
            "contacts": [each.as_dict() for each in self.contacts],
            "page_requests": self.requests,
            "steps": self.steps,
            "complete": self.complete,
            "not_watched": self.outside,
        }


def prove(
    *,
    seconds: float,
    browser: str | None = None,
    box: str | None = None,
    say: Callable[[dict[str, Any]], None] = lambda _step: None,
) -> Proof:
    """Run a watched session and return what came of it.

    Args:
        seconds: how long the session lasts at least.
        browser: the program that opens the page; None for none.
        box: a network of its own (:mod:`.box`) where the system permits that.
        say: told of each step as it is done.

    Raises:
        AssistantError: nothing could be started.
    """
    mark = secrets.token_hex(8)
    folder = Path(tempfile.mkdtemp(prefix="assistant-egress-"))
    command = [sys.executable, "-m", "local_assistant.setup.egress.session", str(folder)]
    command += ["--seconds", str(seconds), *(["--browser", browser] if browser else [])]
    proof: Proof | None = None
    try:
        outside = None if box else state.running_server()
        environment = {**os.environ, **state.apart(folder, outside), processes.MARK: mark}
        with _watching(command, box, environment, folder) as (watcher, output):
            proof = Proof(watcher.seen, outside=outside)
            listener = _Listener(output, proof, say)
            watcher.run(seconds + _PATIENCE_S, listener.read)
            listener.read()
        return proof
    finally:
        left = processes.end_marked(mark)
        if proof is not None:
            proof.left = left
        shutil.rmtree(folder, ignore_errors=True)


def find_browser() -> str | None:
    return page.find()


@contextlib.contextmanager
def _watching(
    command: list[str], box: str | None, environment: dict[str, str], folder: Path
) -> Iterator[tuple[Any, Path]]:
    """Start the session under the best watcher that this system has."""
    from local_assistant.setup.egress.polling import Poller

    output = folder / "session.out"
    with output.open("wb") as out:
        options: dict[str, Any] = {
            "start_new_session": os.name == "posix",
            "stdin": subprocess.DEVNULL,
            "stdout": out,
            "cwd": folder,
        }
        watcher: Any = None
        why = "On this system there is no way to see system calls."
        if bpf.supported():
            from local_assistant.setup.egress import tracer  # what it imports, only Linux has

            try:
                watcher = tracer.Tracer(command, box=box, environment=environment, **options)
            except tracer.CannotTrace as error:
                why = error.message
        if watcher is None:
            watcher = Poller(command, environment=environment, **options)
            watcher.seen.why = why
    with watcher:
        yield watcher, output


class _Listener:
    """Reads what the session says, as it comes."""

    def __init__(self, output: Path, proof: Proof, say: Callable[[dict[str, Any]], None]) -> None:
        self._file = output.open("rb")
        self._rest = b""
        self._proof, self._say = proof, say

    def read(self) -> None:
        *lines, self._rest = (self._rest + self._file.read()).split(b"\n")
        for line in lines:
            try:
                said = json.loads(line)
            except ValueError:
                continue  # something else that prints there
            if "step" in said:
                self._proof.steps.append(said)
                self._say(said)
            elif "urls" in said:
                self._proof.urls, self._proof.requests = said["urls"], said["requests"]
