"""A chat in a real JupyterLab, as its page has it: over its WebSocket."""

from __future__ import annotations

import json
import uuid
from types import TracebackType
from typing import Any

import websocket

from local_assistant.lab.chat.defaults import PERSONA_ID
from tests.jupyterlab import JupyterLab


class Chat:
    """One open chat; a context manager.

    Attributes:
        shown: what the page shows, by message id: the last body that came.
    """

    def __init__(self, lab: JupyterLab, name: str = "room.chat") -> None:
        self._url = f"{lab.url.replace('http', 'ws')}/api/chat/ws/{name}?token={lab.token}"
        self.shown: dict[str, str] = {}
        self.mine: set[str] = set()

    def __enter__(self) -> Chat:
        self._socket = websocket.create_connection(self._url, timeout=60, http_no_proxy=["*"])
        frame = self._take()
        assert frame["action"] == "connection"
        for message in frame["messages"]:
            self.shown[message["id"]] = message["body"]
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        self._socket.close()

    def ask(self, text: str) -> None:
        identifier = uuid.uuid4().hex
        self.mine.add(identifier)
        metadata = {"to_persona": PERSONA_ID, "model": {"id": None, "settings": {}}}
        frame = {"type": "client", "action": "send", "id": identifier, "body": text}
        self._socket.send(json.dumps({**frame, "metadata": metadata}))

    def answers(self) -> list[str]:
        return [body for key, body in self.shown.items() if key not in self.mine]

    def until(self, condition: Any) -> None:
        """Take what comes until a condition holds of this chat.

        Raises:
            websocket.WebSocketException, OSError: JupyterLab is gone, or says nothing more.
        """
        while not condition(self):
            self._take()

    def _take(self) -> dict[str, Any]:
        frame: dict[str, Any] = json.loads(self._socket.recv())
        if frame["action"] == "message":
            message = frame["message"]
            self.shown[message["id"]] = message["body"]
        return frame

    def rest(self) -> None:
        """Take what is still on its way from a JupyterLab that has ended."""
        try:
            while True:
                self._take()
        except (websocket.WebSocketException, OSError, ValueError):
            pass
