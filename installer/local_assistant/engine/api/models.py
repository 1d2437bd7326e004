"""``/api/tags``, ``/api/show``, ``/api/ps``, ``/api/copy``, ``/api/delete`` and the small ones.

Contract: reads and edits of the catalogue; the disk is touched in a thread, never in the
event loop.
"""

from __future__ import annotations

import asyncio
import math
import time
from typing import Any

from local_assistant.engine.gotemplate.lexer import quote
from local_assistant.engine.http import TEXT, Reply, Request, json_reply
from local_assistant.engine.runtime.scheduler import Loaded, Scheduler
from local_assistant.engine.settings import API_VERSION
from local_assistant.engine.store import names
from local_assistant.engine.store.catalog import Catalog, details, identity
from local_assistant.engine.store.store import ReadOnlyModel, StoredModel
from local_assistant.engine.wire import gojson
from local_assistant.engine.wire import shapes as wire
from local_assistant.engine.wire.gojson import Flag, Kind, Mapping, Struct, Text
from local_assistant.engine.wire.shapes import ApiError

_COPILOT = "GitHubCopilotChat/"
_NAMED: dict[str, Kind] = {"model": Text(), "name": Text()}
_SHOW = Struct(
    "api.ShowRequest",
    {**_NAMED, "system": Text(), "template": Text(), "verbose": Flag(), "options": Mapping()},
)
_COPY = Struct("api.CopyRequest", {"source": Text(), "destination": Text()})
_DELETE = Struct("api.DeleteRequest", dict(_NAMED))


class ModelsApi:
    """The endpoints about models."""

    def __init__(self, catalog: Catalog, scheduler: Scheduler) -> None:
        self._catalog = catalog
        self._store = catalog.store
        self._scheduler = scheduler

    async def root(self, _: Request) -> Reply:
        return Reply(b"Ollama is running", content_type=TEXT)

    async def version(self, _: Request) -> Reply:
        return json_reply({"version": API_VERSION})

    async def tags(self, _: Request) -> Reply:
        return json_reply({"models": await asyncio.to_thread(self._catalog.tags)})

    async def show(self, http: Request) -> Reply:
        fields = _read(_SHOW, http)
        name = fields.get("model") or fields.get("name")
        if not name or not name.strip():
            raise ApiError(400, "model is required")
        _valid_ref(name)
        model = await asyncio.to_thread(self._catalog.look_up, name)
        if model is None:
            raise ApiError(404, f"model '{names.parse_ref(name).name.short}' not found")
        answer = await asyncio.to_thread(
            self._catalog.show,
            model,
            verbose=fields.get("verbose", False),
            system=fields.get("system", ""),
            options=fields.get("options"),
        )
        if http.headers.get("user-agent", "").startswith(_COPILOT):
            # It shows this to the user, who knows the model by the name that was asked for.
            answer["model_info"]["general.basename"] = name
        return json_reply(answer)

    async def ps(self, _: Request) -> Reply:
        loaded = sorted(self._scheduler.loaded(), key=lambda e: e.seconds_left, reverse=True)
        items: dict[str, dict[str, Any]] = {}
        # One model may have two processes (text, embeddings): listed once, text first.
        for entry in sorted(loaded, key=lambda e: e.process.parameters.embedding):
            items.setdefault(entry.key[0], _running(entry))
        return json_reply({"models": list(items.values())})

    async def copy(self, http: Request) -> Reply:
        fields = _read(_COPY, http)
        source, destination = fields.get("source", ""), fields.get("destination", "")
        for what, name in (("source", source), ("destination", destination)):
            if not _valid(name):
                raise ApiError(400, f"{what} {quote(name)} is invalid")
        if await asyncio.to_thread(self._store.find, names.parse(source)) is None:
            raise ApiError(404, f"model {quote(source)} not found")
        await asyncio.to_thread(self._store.copy, source, destination)
        return Reply()

    async def delete(self, http: Request) -> Reply:
        """Remove a model; one that is loaded, and by no other name, leaves the memory first.

        One that is not whole is in no list, but keeps what is left of it on the disk.
        """
        fields = _read(_DELETE, http)
        text = fields.get("model") or fields.get("name") or ""
        if not text.strip():
            raise ApiError(400, "model is required")
        name = _named_for_delete(text)
        model = await asyncio.to_thread(self._store.find, name)
        if model is not None and not await asyncio.to_thread(self._shared, model):
            await self._scheduler.unload(model)
        try:
            removed = await asyncio.to_thread(self._store.remove, name.full)
        except ReadOnlyModel as error:
            raise ApiError(403, str(error)) from error
        if not removed:
            raise ApiError(404, f"model '{text}' not found")
        return Reply()

    def _shared(self, model: StoredModel) -> bool:
        """Whether another name means the same files, or the model is not ours to remove."""
        same = [each for each in self._store.list_models() if each.load_key == model.load_key]
        return len(same) > 1 or not self._store.owns(model)


def _read(shape: Struct, http: Request) -> dict[str, Any]:
    try:
        return gojson.decode(shape, http.body)
    except gojson.Unfit as error:
        raise ApiError(400, str(error)) from error


def _valid(name: str) -> bool:
    try:
        names.parse(name)
    except names.InvalidName:
        return False
    return True


def _valid_ref(name: str) -> None:
    """Refuse what is no name; two endings that contradict each other are said as such."""
    try:
        names.parse_ref(name)
    except names.InvalidName as error:
        said = str(error) if str(error).startswith("use either") else "invalid model name"
        raise ApiError(400, said) from error


def _named_for_delete(text: str) -> names.Name:
    """Return the name to delete: a stub of a model in the cloud has its ending in its tag."""
    try:
        ref = names.parse_ref(text)
        if ref.source != names.CLOUD:
            return ref.name
        base = text.strip().rpartition(":")[0]
        tagged = ":" in base.rpartition("/")[2]
        whole = text.strip() if not tagged else f"{base}-cloud"
        return names.parse(whole)
    except names.InvalidName as error:
        if str(error).startswith("use either"):
            raise ApiError(400, str(error)) from error
        raise ApiError(400, f"name {quote(text)} is invalid") from error


def _running(entry: Loaded) -> dict[str, Any]:
    left = entry.seconds_left
    return {
        **identity(entry.model),
        "size": entry.need,
        "details": details(entry.model, entry.header),
        "expires_at": wire.timestamp(math.inf if math.isinf(left) else time.time() + left),
        "size_vram": entry.vram,
        "context_length": entry.context,
    }
