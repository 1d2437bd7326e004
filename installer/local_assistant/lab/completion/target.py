"""Which model completes, how it is asked, and whether it is in memory.

Contract: what ``server.choose`` says is kept while the settings stay the same, so that a key
costs nothing; it is looked at again in the background every ``FRESH_S`` seconds and at once
after the server has gone. A load is shared by all who wait for it and never cancelled.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from local_assistant.config import AssistantConfig
from local_assistant.lab.completion.families import Family, family_for, wants_vocabulary
from local_assistant.lab.completion.upstream import ModelServer
from local_assistant.server import Choice, choose, is_alias
from local_assistant.server.loaded import entry_of

if TYPE_CHECKING:
    from local_assistant.server.endpoint import Endpoint

FRESH_S = 10.0
SEEN_LOADED_S = 3.0
DEFAULT_CONTEXT = 4096
PREFERRED = "qwen2.5-coder:1.5b"
"""What a hint names where nothing better is installed: the smallest preset's model."""


@dataclass
class Target:
    """One model at one server."""

    choice: Choice
    server: ModelServer
    family: Family | None
    inserts: bool
    trained_context: int
    context: int = 0
    seen_loaded: float = field(default=float("-inf"))
    hint: str | None = None

    @property
    def model(self) -> str:
        return self.choice.model

    @property
    def endpoint(self) -> Endpoint:
        return self.choice.endpoint

    def context_for(self, config: AssistantConfig) -> int:
        """Return how many tokens the model reads."""
        wanted = self.context or config.chat.context_tokens or DEFAULT_CONTEXT
        return min(wanted, self.trained_context) if self.trained_context else wanted


class Targets:
    """Finds targets, and loads their models."""

    def __init__(self) -> None:
        self._known: dict[Hashable, tuple[float, Target]] = {}
        self._finding: dict[tuple[Hashable, bool], asyncio.Task[Target]] = {}
        self._loads: dict[tuple[str, str], asyncio.Task[None]] = {}
        self._servers: dict[tuple[str, str | None], ModelServer] = {}

    @property
    def loading(self) -> bool:
        """Whether a model is being loaded just now."""
        return bool(self._loads)

    def known(self, config: AssistantConfig) -> Target | None:
        """Return the target as far as it is known, at no cost."""
        found = self._known.get(_key(config))
        return found[1] if found else None

    async def find(self, config: AssistantConfig, *, start: bool = True) -> Target:
        """Return the target for ``config``.

        Raises:
            AssistantError: no server or no such model.
        """
        key = _key(config)
        found = self._known.get(key)
        if found is None:
            return await asyncio.shield(self._search(key, config, start))
        if time.monotonic() - found[0] > FRESH_S:
            self._search(key, config, start=False)
        return found[1]

    def forget(self) -> None:
        """Look for everything anew: the server has gone or says that the model has."""
        self._known.clear()

    async def ensure_loaded(self, target: Target, config: AssistantConfig) -> None:
        """Return when the model is in memory; cancelling the wait does not cancel the load.

        Raises:
            AssistantError: it cannot be loaded.
        """
        if time.monotonic() - target.seen_loaded < SEEN_LOADED_S:
            return
        key = (target.endpoint.url, target.model)
        task = self._loads.get(key)
        if task is None:
            if await self._is_loaded(target, config):
                return
            task = self._loads.get(key)
        if task is None:
            task = asyncio.ensure_future(self._load(target, config))
            self._loads[key] = task
            task.add_done_callback(lambda done: self._load_ended(key, done))
        await asyncio.shield(task)

    async def close(self) -> None:
        for task in (*self._finding.values(), *self._loads.values()):
            task.cancel()
        for server in self._servers.values():
            await server.close()

    async def _is_loaded(self, target: Target, config: AssistantConfig) -> bool:
        listed = (await target.server.get("/api/ps")).get("models") or []
        found = entry_of(target.model, listed)
        if found is None and listed:
            tags = (await target.server.get("/api/tags")).get("models") or []
            found = entry_of(target.model, listed, tags)
        if found is None:
            return False
        target.context = int(found.get("context_length") or 0) or target.context
        wanted = config.chat.context_tokens
        if wanted and target.context != min(wanted, target.trained_context or wanted):
            return False  # else the generation itself would load it, and cancel that with it
        target.seen_loaded = time.monotonic()
        return True

    async def _load(self, target: Target, config: AssistantConfig) -> None:
        body: dict[str, Any] = {"model": target.model, "keep_alive": config.server.keep_alive}
        if config.chat.context_tokens:
            body["options"] = {"num_ctx": config.chat.context_tokens}
        await target.server.post("/api/generate", {**body, "stream": False})
        await self._is_loaded(target, config)
        target.seen_loaded = time.monotonic()

    def _load_ended(self, key: tuple[str, str], task: asyncio.Task[None]) -> None:
        self._loads.pop(key, None)
        if not task.cancelled():
            task.exception()  # whoever waits has it

    def _search(self, key: Hashable, config: AssistantConfig, start: bool) -> asyncio.Task[Target]:
        # Who wants the server started must not wait for one that only looks.
        which = (key, start)
        task = self._finding.get(which)
        if task is None:
            task = asyncio.ensure_future(self._look(key, config, start))
            self._finding[which] = task
            task.add_done_callback(lambda done: self._search_ended(which, done))
        return task

    def _search_ended(self, which: tuple[Hashable, bool], task: asyncio.Task[Target]) -> None:
        self._finding.pop(which, None)
        if not task.cancelled():
            task.exception()

    async def _look(self, key: Hashable, config: AssistantConfig, start: bool) -> Target:
        choice = await asyncio.to_thread(choose, "completion", config, start=start)
        server = self.server(choice.endpoint)
        show = await server.post("/api/show", {"model": choice.model}, timeout_s=30)
        if wants_vocabulary(choice.model, show):
            show = await server.post("/api/show", {"model": choice.model, "verbose": True})
        info = show.get("model_info") or {}
        architecture = str(info.get("general.architecture", ""))
        target = Target(
            choice,
            server,
            family_for(choice.model, show),
            "insert" in (show.get("capabilities") or []),
            int(info.get(f"{architecture}.context_length") or 0),
        )
        before = self._known.get(key)
        if before is not None and before[1].choice == choice:
            target.context, target.seen_loaded = before[1].context, before[1].seen_loaded
        target.hint = await self._hint(target)
        if len(self._known) > 16:
            self._known.clear()
        self._known[key] = (time.monotonic(), target)
        return target

    def server(self, endpoint: Endpoint) -> ModelServer:
        key = (endpoint.url, endpoint.token)
        if key not in self._servers:
            self._servers[key] = ModelServer(endpoint)
        return self._servers[key]

    async def _hint(self, target: Target) -> str | None:
        family = target.family
        if family is not None and family.trained:
            return target.choice.notice
        if family is None and target.inserts:
            return target.choice.notice
        listed = (await target.server.get("/api/tags")).get("models") or []
        able = [
            str(item.get("name", ""))
            for item in listed
            if "insert" in (item.get("capabilities") or [])
            and item.get("name") != target.model
            and (found := family_for(str(item.get("name", "")), {})) is not None
            and found.trained
            and not str(item.get("name", "")).startswith("assistant-")
            and not is_alias(str(item.get("name", "")))
        ]
        what = "was not trained to" if family else "cannot"
        if able:
            better = f"Better, and installed: jupyter assistant use {able[0]} --for completion"
        else:
            better = f"Better: jupyter assistant pull {PREFERRED}"
        return f"{target.model} {what} fill in the middle. {better}"


def _key(config: AssistantConfig) -> Hashable:
    presets = tuple(sorted(config.presets.items()))
    return (config.server, config.models, config.engine, config.chat.context_tokens, presets)
