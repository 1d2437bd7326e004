"""Simulated users of one engine: some chat, some type; they come and go, and leave in the middle.

Contract: every request ends in exactly one count of a :class:`Tally`. Who reads an answer to its
end knows each of its words beforehand (see chains_gguf).
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import httpx

from tests.long import chains_gguf

MODEL = "chains"


@dataclass
class Tally:
    """What became of all requests."""

    right: int = 0
    left: int = 0
    """The user did not wait for the end."""
    refused: int = 0
    """503: too many wait."""
    lost: list[str] = field(default_factory=list)
    """No end, or an error in its place."""
    crossed: list[str] = field(default_factory=list)
    """Words that this user should not have got."""
    sessions: int = 0

    @property
    def asked(self) -> int:
        return self.right + self.left + self.refused + len(self.lost) + len(self.crossed)


class User:
    """One of the crowd; typers ask often and wait seldom."""

    def __init__(self, number: int, url: str, token: str, tally: Tally, seed: int) -> None:
        self._number = number
        self._random = random.Random(seed * 1000 + number)
        self._types = number % 2 == 1
        self._url, self._token, self._tally = url, token, tally

    async def live(self, end: asyncio.Event) -> None:
        """Come, ask, go, come again, until the end; nobody is cut off by that."""
        while not end.is_set():
            self._tally.sessions += 1
            async with httpx.AsyncClient(
                base_url=self._url,
                headers={"Authorization": f"Bearer {self._token}"},
                timeout=120,
                trust_env=False,
                verify=False,
            ) as client:
                for _ in range(self._random.randint(1, 12)):
                    if end.is_set():
                        return
                    await self._ask(client)
                    await self._pause(end, 0.5 if self._types else 3)
            await self._pause(end, 5)

    async def _pause(self, end: asyncio.Event, longest_s: float) -> None:
        with contextlib.suppress(asyncio.TimeoutError):  # the usual case: the pause is over
            await asyncio.wait_for(end.wait(), self._random.uniform(0, longest_s))

    async def _ask(self, client: httpx.AsyncClient) -> None:
        tokens = self._random.randint(5, 40 if self._types else 120)
        patience = self._random.choice((0, 1, 5, 400) if self._types else (5, 400, 400, 400))
        stalls = self._random.random() < 0.05
        path, body = self._request(tokens)
        told = ""
        try:
            async with client.stream("POST", path, json=body) as reply:
                if reply.status_code == 503:
                    self._tally.refused += 1
                    return
                count = 0
                async for part in _parts(reply):
                    if part.get("done"):
                        self._judge(told, tokens, part)
                        return
                    told += self._words(part)
                    count += 1
                    if count > patience:
                        self._tally.left += 1
                        return
                    if stalls and count == 3:
                        await asyncio.sleep(self._random.uniform(1, 5))
        except (httpx.HTTPError, ValueError, KeyError) as error:
            self._tally.lost.append(f"user {self._number}: {type(error).__name__}: {error}")
            return
        self._tally.lost.append(f"user {self._number}: no end after {told[-40:]!r}")

    def _request(self, tokens: int) -> tuple[str, dict[str, Any]]:
        text = f"user {self._number} says " + "word " * self._random.randint(5, 60)
        prompt = text + chains_gguf.mark(self._number)
        body = {"model": MODEL, "options": {"temperature": 0, "num_predict": tokens}}
        if self._types:
            return "/api/generate", {**body, "prompt": prompt, "suffix": "\nreturn x"}
        return "/api/chat", {**body, "messages": [{"role": "user", "content": prompt}]}

    def _words(self, part: dict[str, Any]) -> str:
        if "error" in part:
            raise ValueError(part["error"])
        return str(part["response"] if self._types else part["message"]["content"])

    def _judge(self, told: str, tokens: int, last: dict[str, Any]) -> None:
        wanted = chains_gguf.answer(self._number, tokens)
        if (told, last["eval_count"], last["done_reason"]) == (wanted, tokens, "length"):
            self._tally.right += 1
        else:
            self._tally.crossed.append(f"user {self._number}: {told[:200]!r}")


async def _parts(reply: httpx.Response) -> AsyncIterator[dict[str, Any]]:
    async for line in reply.aiter_lines():
        yield json.loads(line)


async def gather(url: str, token: str, users: int, seconds: float, seed: int = 1) -> Tally:
    """Have so many users use the engine at ``url`` for a time; all their requests end."""
    tally, end = Tally(), asyncio.Event()
    crowd = [User(number, url, token, tally, seed) for number in range(users)]
    tasks = [asyncio.ensure_future(user.live(end)) for user in crowd]
    await asyncio.sleep(seconds)
    end.set()
    await asyncio.gather(*tasks)
    return tally
