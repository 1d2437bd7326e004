"""A chat of a running Jupyter server, used over the same sockets as its page uses.

Contract: a message goes in as the page sends it, and what is timed is the first text of the
answer in the document that all pages share. Nothing of the product under test runs here.
"""

from __future__ import annotations

import asyncio
import json
import time
import uuid
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx
from tornado.httpclient import AsyncHTTPClient, HTTPRequest
from tornado.websocket import WebSocketClientConnection, websocket_connect

from tests.jupyterlab import JupyterLab

_SELECTED = "https://schema.jupyter.org/jupyter_ai_persona_manager/persona_selected/v1"

_OPEN_S = 180.0
_ANSWER_S = 900.0
_TYPING_S = 0.5
"""Between the last thing that a new chat shows and the message: nobody types faster."""


@dataclass(frozen=True)
class Answer:
    """One answer: its first text came after ``first_s`` seconds; ``text`` is all of it."""

    first_s: float
    text: str


class Chat:
    """One open chat with one persona."""

    def __init__(
        self, room: WebSocketClientConnection, events: WebSocketClientConnection, persona: str
    ) -> None:
        self._room = room
        self._events = events
        self._persona = persona

    async def ask(self, text: str, attachments: Sequence[dict[str, Any]] = ()) -> Answer:
        """Send a message and wait for the end of its answer."""
        message = {
            "type": "client", "action": "send", "id": str(uuid.uuid4()), "body": text,
            "metadata": {"to_persona": self._persona, "model": {"id": None, "settings": {}}},
            "attachments": list(attachments) or None,
        }  # fmt: skip
        sent = time.perf_counter()
        await self._room.write_message(json.dumps(message))
        first, said = 0.0, ""
        while True:
            frame = await _next(self._room, _ANSWER_S)
            if frame["action"] == "message" and frame["message"]["sender"] == self._persona:
                said = frame["message"]["body"]
                if said and not first:
                    first = time.perf_counter() - sent
            elif _stopped_writing(frame, self._persona) and said:
                break
        while (await _next(self._events, _ANSWER_S)).get("processing") is not False:
            pass
        return Answer(first, said)


@asynccontextmanager
async def new_chat(lab: JupyterLab, persona: str) -> AsyncIterator[Chat]:
    """Open a new chat in ``lab``, and choose the persona of this name, as the page does."""
    path = f"{uuid.uuid4().hex}.chat"
    _create(lab, path)
    events = await _socket(lab, "/api/events/subscribe")
    room = await _socket(lab, f"/api/chat/ws/{path}")
    try:
        chat = str((await _next(room, _OPEN_S))["id"])
        identifier = await _prepared(lab, events, chat, persona)
        await asyncio.sleep(_TYPING_S)
        yield Chat(room, events, identifier)
    finally:
        room.close()
        events.close()


async def _prepared(
    lab: JupyterLab, events: WebSocketClientConnection, chat: str, persona: str
) -> str:
    """Choose a persona by its name; return its id when the menu shows its models."""
    identifier, listed = "", set()
    while not identifier or identifier not in listed:
        data = await _next(events, _OPEN_S)
        if data.get("chat_id") != chat:
            continue
        if (data.get("model") or {}).get("options"):
            listed.add(data["persona_id"])
        if "personas" in data and not identifier:
            (identifier,) = (each["id"] for each in data["personas"] if each["name"] == persona)
            await _emit(lab, _SELECTED, {"chat_id": chat, "persona_id": identifier})
    return identifier


def _create(lab: JupyterLab, path: str) -> None:
    """Create the file of a new chat, as the page does before it opens it."""
    body = {"type": "file", "format": "text", "content": "{}"}
    httpx.put(
        f"{lab.url}/api/contents/{path}", json=body, headers=_headers(lab), trust_env=False
    ).raise_for_status()


def _stopped_writing(frame: dict[str, Any], persona: str) -> bool:
    return (
        frame["action"] == "writing"
        and frame["user"]["username"] == persona
        and not frame["state"]
    )  # fmt: skip


async def _socket(lab: JupyterLab, path: str) -> WebSocketClientConnection:
    address = lab.url.replace("http", "ws", 1) + path
    return await websocket_connect(HTTPRequest(address, headers=_headers(lab)))


async def _emit(lab: JupyterLab, schema: str, data: dict[str, Any]) -> None:
    body = json.dumps({"schema_id": schema, "version": "1", "data": data})
    request = HTTPRequest(f"{lab.url}/api/events", "POST", _headers(lab), body)
    await AsyncHTTPClient().fetch(request)


def _headers(lab: JupyterLab) -> dict[str, str]:
    return {"Authorization": f"token {lab.token}"}


async def _next(socket: WebSocketClientConnection, timeout_s: float) -> dict[str, Any]:
    """Return the next frame of a socket."""
    text = await asyncio.wait_for(socket.read_message(), timeout_s)
    if text is None:
        raise RuntimeError("the Jupyter server closed the connection")
    frame: dict[str, Any] = json.loads(text)
    return frame
