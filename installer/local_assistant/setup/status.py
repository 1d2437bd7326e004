"""What is set up and what answers, without starting anything.

Contract: never raises for what it reports on: a broken file, no server and a missing model
are part of the answer. Bounded by the server probes' deadlines.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from local_assistant.errors import AssistantError
from local_assistant.server.getting import PAGE

if TYPE_CHECKING:
    from local_assistant.config import AssistantConfig
    from local_assistant.engine.launch import EngineInfo
    from local_assistant.server import Endpoint, InstalledModel
    from local_assistant.server.choice import Look
    from local_assistant.server.states import ServerState


_SERVER_DECIDES = "asked for when the server runs"


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
    """The whole answer.

    ``ollama`` is its state (see ``server.states``), whether it answers or not; ``warnings``
    are about what works, but not as well as it could.
    """

    server: ServerStatus
    models: dict[str, ModelStatus]
    engine: EngineStatus
    config: ConfigStatus
    logs: str
    ollama: dict[str, Any]
    warnings: tuple[str, ...]

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
    from local_assistant.server.choice import Look
    from local_assistant.server.states import describe

    problems: tuple[str, ...] = ()
    try:
        loaded = load_config(folder)
    except ConfigError as error:
        problems = tuple(map(str, error.problems))
        loaded = default_config()
    file = paths.user_config_file()
    names = tuple(str(path) for path in loaded.files)
    engine = running_engine()
    ollama = describe(loaded.config)
    look = Look(loaded.config, start=False, seen=ollama)
    server = _server(look, ollama)
    if server.state == "idle" and server.kind == "embedded":
        look = _as_if_started(look.config)
    models = {role: _model(role, look, server) for role in ROLES}
    config = ConfigStatus(str(file), file.is_file(), names, problems)
    logs = str(paths.logs_dir())
    warnings = tuple(_warnings(ollama, server))
    return Status(server, models, _engine(engine), config, logs, ollama.as_dict(), warnings)


def _as_if_started(config: AssistantConfig) -> Look:
    """Return a look at the embedded engine as it will be: its models lie in a folder of ours."""
    from local_assistant.server import Endpoint, in_our_store
    from local_assistant.server.choice import Look

    endpoint = Endpoint("embedded", "", None, "", True, "")
    models = in_our_store(config)

    class Later(Look):
        def server(self) -> Endpoint:
            return endpoint

        def models(self) -> list[InstalledModel]:
            return models

        def engine(self, reason: str | None = None) -> Endpoint:
            return endpoint

    return Later(config, start=False)


def _server(look: Look, ollama: ServerState) -> ServerStatus:
    from local_assistant.server.endpoint import NotRunning

    try:
        found = look.server()
    except NotRunning as error:
        # Why the engine will answer is what is wrong with Ollama, unless it was chosen.
        passed_over = error.kind == "embedded" and ollama.state != "unused"
        detail = ollama.detail if passed_over else error.message
        fix = ollama.fix if passed_over else error.fix
        return ServerStatus("idle", error.kind, None, None, True, detail, fix)
    except AssistantError as error:
        return ServerStatus("failed", None, None, None, None, error.message, error.fix)
    detail = found.detail + _started_by(ollama) if found.kind == "ollama" else found.detail
    return ServerStatus("answers", found.kind, found.url, found.version, found.local, detail, None)


def _started_by(ollama: ServerState) -> str:
    """Return what started an Ollama on this machine, as far as can be seen."""
    holder = ollama.holder
    process = f" (process {holder.pid})" if holder and holder.pid else ""
    unit = f" {holder.unit}" if holder and holder.unit else ""
    return {
        "us": f" The assistant has started it{process}.",
        "service": f" It runs as the service{unit}{process}.",
        "app": f" It runs as the desktop app{unit}{process}.",
        "container": f" It runs in a container{process}.",
        "hand": f" It was started by hand{process}.",
        None: "",
    }[ollama.how]


def _warnings(ollama: ServerState, server: ServerStatus) -> Iterator[str]:
    from local_assistant.server import proxies

    if ollama.state == "answers" and ollama.lacks:
        lacks = "; ".join(
            f"{each.name} (since {each.since}): {each.without}" for each in ollama.lacks
        )
        yield f"This Ollama lacks {lacks}. Update it ({PAGE})."
    caught = proxies.catcher(server.url or ollama.url)
    if caught:
        yield (
            f"{caught} is set and NO_PROXY does not except this machine: the assistant goes around "
            f"the proxy, other clients in kernels do not. Mend it with: {proxies.advice()}"
        )


def _model(role: Any, look: Look, server: ServerStatus) -> ModelStatus:
    from local_assistant.server import DEMO_MODEL, choose
    from local_assistant.server.endpoint import NotRunning

    if server.state == "failed":
        return ModelStatus(None, None, None, server.detail, server.fix)
    try:
        choice = choose(role, look.config, start=False, look=look)
    except NotRunning as idle:
        if server.state == "answers":  # it has no such model: the demo model will answer
            return ModelStatus(DEMO_MODEL, None, idle.message, None, None)
        return ModelStatus(look.config.models.for_role(role), None, _SERVER_DECIDES, None, None)
    except AssistantError as error:
        return ModelStatus(None, None, None, error.message, error.fix)
    return ModelStatus(choice.model, choice.endpoint.url or None, choice.notice, None, None)


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
