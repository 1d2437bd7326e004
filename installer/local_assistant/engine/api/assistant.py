"""Our own endpoints: ``/assistant/hold``, ``…/status``, ``…/peak``, ``…/stop``.

Contract: a hold keeps the engine from its idle exit while it lives; asking for the status
does not. All want the token like every other path.
"""

from __future__ import annotations

import math
import os
import time

import uvicorn

from local_assistant import __version__
from local_assistant.engine.activity import Activity
from local_assistant.engine.http import Reply, Request, json_reply
from local_assistant.engine.runtime.scheduler import Scheduler
from local_assistant.engine.settings import EngineOptions
from local_assistant.engine.store.store import Store
from local_assistant.engine.wire import shapes as wire
from local_assistant.engine.wire.shapes import ApiError


class AssistantApi:
    """Endpoints that Ollama does not have."""

    def __init__(
        self,
        options: EngineOptions,
        store: Store,
        scheduler: Scheduler,
        activity: Activity,
        server: uvicorn.Server,
    ) -> None:
        self._options = options
        self._store = store
        self._scheduler = scheduler
        self._activity = activity
        self._server = server
        self._started = time.monotonic()

    async def status(self, _: Request) -> Reply:
        limit = self._options.idle_timeout_s
        loaded = [
            {
                "model": entry.model.display,
                "pid": entry.process.pid,
                "embedding": entry.process.parameters.embedding,
                "context": entry.context,
                "threads": entry.process.parameters.threads,
                "active": entry.active,
                "slots": entry.process.parameters.slots,
                "free_slots": entry.slots.free,
            }
            for entry in self._scheduler.loaded()
        ]
        return json_reply(
            {
                "engine": "jupyter-local-assistant",
                "version": __version__,
                "pid": os.getpid(),
                "stopping": self._server.should_exit,
                "uptime_s": round(time.monotonic() - self._started, 3),
                "idle_s": round(self._activity.idle_for(), 3),
                "idle_timeout_s": limit if math.isfinite(limit) else None,
                "models_dir": str(self._store.root),
                "holds": {k: round(v, 3) for k, v in self._activity.holds().items()},
                "loaded": loaded,
                "generations": self._scheduler.counters.fields(),
            }
        )

    async def peak(self, _: Request) -> Reply:
        """Return the most generations at once so far, and begin anew."""
        return json_reply({"peak": self._scheduler.counters.take_peak()})

    async def hold(self, http: Request) -> Reply:
        fields = wire.Fields(http.body, "HoldRequest")
        holder = fields.get("holder", str, "")
        ttl = fields.any("ttl_s")
        if not 0 < len(holder) <= 200:
            raise ApiError(400, "holder is required (at most 200 characters)")
        if isinstance(ttl, bool) or not isinstance(ttl, (int, float)):
            raise ApiError(400, "ttl_s must be a number of seconds")
        self._activity.hold(holder, float(ttl))
        return json_reply({"holds": len(self._activity.holds())})

    async def stop(self, _: Request) -> Reply:
        self._server.should_exit = True
        return json_reply({"stopping": True})
