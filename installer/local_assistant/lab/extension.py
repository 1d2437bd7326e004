"""The Jupyter server extension: one server and one configuration for all that runs inside.

Contract: imports nothing heavy at module top (JupyterLab's start waits for it) and never
holds the start up: a background thread (:mod:`.keeper`) looks for the model server, keeps it
and follows ``assistant.toml``.
"""

from __future__ import annotations

import asyncio
import os
from typing import Any

from jupyter_server.auth.decorator import authorized
from jupyter_server.extension.application import ExtensionApp
from tornado.web import authenticated

from local_assistant import paths
from local_assistant.lab import kernels
from local_assistant.lab.chat import context_handlers as context
from local_assistant.lab.completion import handlers as completion
from local_assistant.lab.keeper import Environment, Keeper
from local_assistant.lab.models import handlers as models
from local_assistant.lab.web import Handler, look_nothing_up


class StatusHandler(Handler):
    """``GET local-assistant/status``: which server and models answer, and what is wrong."""

    @authenticated  # type: ignore[untyped-decorator]
    @authorized  # type: ignore[untyped-decorator]
    async def get(self) -> None:
        self.reply(await asyncio.to_thread(status_report))


def status_report() -> dict[str, Any]:
    """Return the status object (the contract's ``schema`` and ``ok``); starts nothing."""
    from local_assistant.config import ConfigWatcher, Role
    from local_assistant.errors import AssistantError
    from local_assistant.server import choose, find_server

    roles: tuple[Role, ...] = ("chat", "completion", "embedding")
    watcher = ConfigWatcher()
    config = watcher.current().config
    problem = watcher.problem
    report: dict[str, Any] = {
        "schema": 1,
        "ok": problem is None,
        "server": None,
        "models": {},
        "notice": None,
        "config": str(paths.user_config_file()),
        "problem": {"message": problem.message, "fix": problem.fix} if problem else None,
    }
    try:
        endpoint = find_server(config, start=False)
        report["server"] = {
            "kind": endpoint.kind,
            "url": endpoint.url,
            "version": endpoint.version,
            "local": endpoint.local,
            "detail": endpoint.detail,
        }
        for role in roles:
            choice = choose(role, config, start=False)
            report["models"][role] = choice.model
            report["notice"] = report["notice"] or choice.notice
    except AssistantError as error:
        report["ok"] = False
        report["problem"] = report["problem"] or {"message": error.message, "fix": error.fix}
    return report


class LocalAssistantExtension(ExtensionApp):  # type: ignore[misc]  # it is not typed for us
    """Wires the above into one Jupyter server."""

    name = "local_assistant"
    handlers = [  # noqa: RUF012  # its idiom
        ("/local-assistant/status", StatusHandler),
        *completion.HANDLERS,
        *models.HANDLERS,
        *context.HANDLERS,
    ]
    _keeper: Keeper | None = None

    def initialize_settings(self) -> None:
        os.environ.setdefault(paths.CONFIG_ENV, str(paths.user_config_file()))
        kernels.encrypt(self.serverapp.kernel_manager)
        look_nothing_up(self.serverapp.web_app.settings)
        self._keeper = Keeper(Environment())
        loop = self.serverapp.io_loop
        # The first turn of the loop comes when the server is up and answers.
        loop.call_later(0.5, self._keeper.start)

    async def stop_extension(self) -> None:
        keeper = self._keeper
        if keeper is not None and keeper.is_alive():
            keeper.stop()
            await asyncio.to_thread(keeper.join, 5)
        settings = self.serverapp.web_app.settings
        if models.JOBS in settings:
            await asyncio.to_thread(settings[models.JOBS].close)
        if completion.SERVICE in settings:
            await settings[completion.SERVICE].close()


def _jupyter_server_extension_points() -> list[dict[str, Any]]:
    return [{"module": "local_assistant.lab.extension", "app": LocalAssistantExtension}]
