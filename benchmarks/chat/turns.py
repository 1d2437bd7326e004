"""Questions to each of the three ways, with what the model had to read for them."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.chat import servers
from benchmarks.chat.rooms import Chat, new_chat
from benchmarks.ghost.clients import MODEL
from benchmarks.ghost.serving import Served
from local_assistant.lab.prompts import system_prompt
from tests.jupyterlab import JupyterLab

QUESTION = "{letter} Write a function that returns all primes up to n"
SECOND = "Now write tests for it, and say what they cover"


@dataclass(frozen=True)
class Asked:
    """One answer: seconds to its first text, and the prompt's tokens at the engine."""

    first_s: float
    evaluated: int
    cached: int

    def __str__(self) -> str:
        return f"{self.first_s:.2f} s, {self.evaluated} tokens read and {self.cached} known"


@dataclass(frozen=True)
class Conversation:
    """A chat's first message and, where one was sent, its second."""

    first: Asked
    second: Asked

    @property
    def new(self) -> int:
        """How many tokens the second prompt has more than the first one."""
        before = self.first.evaluated + self.first.cached
        return self.second.evaluated + self.second.cached - before

    @property
    def read_again(self) -> int:
        return self.second.evaluated - self.new

    def __str__(self) -> str:
        return f"{self.first}; then {self.second}"


class Asker:
    """One engine, asked by our chat, by Jupyternaut's and directly."""

    def __init__(self, engine: Served, lab: JupyterLab, peer: JupyterLab) -> None:
        self.engine = engine
        self.lab = lab
        self.peer = peer

    async def open_page(self) -> None:
        """Do what our page does when it opens, and wait until the model has read what it may."""
        self.engine.counts()
        self.lab.post("/local-assistant/completion/warm", {}).raise_for_status()
        while not self.engine.counts().evaluated:
            await asyncio.sleep(0.1)

    async def ours(self, letter: str) -> Conversation:
        """Send our chat two messages."""
        return Conversation(*await self._chat(self.lab, servers.OUR_NAME, letter, SECOND))

    async def jupyternaut(self, letter: str) -> Conversation:
        """Send Jupyternaut two messages."""
        return Conversation(*await self._chat(self.peer, servers.PEER_NAME, letter, SECOND))

    async def jupyternaut_once(self, letter: str) -> Asked:
        (asked,) = await self._chat(self.peer, servers.PEER_NAME, letter)
        return asked

    async def raw(self, letter: str) -> Asked:
        """Send the engine itself what our chat sends it for its first message."""
        return await self.raw_text(QUESTION.format(letter=letter))

    async def raw_text(self, text: str) -> Asked:
        """Ask the engine itself, after the rest that it had before our chat asked it.

        On a machine that has rested for a second, the same call takes some 30 ms longer.
        """
        async with new_chat(self.lab, servers.OUR_NAME):
            self.engine.counts()
            messages = [
                {"role": "system", "content": system_prompt()},
                {"role": "user", "content": text},
            ]
            first_s = await asyncio.to_thread(self.engine.first_token_s, MODEL, messages)
            return self._counted(first_s)

    async def message(
        self, chat: Chat, text: str, attachments: Sequence[dict[str, Any]] = ()
    ) -> Asked:
        """Send one message to an open chat."""
        self.engine.counts()
        answer = await chat.ask(text, attachments)
        asked = self._counted(answer.first_s)
        if not asked.evaluated:
            raise RuntimeError(f"the model was not asked: {answer.text}")
        return asked

    async def _chat(self, lab: JupyterLab, persona: str, letter: str, *more: str) -> list[Asked]:
        async with new_chat(lab, persona) as chat:
            texts = (QUESTION.format(letter=letter), *more)
            return [await self.message(chat, text) for text in texts]

    def _counted(self, first_s: float) -> Asked:
        counts = self.engine.counts()
        return Asked(first_s, counts.evaluated, counts.cached)
