"""Have a planned model at its server.

Contract: :func:`fetch` leaves the model whole under its name, or raises; what is there of it
stays for the next time. Ollama and the engine are driven by ``/api/pull`` and tell the same
steps.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from local_assistant.errors import AssistantError

if TYPE_CHECKING:
    from local_assistant.config import AssistantConfig
    from local_assistant.models.plan import Plan
    from local_assistant.models.progress import Progress
    from local_assistant.server import Endpoint, ServerError
    from local_assistant.server.client import Stream

_LOOK_S = 0.1
_NETWORK = ("dial tcp", "no such host", "x509", "proxyconnect", "timeout", "certificate")
"""Of Go's words for what goes wrong before a registry answers."""


def fetch(
    plan: Plan,
    endpoint: Endpoint,
    config: AssistantConfig,
    progress: Progress,
    *,
    insecure: bool = False,
) -> str:
    """Have the model at the server and return its name there.

    Raises:
        PullCancelled: nobody wants it any more.
        AssistantError: it cannot be had.
    """
    from local_assistant.models.plan import other_source

    if plan.way == "file":
        return _from_file(plan, endpoint, config, progress)
    if plan.way == "import":
        return _imported(plan, endpoint, progress)
    pulling = _Pulling(plan, endpoint, progress, insecure)
    try:
        pulling.run(plan.source)
    except _Unreachable as error:
        source = other_source(plan.name) if endpoint.kind == "embedded" else None
        if source is None:
            raise
        progress.say(f"{error.message} Asking Hugging Face")
        pulling.run(source)
    return plan.model


def _from_file(plan: Plan, endpoint: Endpoint, config: AssistantConfig, progress: Progress) -> str:
    from local_assistant.models import upload
    from local_assistant.server import gguf
    from local_assistant.server.installed import installed

    assert plan.local is not None
    path = Path(plan.source)
    if endpoint.kind == "embedded":
        progress.say("reading the file")
        return gguf.store_file(path, config)
    known = gguf.imported(path, endpoint, installed(endpoint))
    if known is None:
        parts = [upload.Part(file.name, file) for file in plan.local.files]
        upload.create(plan.model, parts, {}, endpoint, progress)
        gguf.note_import(path, endpoint)
    return plan.model


def _imported(plan: Plan, endpoint: Endpoint, progress: Progress) -> str:
    """Get a model of Hugging Face here, and give it to an Ollama that cannot."""
    from local_assistant.models import hub, upload
    from local_assistant.server import gguf
    from local_assistant.server.installed import find, installed

    assert plan.repository is not None
    key = f"{endpoint.url} {plan.model}"
    digests = [file.sha256 for file in plan.repository.chosen.quant.files]
    there = find(plan.model, installed(endpoint)) is not None
    if there and gguf.noted(key) == digests:
        return plan.model
    more = hub.create_fields(plan.repository.hub)
    parts = hub.fetch_files(plan.repository, endpoint, progress)
    upload.create(plan.model, parts, more, endpoint, progress)
    gguf.note(key, digests)
    return plan.model


class _Unreachable(AssistantError):
    """The embedded engine cannot reach the registry."""


class _Pulling:
    """One model, by the server's own ``/api/pull``."""

    def __init__(self, plan: Plan, endpoint: Endpoint, progress: Progress, insecure: bool) -> None:
        self._plan = plan
        self._endpoint = endpoint
        self._progress = progress
        self._insecure = insecure

    def run(self, source: str) -> None:
        """Have the server get ``source`` under the model's name."""
        known = self._endpoint.kind == "embedded" or self._has(source)
        self._get(source)
        if self._endpoint.kind == "ollama":
            self._rename(source, known=known)

    def _has(self, source: str) -> bool:
        from local_assistant.server.installed import find, installed

        return find(source, installed(self._endpoint)) is not None

    def _get(self, source: str) -> None:
        from local_assistant.server import Client, ServerError

        client = Client(self._endpoint)
        done = False
        try:
            with client.stream("/api/pull", self._body(source)) as lines, self._ended_by(lines):
                for line in lines:
                    done = done or line.get("status") == "success"
                    if not done:
                        self._tell(line)
        except ServerError as error:
            raise _refused(source, self._endpoint, error) from error
        self._progress.check()
        if not done:
            who = "Ollama" if self._endpoint.kind == "ollama" else "The embedded engine"
            raise AssistantError(
                f"{who} stopped before {self._plan.name} was there.",
                f"Go on with: jupyter assistant pull {self._plan.name}",
            )

    def _body(self, source: str) -> dict[str, Any]:
        body: dict[str, Any] = {"model": source, "stream": True}
        if self._insecure or source.startswith("http://"):
            body["insecure"] = True
        if self._endpoint.kind == "embedded":
            from local_assistant.engine.pull.network import relevant
            from local_assistant.models import hub

            # The engine may have been started where another proxy or token counts.
            shell = hub.environment() if hub.is_hub(source) else relevant(os.environ)
            body |= {"model": self._plan.model, "environment": shell}
            if source != self._plan.model:
                body["from"] = source
        return body

    def _tell(self, line: dict[str, Any]) -> None:
        status = str(line.get("status") or "")
        digest = str(line.get("digest") or "").removeprefix("sha256:")[:12]
        total = line.get("total")
        if digest and isinstance(total, int):
            self._progress.bytes(status, int(line.get("completed") or 0), total, digest)
        elif status:
            self._progress.say(status)

    @contextlib.contextmanager
    def _ended_by(self, lines: Stream) -> Iterator[None]:
        """Close the stream, at which the server stops, as soon as nobody wants it any more."""
        over = threading.Event()

        def watch() -> None:
            while not over.wait(_LOOK_S):
                if self._progress.cancel.is_set():
                    lines.close()
                    return

        threading.Thread(target=watch, daemon=True, name="pull-cancel").start()
        try:
            yield
        finally:
            over.set()

    def _rename(self, source: str, *, known: bool) -> None:
        """Give the model the name that was asked for: Ollama gets it under its own only."""
        from local_assistant.server import Client
        from local_assistant.server.installed import key_of

        if key_of(source) == key_of(self._plan.model):
            return
        client = Client(self._endpoint)
        client.post("/api/copy", {"source": source, "destination": self._plan.model})
        if not known:
            client.request("DELETE", "/api/delete", {"model": source})


def _refused(name: str, endpoint: Endpoint, error: ServerError) -> AssistantError:
    """Return the server's refusal with what to do about it."""
    from local_assistant.models.hub import is_hub

    said = str(error.answer.get("error") or error.message).rstrip(".")
    unknown = "does not exist" in said or "not found" in said
    if unknown and "manifest" in said and not is_hub(name):
        return _no_such_model(name)
    again = f"Try again: jupyter assistant pull {name}"
    if endpoint.kind == "ollama":
        if "HTTP response to HTTPS client" in said or "TLS handshake" in said:
            again = f"If no encryption is meant: jupyter assistant pull --insecure {name}"
        elif any(words in said for words in _NETWORK):
            again = (
                "Ollama's own process wants HTTPS_PROXY, or SSL_CERT_FILE for a company's "
                f"certificates, too: start it with them. Then: jupyter assistant pull {name}"
            )
        return AssistantError(f"Ollama says: {said} (while getting {name}).", again)
    fix = error.answer.get("fix")
    if error.answer.get("unreachable"):
        return _Unreachable(f"{name} cannot be had: {said}.", str(fix or again))
    return AssistantError(f"{said} (while getting {name}).", str(fix or again))


def _no_such_model(name: str) -> AssistantError:
    from local_assistant.engine.store import names

    try:
        host = names.parse(name).host
    except names.InvalidName:
        host = names.DEFAULT_HOST
    if host != names.DEFAULT_HOST:
        return AssistantError(
            f"The registry at {host} has no model {name}.", "Check its name and its tag."
        )
    return AssistantError(
        f'Ollama\'s library has no model "{name}".',
        "Look the name up at ollama.com/library, or give hf.co/USER/REPO:QUANT.",
    )
