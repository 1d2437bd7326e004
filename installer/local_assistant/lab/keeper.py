"""What a Jupyter server does beside answering: it keeps the model server and follows the settings.

Contract: one thread for each Jupyter server, started once that answers. It looks for the model
server, starts the engine where that is the server, keeps it alive while this Jupyter server
lives, and lets the fixed model names mean what answers. An edit of ``assistant.toml`` is seen
within ``LOOK_S``: the names follow, and what no role uses any more leaves the memory. It sets,
for kernels to inherit and unless the user has set them, ``OLLAMA_HOST``, ``OLLAMA_API_BASE`` and
``OLLAMA_API_KEY`` once it is known which server answers the chat; ``LOCAL_ASSISTANT_ENV`` names
those of them that are ours. The token goes nowhere else.
"""

from __future__ import annotations

import importlib
import os
import threading
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from local_assistant.config import AssistantConfig, ConfigWatcher
    from local_assistant.models.answering import Answers
    from local_assistant.server.endpoint import Endpoint

OURS_ENV = "LOCAL_ASSISTANT_ENV"
_CLIENT_ENV = ("OLLAMA_HOST", "OLLAMA_API_BASE", "OLLAMA_API_KEY")
HOLD_TTL_S = 120
BEAT_S = 40.0
LOOK_S = 1.0
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
    """Finds the server after the start, then holds it and follows the settings until it ends."""

    def __init__(self, environment: Environment) -> None:
        super().__init__(name="local-assistant", daemon=True)
        self._environment = environment
        self._ended = threading.Event()
        self._watcher: ConfigWatcher | None = None
        self._config: AssistantConfig | None = None
        self._found: Answers | None = None
        self._pointed = False
        self._holder = f"jupyter-{os.getpid()}"
        self._held = False

    def run(self) -> None:
        self._quietly(self._beat, start=True)
        # Beside this thread: it takes seconds, and an edit of the settings should not wait.
        threading.Thread(target=self._warm, name="local-assistant-warm", daemon=True).start()
        due = time.monotonic() + BEAT_S
        while not self._ended.wait(LOOK_S):
            self._quietly(self._follow)
            if time.monotonic() >= due:
                # Not started again here: whoever needs the engine next starts it.
                self._quietly(self._beat, start=False)
                due = time.monotonic() + BEAT_S
        self._quietly(self._release)

    def _warm(self) -> None:
        for name in _WARM_MODULES:
            # Missing where only the base is installed; the chat says so when it is used.
            self._quietly(importlib.import_module, name)

    def stop(self) -> None:
        self._ended.set()

    def _settings(self) -> AssistantConfig:
        from local_assistant.config import ConfigWatcher

        if self._watcher is None:
            self._watcher = ConfigWatcher()
        return self._watcher.current().config

    def _beat(self, *, start: bool) -> None:
        from local_assistant.models import aliases
        from local_assistant.models.answering import answers
        from local_assistant.server import choose

        self._config = self._settings()
        if start:
            # What answers the chat, and no more: a missing embedding model starts no engine.
            self._quietly(choose, "chat", self._config)
        self._found = answers(self._config)
        self._quietly(self._point, self._found)
        self._quietly(self._hold, HOLD_TTL_S)
        aliases.point(self._found)

    def _follow(self) -> None:
        """Let all follow from an edit of the settings, whoever made it."""
        config = self._settings()
        if self._config is None or self._found is None or config == self._config:
            return
        from local_assistant.lab.models import changes
        from local_assistant.models.swap import apply

        before, self._config = self._found, config
        done = apply(config, before)
        self._found = done.after
        self._quietly(self._point, self._found)
        changes.tell()
        for notice in done.notices:
            self._note(notice)

    def _point(self, found: Answers) -> None:
        """Point stock clients at the server that answers the chat.

        Where nothing answers it just now, what was set stays; the first time, any server will do.
        """
        from local_assistant.models.answering import stock_server

        if self._pointed and "chat" not in found.choices:
            return
        self._environment.point_at(stock_server(found))
        self._pointed = True

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
        try:
            action(*args, **kwargs)
        except Exception as error:
            # Nobody asked for anything yet. The same failure is said to the user, with the
            # way out, by the first chat message or %%ai.
            self._note(error)

    def _note(self, what: object) -> None:
        from local_assistant.log import logger

        logger("jupyterlab").info("%s: %s", self._holder, what)
