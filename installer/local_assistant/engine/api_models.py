"""``/api/tags``, ``/api/show``, ``/api/ps``, ``/api/copy``, ``/api/delete`` and the small ones.

Contract: reads and edits of the catalogue; the disk is touched in a thread, never in the
event loop.
"""

from __future__ import annotations

import asyncio
import math
import time
from typing import Any

from local_assistant.engine import names, wire
from local_assistant.engine.catalog import Catalog, details, identity
from local_assistant.engine.http import TEXT, Reply, Request, json_reply
from local_assistant.engine.scheduler import Loaded, Scheduler
from local_assistant.engine.settings import API_VERSION
from local_assistant.engine.wire import ApiError


class ModelsApi:
    """The endpoints about models."""

    def __init__(self, catalog: Catalog, scheduler: Scheduler) -> None:
        self._catalog = catalog
        self._scheduler = scheduler

    async def root(self, _: Request) -> Reply:
        return Reply(b"Ollama is running", content_type=TEXT)

    async def version(self, _: Request) -> Reply:
        return json_reply({"version": API_VERSION})

    async def tags(self, _: Request) -> Reply:
        return json_reply({"models": await asyncio.to_thread(self._catalog.tags)})

    async def show(self, http: Request) -> Reply:
        name = wire.Fields(http.body, "ShowRequest").model()
        if not name:
            raise ApiError(400, "model is required")
        model = await asyncio.to_thread(self._catalog.find, name)
        if model is None:
            raise ApiError(404, f"model '{names.parse(name).short}' not found")
        return json_reply(await asyncio.to_thread(self._catalog.show, model))

    async def ps(self, _: Request) -> Reply:
        loaded = sorted(self._scheduler.loaded(), key=lambda e: e.seconds_left, reverse=True)
        items: dict[str, dict[str, Any]] = {}
        # One model may have two processes (text, embeddings): listed once, text first.
        for entry in sorted(loaded, key=lambda e: e.process.parameters.embedding):
            items.setdefault(entry.key[0], _running(entry))
        return json_reply({"models": list(items.values())})

    async def copy(self, http: Request) -> Reply:
        fields = wire.Fields(http.body, "CopyRequest")
        source, destination = fields.get("source", str, ""), fields.get("destination", str, "")
        for what, name in (("source", source), ("destination", destination)):
            if not _valid(name):
                raise ApiError(400, f'{what} "{name}" is invalid')
        if await asyncio.to_thread(self._catalog.find, source) is None:
            raise ApiError(404, f'model "{source}" not found')
        await asyncio.to_thread(self._catalog.store.copy, source, destination)
        return Reply()

    async def delete(self, http: Request) -> Reply:
        name = wire.Fields(http.body, "DeleteRequest").model()
        if not name:
            raise ApiError(400, "model is required")
        if not _valid(name):
            raise ApiError(400, f'name "{name}" is invalid')
        if not await asyncio.to_thread(self._catalog.store.remove, name):
            raise ApiError(404, f"model '{name}' not found")
        return Reply()


def _valid(name: str) -> bool:
    try:
        names.parse(name)
    except names.InvalidName:
        return False
    return True


def _running(entry: Loaded) -> dict[str, Any]:
    left = entry.seconds_left
    return {
        **identity(entry.model),
        "size": entry.need,
        "details": details(entry.header),
        "expires_at": wire.timestamp(math.inf if math.isinf(left) else time.time() + left),
        "size_vram": 0,
        "context_length": entry.context,
    }
