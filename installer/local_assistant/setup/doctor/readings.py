"""What several checks look at, read once: settings, servers, models.

Contract: each reading is made when the first check wants it, by whichever thread comes
first; the others wait for that one. Readings start nothing. What could not be read raises
the same AssistantError for everybody who asks.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast, get_args

from local_assistant import paths
from local_assistant.errors import AssistantError

if TYPE_CHECKING:
    from local_assistant.config import AssistantConfig, ConfigError, LoadedConfig, Role
    from local_assistant.engine.runfile import RunFile
    from local_assistant.server import Choice, Endpoint, InstalledModel

_Value = TypeVar("_Value")
ASK_S = 10.0
"""How long a server may take to say what it has; loading a model is not among that."""


@dataclass
class Readings:
    """One look at this machine.

    Attributes:
        folder: where a notebook would lie; a project's settings count from there.
        prefix: the environment whose Jupyter is looked at.
        environment: the variables that count.
    """

    folder: Path = field(default_factory=Path.cwd)
    prefix: Path = field(default_factory=paths.prefix)
    environment: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))
    _known: dict[Any, Any] = field(default_factory=dict, repr=False)
    _locks: dict[Any, threading.Lock] = field(default_factory=dict, repr=False)
    _guard: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def once(self, key: Any, read: Callable[[], _Value]) -> _Value:
        """Return what ``read`` gives (or raise what it raises), calling it once per key."""
        with self._guard:
            lock = self._locks.setdefault(key, threading.Lock())
        with lock:
            if key not in self._known:
                try:
                    self._known[key] = (read(), None)
                except AssistantError as error:
                    self._known[key] = (None, error)
            value, failure = self._known[key]
        if failure is not None:
            raise failure
        return cast(_Value, value)

    @property
    def settings(self) -> tuple[LoadedConfig, ConfigError | None]:
        """The settings in force, or the defaults and what is wrong with the files."""

        def read() -> tuple[LoadedConfig, ConfigError | None]:
            from local_assistant.config import ConfigError, default_config, load_config

            try:
                return load_config(self.folder), None
            except ConfigError as error:
                return default_config(), error

        return self.once("settings", read)

    @property
    def config(self) -> AssistantConfig:
        return self.settings[0].config

    @property
    def engine(self) -> RunFile | None:
        """The run file of an engine whose process lives here."""
        from local_assistant.engine import runfile

        return self.once("engine", runfile.believed)

    @property
    def engine_hangs(self) -> bool:
        """Whether the engine's process lives and does not answer."""
        from local_assistant.engine.launch import running_engine

        return self.once("hangs", lambda: self.engine is not None and running_engine() is None)

    @property
    def server(self) -> Endpoint:
        """The server that answers; NotRunning where one would have to start first."""
        from local_assistant.server import find_server

        return self.once("server", lambda: find_server(self.config, start=False))

    def require_server(self) -> None:
        """Raise, briefly, where no server can answer: the check ``server`` says why."""
        from local_assistant.server.endpoint import NotRunning

        try:
            _ = self.server
        except NotRunning:
            return
        except AssistantError as error:
            raise AssistantError("Not tried: no server answers.", error.fix) from error

    def require_answer(self, role: Role) -> None:
        """Raise, briefly, where nobody can answer for a role: other checks say why."""
        from local_assistant.server.endpoint import NotRunning

        self.require_server()
        try:
            self.choice(role)
        except NotRunning:
            if self.engine_hangs:
                raise AssistantError(
                    "Not tried: the engine does not answer.", "jupyter assistant stop"
                ) from None

    def choice(self, role: Role) -> Choice:
        """What answers for a role; NotRunning where that would have to start first."""
        from local_assistant.server import choose

        return self.once(("choice", role), lambda: choose(role, self.config, start=False))

    def choices(self) -> dict[Role, Choice]:
        """What answers, for the roles that have an answer now."""
        found: dict[Role, Choice] = {}
        for role in self.roles():
            try:
                found[role] = self.choice(role)
            except AssistantError:
                continue  # the check of the models says it
        return found

    def roles(self) -> tuple[Role, ...]:
        """All roles; what answers for each is looked up side by side."""
        from local_assistant.config import Role

        roles: tuple[Role, ...] = get_args(Role)

        def look(role: Role) -> None:
            with contextlib.suppress(AssistantError):  # kept for who asks for it
                self.choice(role)

        with ThreadPoolExecutor(len(roles)) as pool:
            list(pool.map(look, roles))
        return roles

    def shown(self, choice: Choice) -> dict[str, Any]:
        """What the server tells about a model; of one in a cloud, which is not asked, where."""
        if choice.remote_host:
            return {"remote_host": choice.remote_host}
        from local_assistant.server import Client

        def read() -> dict[str, Any]:
            client = Client(choice.endpoint, timeout_s=ASK_S)
            return client.post("/api/show", {"model": choice.model})

        return self.once(("show", choice.endpoint.url, choice.model), read)

    def loaded(self, endpoint: Endpoint) -> dict[str, dict[str, Any]]:
        """The models in a server's memory, by name."""
        from local_assistant.server import Client

        def read() -> dict[str, dict[str, Any]]:
            models = Client(endpoint, timeout_s=ASK_S).get("/api/ps").get("models") or []
            return {str(model.get("name")): model for model in models if isinstance(model, dict)}

        return self.once(("ps", endpoint.url), read)

    def installed(self, endpoint: Endpoint) -> list[InstalledModel]:
        """The models that a server has."""
        from local_assistant.server import installed

        return self.once(("tags", endpoint.url), lambda: installed(endpoint))
