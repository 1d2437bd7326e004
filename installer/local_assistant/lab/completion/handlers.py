"""The HTTP endpoints of ghost text.

Contract: cheap to import; the service is made with the first request. Every endpoint is
authenticated, authorised and protected against cross-site requests as all of Jupyter's are.
``POST complete`` streams one JSON object per line and ends its generation when the browser
closes the connection.
"""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jupyter_server.auth.decorator import authorized
from tornado.iostream import StreamClosedError
from tornado.web import authenticated

from local_assistant.lab.web import Handler

if TYPE_CHECKING:
    from local_assistant.config import AssistantConfig
    from local_assistant.lab.completion.service import Asked, Service

SERVICE = "local_assistant_completion"
"""Where the service is among the web application's settings."""


class _Handler(Handler):
    async def service(self) -> Service:
        """Return the one service of this Jupyter server."""
        if SERVICE not in self.settings:
            module = await asyncio.to_thread(_service_module)
            if SERVICE not in self.settings:  # another request may have been quicker
                root = Path(self.settings["server_root_dir"]).expanduser().absolute()
                self.settings[SERVICE] = module.Service(root)
        service: Service = self.settings[SERVICE]
        return service


class CompleteHandler(_Handler):
    """``POST complete``: one suggestion, as lines of JSON."""

    _asked: Asked | None = None

    @authenticated  # type: ignore[untyped-decorator]
    @authorized  # type: ignore[untyped-decorator]
    async def post(self) -> None:
        service = await self.service()
        from local_assistant.lab.completion.request import BadRequest, parse
        from local_assistant.lab.completion.service import Asked

        try:
            request = parse(self.body())
        except BadRequest as error:
            self.reply({"message": str(error)}, 400)
            return
        self._asked = asked = Asked(request)
        self.set_header("Content-Type", "application/x-ndjson")
        self.set_header("Cache-Control", "no-store")
        self.set_header("X-Accel-Buffering", "no")
        try:
            async for line in service.lines(asked):
                self.write(json.dumps(line, separators=(",", ":")) + "\n")
                await self.flush()
        except StreamClosedError:
            asked.close()  # the browser has gone; the generation ends with the answer

    def on_connection_close(self) -> None:
        if self._asked is not None:
            self._asked.close()


class StatusHandler(_Handler):
    """``GET completion``: the state, for the status item; starts nothing."""

    @authenticated  # type: ignore[untyped-decorator]
    @authorized  # type: ignore[untyped-decorator]
    async def get(self) -> None:
        service = await self.service()
        path = self.get_query_argument("path", "")
        config = service.config(path)
        await service.look(path)
        status = service.status(config)
        if self.get_query_argument("models", "") == "1":
            status["models"] = await service.models(config)
        self.reply(status)


class WarmHandler(_Handler):
    """``POST completion/warm``: start the server and load the models in the background."""

    @authenticated  # type: ignore[untyped-decorator]
    @authorized  # type: ignore[untyped-decorator]
    async def post(self) -> None:
        service = await self.service()
        body = self.body()
        path = body.get("path", "") if isinstance(body, dict) else ""
        config = service.config(path if isinstance(path, str) else "")
        service.warm(config)
        # Not waited for. Where both are one model, the server loads it once.
        asyncio.get_running_loop().run_in_executor(None, _warm_chat, config)
        self.reply(service.status(config), 202)


class SettingsHandler(_Handler):
    """``GET`` and ``PATCH completion/settings``: the user's own file, and no other."""

    @authenticated  # type: ignore[untyped-decorator]
    @authorized  # type: ignore[untyped-decorator]
    async def get(self) -> None:
        from local_assistant.lab.completion import settings

        self.reply(await asyncio.to_thread(settings.describe))

    @authenticated  # type: ignore[untyped-decorator]
    @authorized  # type: ignore[untyped-decorator]
    async def patch(self) -> None:
        from local_assistant.errors import AssistantError
        from local_assistant.lab.completion import settings

        body = self.body()
        if not isinstance(body, dict) or "key" not in body or "value" not in body:
            self.reply({"message": "The body must have a key and a value.", "fix": None}, 400)
            return
        try:
            value = await asyncio.to_thread(settings.change, body["key"], body["value"])
        except AssistantError as error:
            self.reply({"message": error.message, "fix": error.fix}, 400)
            return
        self.reply(value)


HANDLERS = [
    ("/local-assistant/complete", CompleteHandler),
    ("/local-assistant/completion", StatusHandler),
    ("/local-assistant/completion/warm", WarmHandler),
    ("/local-assistant/completion/settings", SettingsHandler),
]


def _warm_chat(config: AssistantConfig) -> None:
    from local_assistant.lab.chat.warm import warm

    warm(config)


def _service_module() -> Any:
    from local_assistant.lab.completion import service

    return service
