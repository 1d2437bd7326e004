"""The session's steps without a browser: what its page would ask the Jupyter server for."""

from __future__ import annotations

import json
import re
import time
import uuid
from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import httpx

from local_assistant.errors import AssistantError

if TYPE_CHECKING:
    from local_assistant.setup.browser_smoke import RunningLab

ANSWERED_S = 120.0
PROMPT = "Write a function that returns all primes up to n"


def steps(lab: RunningLab) -> list[tuple[str, Callable[[], None]]]:
    """Return what is done, by name."""
    hand = _Hand(lab)
    return [
        ("The page", hand.page),
        ("Chat", hand.chat),
        ("Completion", hand.complete),
        ("%%ai", hand.magic),
        ("Panels", hand.panels),
    ]


class _Hand:
    def __init__(self, lab: RunningLab) -> None:
        self._lab = lab
        self._http = httpx.Client(
            base_url=lab.url,
            headers={"Authorization": f"token {lab.token}"},
            timeout=ANSWERED_S,
            trust_env=False,
        )

    def page(self) -> None:
        """Get the page, every script and style sheet that it names, and the settings."""
        text = self._get("lab").text
        for path in re.findall(r'(?:src|href)="(/[^"]+)"', text):
            self._get(path)
        for path in ("lab/api/settings", "lab/api/translations", "api/kernelspecs"):
            self._get(path)

    def panels(self) -> None:
        self._get("lab/api/extensions")
        self._get("local-assistant/status")

    def complete(self) -> None:
        body = {
            "page": uuid.uuid4().hex,
            "trigger": "invoke",
            "path": "typed.py",
            "mime": "text/x-python",
            "kind": "file",
            "cell_type": "code",
            "prefix": "import numpy as ",
            "suffix": "\n",
            "before": [],
            "after": [],
        }
        answer = self._http.post("local-assistant/complete", json=body)
        answer.raise_for_status()
        end = json.loads(answer.text.strip().splitlines()[-1])
        if end.get("reason") in ("error", "no_model", "disabled", "not_here"):
            raise AssistantError(f"No completion: {end.get('message')}", None)

    def chat(self) -> None:
        """Ask over the chat's own socket, as the page does."""
        from local_assistant.lab.chat.defaults import PERSONA_ID

        talk = self._socket(f"api/chat/ws/{quote('asked.chat')}")
        try:
            message = {
                "type": "client",
                "action": "send",
                "id": uuid.uuid4().hex,
                "body": PROMPT,
                "metadata": {"to_persona": PERSONA_ID, "model": {"id": None, "settings": {}}},
            }
            # A message that comes before the persona is lost.
            self._until(talk, lambda said: PERSONA_ID in (said.get("users") or ()), "The persona")
            talk.send(json.dumps(message))
            self._until(talk, lambda said: _answered(said, PERSONA_ID), "The chat's answer")
            self._until(talk, lambda said: said.get("state") is False, "The answer's end")
        finally:
            talk.close()

    def magic(self) -> None:
        """Run ``%%ai`` in a kernel of the Jupyter server."""
        kernel = self._http.post("api/kernels", json={"name": "python3"})
        kernel.raise_for_status()
        talk = self._socket(f"api/kernels/{kernel.json()['id']}/channels")
        header = {
            "msg_id": uuid.uuid4().hex,
            "msg_type": "execute_request",
            "username": "",
            "session": uuid.uuid4().hex,
            "version": "5.3",
            "date": "",
        }
        content = {"code": f"%%ai\n{PROMPT}", "silent": False, "store_history": False,
                   "user_expressions": {}, "allow_stdin": False}  # fmt: skip
        message = {"header": header, "parent_header": {}, "metadata": {}, "content": content,
                   "channel": "shell", "buffers": []}  # fmt: skip
        try:
            talk.send(json.dumps(message))
            reply = self._until(
                talk, lambda said: said.get("msg_type") == "execute_reply", "%%ai's end"
            )
        finally:
            talk.close()
        if reply["content"].get("status") != "ok":
            raise AssistantError(f"%%ai failed: {reply['content'].get('evalue')}", None)

    def _get(self, path: str) -> httpx.Response:
        answer = self._http.get(path)
        if answer.status_code >= 500:
            raise AssistantError(f"Jupyter answered {answer.status_code} to {path}.", None)
        return answer

    def _socket(self, path: str) -> Any:
        import websocket

        return websocket.create_connection(
            self._lab.url.replace("http", "ws", 1) + path,
            header={"Authorization": f"token {self._lab.token}"},
            suppress_origin=True,
            http_no_proxy=["127.0.0.1", "localhost"],
            timeout=ANSWERED_S,
        )

    def _until(self, talk: Any, wanted: Callable[[Any], bool], what: str) -> Any:
        deadline = time.monotonic() + ANSWERED_S
        while time.monotonic() < deadline:
            received = talk.recv()
            if isinstance(received, str) and wanted(said := json.loads(received)):
                return said
        raise AssistantError(f"{what} did not come within {ANSWERED_S:.0f} s.", None)


def _answered(said: Any, persona: str) -> bool:
    message = said.get("message") if isinstance(said, dict) else None
    if not isinstance(message, dict):
        return False
    sender = message.get("sender")
    name = sender.get("username") if isinstance(sender, dict) else sender
    return name == persona and bool(str(message.get("body") or "").strip())
