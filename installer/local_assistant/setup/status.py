"""What is set up and what answers, without starting anything.

Contract: never raises for what it reports on: a broken file, no server and a missing model
are part of the answer. Bounded by the server probes' deadlines.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from local_assistant.errors import AssistantError

if TYPE_CHECKING:
    from local_assistant.config import AssistantConfig
    from local_assistant.engine.launch import EngineInfo


_PRESET_DECIDES = "asked for when the engine runs"


@dataclass(frozen=True)
class ServerStatus:
    """Which server answers; ``state``: ``answers``, ``idle`` (starts when needed), ``failed``."""

    state: str
    kind: str | None
    url: str | None
    version: str | None
    local: bool | None
    detail: str
    fix: str | None


@dataclass(frozen=True)
class ModelStatus:
    """What answers for one role; ``notice`` says where it is a stand-in."""

    model: str | None
    server: str | None
    notice: str | None
    problem: str | None
    fix: str | None


@dataclass(frozen=True)
class EngineStatus:
    """The embedded engine, and the models that it holds in memory."""

    running: bool
    url: str | None
    pid: int | None
    version: str | None
    loaded: tuple[str, ...]


@dataclass(frozen=True)
class ConfigStatus:
    """The settings file and what is wrong with it."""

    path: str
    exists: bool
    files: tuple[str, ...]
    problems: tuple[str, ...]


@dataclass(frozen=True)
class Status:
    """The whole answer."""

    server: ServerStatus
    models: dict[str, ModelStatus]
    engine: EngineStatus
    config: ConfigStatus
    logs: str

    @property
    def ok(self) -> bool:
        """Return whether a question asked now would be answered as configured."""
        return (
            self.server.state != "failed"
            and not self.config.problems
            and not any(model.problem for model in self.models.values())
        )

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def status(folder: Path) -> Status:
    """Return the state of things, as a notebook in ``folder`` meets them."""
    from local_assistant import paths
    from local_assistant.config import ROLES, ConfigError, default_config, load_config
    from local_assistant.engine.launch import running_engine

    problems: tuple[str, ...] = ()
    try:
        loaded = load_config(folder)
    except ConfigError as error:
        problems = tuple(map(str, error.problems))
        loaded = default_config()
    file = paths.user_config_file()
    names = tuple(str(path) for path in loaded.files)
    engine = running_engine()
    server = _server(loaded.config)
    models = {role: _model(role, loaded.config, server) for role in ROLES}
    config = ConfigStatus(str(file), file.is_file(), names, problems)
    return Status(server, models, _engine(engine), config, str(paths.logs_dir()))


def _server(config: AssistantConfig) -> ServerStatus:
    from local_assistant.server import find_server
    from local_assistant.server.endpoint import NotRunning

    try:
        found = find_server(config, start=False)
    except NotRunning as error:
        return ServerStatus("idle", error.kind, None, None, True, error.message, error.fix)
    except AssistantError as error:
        return ServerStatus("failed", None, None, None, None, error.message, error.fix)
    return ServerStatus(
        "answers", found.kind, found.url, found.version, found.local, found.detail, None
    )


def _model(role: Any, config: AssistantConfig, server: ServerStatus) -> ModelStatus:
    from local_assistant.server import choose
    from local_assistant.server.endpoint import NotRunning

    if server.state == "failed":
        return ModelStatus(None, None, None, server.detail, server.fix)
    try:
        choice = choose(role, config, start=False)
    except NotRunning:
        return ModelStatus(config.models.for_role(role), None, _PRESET_DECIDES, None, None)
    except AssistantError as error:
        return ModelStatus(None, None, None, error.message, error.fix)
    return ModelStatus(choice.model, choice.endpoint.url, choice.notice, None, None)


def _engine(info: EngineInfo | None) -> EngineStatus:
    if info is None:
        return EngineStatus(False, None, None, None, ())
    from local_assistant.server import Client, Endpoint

    endpoint = Endpoint("embedded", info.url, info.token, info.version, True, "")
    try:
        answer = Client(endpoint, timeout_s=2.0).get("/api/ps")
        loaded = tuple(str(model.get("name")) for model in answer.get("models") or ())
    except AssistantError:
        loaded = ()  # It ended just now; the next status says so.
    return EngineStatus(True, info.url, info.pid, info.version, loaded)
