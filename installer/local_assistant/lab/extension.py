"""The Jupyter server extension: one server and one configuration for all that runs inside.

Contract: imports nothing heavy at module top (JupyterLab's start waits for it) and never
holds the start up: a background thread looks for the model server, starts the engine where
that is the server, and keeps it alive while this Jupyter server lives. It sets, for kernels
to inherit and unless the user has set them, ``LOCAL_ASSISTANT_CONFIG`` at once, and
``OLLAMA_HOST``, ``OLLAMA_API_BASE`` and ``OLLAMA_API_KEY`` once the server is known;
``LOCAL_ASSISTANT_ENV`` names those of them that are ours. The token goes nowhere else.
"""

from __future__ import annotations

import asyncio
import importlib
import json
import os
import threading
from typing import TYPE_CHECKING, Any

from jupyter_server.base.handlers import APIHandler
from jupyter_server.extension.application import ExtensionApp
from tornado.web import authenticated

from local_assistant import paths

if TYPE_CHECKING:
    from local_assistant.config import ConfigWatcher
    from local_assistant.server.endpoint import Endpoint

OURS_ENV = "LOCAL_ASSISTANT_ENV"
_CLIENT_ENV = ("OLLAMA_HOST", "OLLAMA_API_BASE", "OLLAMA_API_KEY")
HOLD_TTL_S = 120
BEAT_S = 40.0
_WARM_MODULES = (
    "local_assistant.lab.chat.window",
    "local_assistant.lab.chat.persona",
    "langchain_ollama",
)


class Environment:
    """The variables by which stock clients in kernels find the same server."""

    def __init__(self) -> None:
        inherited = set(os.environ.get(OURS_ENV, "").split(","))
        # What an outer Jupyter server of ours has set is not the user's own choice.
        self._ours = [name for name in _CLIENT_ENV if name in inherited or name not in os.environ]

    def point_at(self, endpoint: Endpoint) -> None:
        """Let clients started from now on use ``endpoint``."""
        values = dict(zip(_CLIENT_ENV, (endpoint.url, endpoint.url, endpoint.token), strict=True))
        ours = {name: values[name] for name in self._ours}
        # The marks first: OLLAMA_HOST without its mark would read as the user's own.
        os.environ[OURS_ENV] = ",".join(name for name, value in ours.items() if value)
        for name, value in ours.items():
            if value:
                os.environ[name] = value
            else:
                os.environ.pop(name, None)


class Keeper(threading.Thread):
    """Finds the server after the start, then holds the engine until told to stop."""

    def __init__(self, environment: Environment) -> None:
        super().__init__(name="local-assistant", daemon=True)
        self._environment = environment
        self._ended = threading.Event()
        self._watcher: ConfigWatcher | None = None
        self._holder = f"jupyter-{os.getpid()}"
        self._held = False

    def run(self) -> None:
        self._quietly(self._find, start=True)
        for name in _WARM_MODULES:
            # Missing where only the base is installed; the chat says so when it is used.
            self._quietly(importlib.import_module, name)
        while not self._ended.wait(BEAT_S):
            # Not started again here: whoever needs the engine next starts it.
            self._quietly(self._find, start=False)
        self._quietly(self._release)

    def stop(self) -> None:
        self._ended.set()

    def _find(self, *, start: bool) -> None:
        from local_assistant.config import ConfigWatcher
        from local_assistant.errors import AssistantError
        from local_assistant.server import find_server

        if self._watcher is None:
            self._watcher = ConfigWatcher()
        try:
            endpoint = find_server(self._watcher.current().config, start=start)
        except AssistantError:
            if start:
                raise
            return  # not running just now
        self._environment.point_at(endpoint)
        self._hold(HOLD_TTL_S)

    def _hold(self, ttl_s: int) -> None:
        """Keep the engine from ending when idle, whichever server was chosen: where Ollama
        has no model yet, the demo model in the engine answers."""
        from local_assistant.engine.launch import running_engine
        from local_assistant.server.client import Client
        from local_assistant.server.endpoint import Endpoint

        info = running_engine()
        if info is None:
            return
        endpoint = Endpoint("embedded", info.url, info.token, info.version, True, "")
        Client(endpoint, timeout_s=5).post(
            "/assistant/hold", {"holder": self._holder, "ttl_s": ttl_s}
        )
        self._held = ttl_s > 0

    def _release(self) -> None:
        if self._held:
            self._hold(0)

    def _quietly(self, action: Any, *args: Any, **kwargs: Any) -> None:
        from local_assistant.log import logger

        try:
            action(*args, **kwargs)
        except Exception as error:
            # Nobody asked for anything yet. The same failure is said to the user, with the
            # way out, by the first chat message or %%ai.
            logger("jupyterlab").info("%s: %s", self._holder, error)


class StatusHandler(APIHandler):  # type: ignore[misc]  # jupyter_server is not typed for us
    """``GET local-assistant/status``: which server and models answer, and what is wrong."""

    @authenticated  # type: ignore[untyped-decorator]
    async def get(self) -> None:
        loop = asyncio.get_running_loop()
        report = await loop.run_in_executor(None, status_report)
        self.set_header("Content-Type", "application/json")
        self.finish(json.dumps(report))


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


class LocalAssistantExtension(ExtensionApp):  # type: ignore[misc]  # as above
    """Wires the above into one Jupyter server."""

    name = "local_assistant"
    handlers = [("/local-assistant/status", StatusHandler)]  # noqa: RUF012  # its own idiom
    _keeper: Keeper | None = None

    def initialize_settings(self) -> None:
        os.environ.setdefault(paths.CONFIG_ENV, str(paths.user_config_file()))
        self._keeper = Keeper(Environment())
        loop = self.serverapp.io_loop
        # The first turn of the loop comes when the server is up and answers.
        loop.call_later(0.5, self._keeper.start)

    async def stop_extension(self) -> None:
        keeper = self._keeper
        if keeper is not None and keeper.is_alive():
            keeper.stop()
            await asyncio.to_thread(keeper.join, 5)


def _jupyter_server_extension_points() -> list[dict[str, Any]]:
    return [{"module": "local_assistant.lab.extension", "app": LocalAssistantExtension}]
