"""``/api/pull``: lines of progress while a model comes, in Ollama's words.

Contract: the work is done in a thread that does not keep the engine alive; when the client
leaves, the pull ends unless another one waits for the same file. An error after the first
line is a line ``{"error": …, "fix": …}``; ``fix`` is ours. Where the engine has a token, the
request is its owner's: ``environment`` then says which proxy, certificates and hub count,
because the engine may have been started where they were not set. ``from`` (ours, too) is
another name to get the model by.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading
from collections.abc import AsyncGenerator
from dataclasses import replace
from typing import Any

from local_assistant.engine.http import Reply, Request, Stream, describe, json_reply
from local_assistant.engine.log import log
from local_assistant.engine.pull.errors import Cancelled, PullError
from local_assistant.engine.pull.network import Network, relevant
from local_assistant.engine.pull.pulling import Puller, Wanted
from local_assistant.engine.pull.web import Patience
from local_assistant.engine.store import names
from local_assistant.engine.store.store import Store
from local_assistant.engine.wire import shapes as wire
from local_assistant.engine.wire.shapes import ApiError
from local_assistant.errors import AssistantError

Line = dict[str, Any]

_MOST_WAITING = 1000


class PullApi:
    """The endpoint.

    Args:
        store: where models go.
        private: whether only the owner's requests come here.
        patience: how long and how often is tried.
    """

    def __init__(self, store: Store, *, private: bool, patience: Patience | None = None) -> None:
        self._puller = Puller(store, patience)
        self._private = private

    async def pull(self, http: Request) -> Reply | Stream:
        fields = wire.Fields(http.body, "PullRequest")
        insecure, stream = fields.get("insecure", bool, False), fields.get("stream", bool, True)
        ref = names.parse_ref(fields.model())
        if ref.source == names.CLOUD:
            raise ApiError(400, "the embedded engine has no cloud models")
        wanted = Wanted(ref.name, insecure, self._network(fields), self._source(fields))
        if stream:
            return self._lines(wanted)
        last: Line = {}
        async with contextlib.aclosing(self._lines(wanted)) as lines:
            async for line in lines:
                last = line
        reply = json_reply(last, 500 if "error" in last else 200)
        return replace(reply, content_type="application/json")  # as Ollama has it here alone

    def lines(self, name: names.Name) -> AsyncGenerator[Line, None]:
        """Pull a model on behalf of another endpoint; a failure is the last line."""
        return self._lines(Wanted(name, False, Network(relevant(os.environ))))

    def _source(self, fields: wire.Fields) -> names.Name | None:
        given = fields.get("from", str, "")
        return names.parse_ref(given).name if given else None

    def _network(self, fields: wire.Fields) -> Network:
        given = fields.get("environment", dict)
        if not self._private or given is None:
            return Network(relevant(os.environ))
        return Network(relevant({str(key): str(value) for key, value in given.items()}))

    async def _lines(self, wanted: Wanted) -> AsyncGenerator[Line, None]:
        loop = asyncio.get_running_loop()
        queue: asyncio.Queue[Line | None] = asyncio.Queue()
        scope = self._puller.scope(wanted)

        def put(line: Line | None) -> None:
            # Who reads slowly misses steps of progress, and they do not pile up.
            if queue.qsize() < _MOST_WAITING or line is None or "completed" not in line:
                queue.put_nowait(line)

        def tell(line: Line | None) -> None:
            with contextlib.suppress(RuntimeError):  # the engine is ending
                loop.call_soon_threadsafe(put, line)

        def work() -> None:
            try:
                self._puller.pull(wanted, tell, scope)
            except Cancelled:
                log(f"pull of {wanted.name.short}: nobody waits any more")
            except Exception as error:
                tell(_failure(error))
            finally:
                tell(None)

        threading.Thread(target=work, daemon=True, name="pull").start()
        try:
            while (line := await queue.get()) is not None:
                yield line
        finally:
            scope.cancel()


def _failure(error: Exception) -> Line:
    if not isinstance(error, AssistantError):
        return {"error": describe(error).message}
    line: Line = {"error": error.message}
    if error.fix:
        line["fix"] = error.fix
    if isinstance(error, PullError) and error.unreachable:
        line["unreachable"] = True
    return line
