"""A real chat with our persona in it, as Jupyter AI makes it, without a Jupyter server."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from jupyter_ai_persona_manager import PersonaManager
from jupyterlab_chat.models import ChatMessageEvent, FileAttachment, NewMessage
from jupyterlab_chat.websocket_model import WsChatModel

from local_assistant.lab.chat.defaults import PERSONA_ID


class Room:
    """One chat: what is asked, what is answered, and how the answer grew."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.chat = WsChatModel("room.chat", folder)
        self.chat.load_from_file()
        self.manager = PersonaManager(
            chat=self.chat, root_dir=str(folder), event_loop=asyncio.get_running_loop()
        )
        self.persona: Any = self.manager.personas[PERSONA_ID]
        self.lengths: list[int] = []
        self.on_text: Callable[[], None] | None = None
        self.chat.observe_messages(self._seen)

    def _seen(self, event: ChatMessageEvent) -> None:
        if event.message.sender == PERSONA_ID and event.message.body:
            self.lengths.append(len(event.message.body))
            if self.on_text is not None:
                self.on_text()

    async def ask(
        self,
        text: str,
        *,
        model: str | None = None,
        attach: Sequence[Any] = (),
        signed: Mapping[str, Any] | None = None,
        page: str | None = None,
    ) -> list[str]:
        """Send a message as the browser would; return what the persona said to it.

        Args:
            text: what the user wrote.
            model: picked in the menu.
            attach: paths and attachments.
            signed: what our part of the page signs the message with.
            page: what Jupyter AI's part signs it with.
        """
        before = len(self.chat.get_messages()) + 1
        identifier = self.chat.add_message(NewMessage(body=text, sender="ada"))
        message = self.chat.get_message(identifier)
        assert message is not None
        message.metadata = {"to_persona": PERSONA_ID, "model": {"id": model, "settings": {}}}
        if signed is not None:
            message.metadata["local_assistant"] = dict(signed)
        if page is not None:
            message.metadata["web_client_id"] = page
        if attach:
            message.attachments = [
                self.chat.set_attachment(
                    FileAttachment(value=each) if isinstance(each, str) else each
                )
                for each in attach
            ]
        self.chat.update_message(message)
        self.lengths.clear()
        await asyncio.wait_for(self.persona.on_message(message), 120)
        return [said.body for said in self.chat.get_messages()[before:]]


@contextlib.asynccontextmanager
async def room_in(folder: Path) -> AsyncIterator[Room]:
    room = Room(folder)
    try:
        yield room
    finally:
        await room.manager.shutdown_personas()
