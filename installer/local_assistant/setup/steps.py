"""The steps of ``jupyter assistant install``, in order.

Contract: each step looks at what is there and does nothing where it is right, so that a
second run changes nothing and a run after a Ctrl-C goes on. A step raises AssistantError
where it cannot do its part; the steps before it stay done.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from local_assistant import paths
from local_assistant.models.progress import OnProgress
from local_assistant.setup import dropins, jupyter_ai, merging
from local_assistant.setup import record as records
from local_assistant.setup.files import read_bytes
from local_assistant.setup.names_step import ensure_names


@dataclass(frozen=True)
class StepResult:
    """What a step found or did, in one line, and the milliseconds that it took."""

    name: str
    changed: bool
    detail: str
    ms: float = 0.0

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def _nobody(_question: str) -> bool:
    return False


@dataclass(frozen=True)
class InstallOptions:
    """What ``install`` was asked for.

    Attributes:
        prefix: the environment whose ``etc`` gets Jupyter's settings.
        preset: a preset named on the command line; naming one is a yes to its download.
        yes: a yes to the download of the configured preset, and to Ollama's installer where
            that was asked for.
        install_ollama: whether Ollama's installer was asked for.
        somebody: whether a person is there to be asked.
        ask: asks a person; answers no where nobody is there.
        show: is called with what an installer prints, as it comes.
        progress: is called with each progress event of a download.
    """

    prefix: Path = field(default_factory=paths.prefix)
    preset: str | None = None
    yes: bool = False
    install_ollama: bool = False
    somebody: bool = False
    ask: Callable[[str], bool] = _nobody
    show: Callable[[str], None] = lambda _text: None
    progress: OnProgress = lambda _event: None


def next_step() -> str:
    """Return the command that opens JupyterLab: in a checkout, or in any environment."""
    from importlib.util import find_spec

    if paths.in_checkout():
        return "make lab"
    if find_spec("jupyterlab"):
        return "jupyter lab"
    return "start a cell with %%ai in a notebook of this environment"


def install(options: InstallOptions) -> Iterator[StepResult]:
    """Set everything up, yielding each step's result as it ends."""
    # What all steps read is the command's own start, and not the first step's work.
    import local_assistant.config  # noqa: F401

    for step in _steps(options):
        began = time.perf_counter()
        result = step(options)
        yield replace(result, ms=round((time.perf_counter() - began) * 1000, 1))


def _steps(options: InstallOptions) -> Iterator[Callable[[InstallOptions], StepResult]]:
    from local_assistant.setup.own_files import ensure_own_files

    yield from (ensure_config, ensure_own_files, ensure_shared_settings)
    if options.install_ollama:
        from local_assistant.setup.ollama_step import ensure_ollama

        yield ensure_ollama
    yield ensure_server
    from local_assistant.setup.model_step import ensure_models

    yield from (ensure_models, ensure_names, jupyter_ai.ensure)


def ensure_config(options: InstallOptions) -> StepResult:
    """The user's ``assistant.toml`` is there, valid, and names the preset asked for."""
    from local_assistant.config import TEMPLATE, write_template

    path = paths.user_config_file()
    record = records.load()
    before = read_bytes(path)
    if before is None:
        record.config_path = str(path)
        record.config_digest = records.digest(TEMPLATE.encode())
        record.config_made = merging.folders_for(path)
        records.save(record)
        write_template(path)
    changed = _preset(options.preset, path)
    after = read_bytes(path)
    as_left = before is None or records.digest(before) == record.config_digest
    if record.config_path == str(path) and as_left and after is not None:
        record.config_digest = records.digest(after)
        records.save(record)
    return StepResult("config", after != before, ", ".join([str(path), *changed]))


def _preset(name: str | None, path: Path) -> list[str]:
    """Let a preset that was asked for decide for all roles; return what that changed."""
    from local_assistant.config import ROLES, load_config, set_values

    models = load_config().config.models
    if name is None:
        return []
    wanted = {"preset": name, **dict.fromkeys(ROLES)}
    changed = {key: value for key, value in wanted.items() if getattr(models, key) != value}
    set_values({f"models.{key}": value for key, value in changed.items()}, path)
    return [
        f"{key} = {value}" if value else f"{key} no longer {getattr(models, key)}"
        for key, value in changed.items()
    ]


def ensure_shared_settings(options: InstallOptions) -> StepResult:
    """Our keys are in the files that Jupyter shares with others, but for what the user set."""
    place = dropins.place(options.prefix)
    changed: list[str] = []
    left: list[str] = []
    for file in dropins.shared_files(place):
        kept, written = merging.merge(file, place.ledger)
        left += kept
        if written:
            changed.append(file.path.name)
    if place.own:
        place.ledger.join(paths.home())
    where = paths.display(place.folder)
    detail = f"{', '.join(changed)} in {where}" if changed else f"in {where}, as they should be"
    if not place.own:
        detail += f" ({options.prefix} cannot be written by you, so for you alone)"
    if left:
        detail += f" (left as you set it: {', '.join(left)})"
    return StepResult("settings", bool(changed), detail)


def ensure_server(options: InstallOptions) -> StepResult:
    """A model server answers."""
    from local_assistant.config import load_config
    from local_assistant.engine.launch import running_engine
    from local_assistant.server import find_server, ollama, states

    config = load_config().config
    ran = {"embedded": running_engine() is not None, "ollama": ollama.started_by_us() is not None}
    endpoint = find_server(config)
    runs = endpoint.kind == "embedded" or ollama.started_by_us() is not None
    detail = f"{endpoint.kind} {endpoint.version} at {endpoint.url}: {endpoint.detail}"
    if endpoint.kind == "embedded" and config.server.kind == "auto":
        detail += f" The embedded engine answers meanwhile. {states.look(config).fix or ''}"
    return StepResult("server", runs and not ran[endpoint.kind], detail.rstrip())
