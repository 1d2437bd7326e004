"""``/api/create`` and ``/api/blobs``: models made here, out of files that clients bring.

Contract: an upload goes to the disk piece by piece and is a blob only when its digest is
right. Making a model happens in threads, one step at a time, and is told line by line.
"""

from __future__ import annotations

import asyncio
import contextlib
import shutil
from collections.abc import AsyncGenerator, Callable, Iterator
from typing import Any

from local_assistant import paths
from local_assistant.engine.gotemplate.lexer import quote
from local_assistant.engine.http import Reply, Request, Stream, json_reply
from local_assistant.engine.store import create, create_request, layers, names
from local_assistant.engine.store.blobs import DigestMismatch, Upload
from local_assistant.engine.store.create_request import CreateRequest
from local_assistant.engine.store.store import Store
from local_assistant.engine.wire.shapes import ApiError

Pull = Callable[[names.Name], AsyncGenerator[dict[str, Any], None]]
"""Gets a model by its name; yields status lines, the last one may be an error."""

_BLOCK = 1 << 20
_MARGIN = 64 << 20
"""What a disk should have left."""


class CreateApi:
    """The endpoints that make models.

    Args:
        pull: gets the model to start from where it is not there; ``None`` is an error then.
    """

    def __init__(self, store: Store, pull: Pull | None = None) -> None:
        self._store = store
        self._pull = pull

    async def create(self, http: Request) -> Reply | Stream:
        request = create_request.read(http.body)
        stream = self._create(request)
        if request.stream:
            return stream
        async with contextlib.aclosing(stream):
            lines = [status async for status in stream]
        return json_reply(lines[-1])

    async def _create(self, request: CreateRequest) -> Stream:
        base, pull = request.base, self._pull
        if base and pull and await asyncio.to_thread(self._store.find, base) is None:
            async with contextlib.aclosing(pull(base)) as lines:
                async for line in lines:
                    if "error" in line:
                        raise ApiError(500, line["error"])
                    if line.get("status") != "success":
                        yield line
        steps = create.build(self._store, request)
        while (status := await asyncio.to_thread(_next, steps)) is not None:
            yield status

    async def has_blob(self, http: Request) -> Reply:
        if await asyncio.to_thread(self._store.files.find, _digest(http)) is None:
            raise ApiError(404, f"blob {quote(http.rest)} not found")
        return Reply()

    async def put_blob(self, http: Request) -> Reply:
        digest = _digest(http)
        if await asyncio.to_thread(self._store.files.find, digest) is not None:
            if "expect" not in http.headers:  # else the client waits before it sends anything
                async for _ in http.chunks():
                    pass
            return Reply()
        await asyncio.to_thread(self._require_room, http.headers.get("content-length", ""))
        try:
            upload = await asyncio.to_thread(self._store.files.upload)
            try:
                await self._receive(http, upload)
                # Ollama knows a blob by this one spelling when it takes it.
                exact = http.rest.removeprefix("sha256:")
                await asyncio.to_thread(upload.finish, exact)
            finally:
                await asyncio.to_thread(upload.discard)
        except DigestMismatch as error:
            has = quote(f"sha256:{error}")
            raise ApiError(
                400, f"digest mismatch, expected {quote(http.rest)}, got {has}"
            ) from error
        except OSError as error:
            raise paths.unwritable(self._store.root, error) from error
        return Reply(status=201)

    async def _receive(self, http: Request, upload: Upload) -> None:
        """Write one block while the next one comes."""
        waiting: list[bytes] = []
        size = 0
        writing: asyncio.Future[None] | None = None
        try:
            async for piece in http.chunks():
                waiting.append(piece)
                size += len(piece)
                if size >= _BLOCK:
                    if writing is not None:
                        await writing
                    block, waiting, size = b"".join(waiting), [], 0
                    writing = asyncio.ensure_future(asyncio.to_thread(upload.add, block))
        finally:
            if writing is not None:
                await writing
        await asyncio.to_thread(upload.add, b"".join(waiting))

    def _require_room(self, length: str) -> None:
        """Refuse what cannot fit before it is sent."""
        if not length.isdigit():
            return
        here = self._store.root
        while not here.exists():
            here = here.parent
        free = shutil.disk_usage(here).free
        if int(length) + _MARGIN > free:
            raise ApiError(
                500,
                f"no space left on device: the blob has {int(length) >> 20} MiB, "
                f"{paths.display(self._store.root)} has {free >> 20} MiB free "
                f"({_MARGIN >> 20} MiB are to stay free)",
            )


def _next(steps: Iterator[dict[str, Any]]) -> dict[str, Any] | None:
    return next(steps, None)


def _digest(http: Request) -> str:
    digest = layers.hex_of(http.rest)
    if digest is None:
        raise ApiError(400, "invalid digest format")
    return digest
