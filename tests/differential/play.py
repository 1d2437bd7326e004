"""Cases played against one server.

Contract: :class:`Server` sends each step once and returns masked answers; what goes wrong on
the way (no answer in time, a closed connection) is an answer too, never an exception.
"""

from __future__ import annotations

import hashlib
import json
import secrets

import httpx

from tests.differential.answer import Answer, read
from tests.differential.case import BLOB, DASHED, FRESH, FRESH_DATA, MODELS, Case, Step

TIMEOUT_S = 60.0


class Server:
    """One of the two servers.

    Args:
        names: how the set-up models are called there.
        blob: the digest of the demo model's file.
    """

    def __init__(self, url: str, token: str | None, names: dict[str, str], blob: str) -> None:
        self.names = names
        fresh = secrets.token_hex(16)
        self._others = {
            BLOB: blob,
            DASHED: blob.replace(":", "-"),
            FRESH: digest_of(fresh.encode()),
            FRESH_DATA: fresh,
        }
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        self.http = httpx.Client(
            base_url=url, headers=headers, timeout=TIMEOUT_S, trust_env=False,
            follow_redirects=False,
        )  # fmt: skip

    def play(self, case: Case) -> list[Answer]:
        return [self._send(step, words=case.texts == "same") for step in case.steps]

    def _send(self, step: Step, *, words: bool) -> Answer:
        body = step.body
        if body is None and step.json is not None:
            body = json.dumps(step.json, ensure_ascii=False).encode("utf-8", "surrogatepass")
        content = None if body is None else self._named(body)
        path = self._named(step.path.encode()).decode()
        headers = {"Content-Type": "application/json"} if content is not None else {}
        try:
            answer = self.http.request(
                step.method, path, content=content, headers={**headers, **step.headers}
            )
        except httpx.HTTPError as error:
            return Answer(None, {}, "none", None, type(error).__name__)
        text = self._unnamed(answer.content)
        return read(answer.status_code, answer.headers, text, words=words)

    def _named(self, text: bytes) -> bytes:
        for placeholder, name in {**self.names, **self._others}.items():
            text = text.replace(placeholder.encode(), name.encode())
        return text

    def _unnamed(self, text: bytes) -> bytes:
        for placeholder, name in self.names.items():
            text = text.replace(name.encode(), placeholder.encode())
        return text


def names(prefix: str = "differential") -> dict[str, str]:
    return {name: f"{prefix}-{name[1:]}" for name in MODELS}


def digest_of(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def shown(step: Step) -> str:
    """Return a step in a line, for people."""
    text = "" if step.json is None else f" {json.dumps(step.json)}"
    if step.body is not None:
        text = f" {step.body!r}"
    extra = f" {dict(step.headers)}" if step.headers else ""
    return f"{step.method} {step.path}{extra}{text}"[:300]
