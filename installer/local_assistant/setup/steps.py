"""The steps of ``jupyter assistant install``, in order.

Contract: each step looks at what is there and does nothing where it is right, so that a
second run changes nothing and a run after a Ctrl-C goes on. A step raises AssistantError
where it cannot do its part; the steps before it stay done.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from local_assistant.errors import AssistantError
from local_assistant.models.pull import OnProgress
from local_assistant.setup import dropins
from local_assistant.setup import record as records
from local_assistant.setup.files import read_bytes


@dataclass(frozen=True)
class StepResult:
    """What a step found or did; ``detail`` is one line."""

    name: str
    changed: bool
    detail: str

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
        yes: a yes to the download of the configured preset.
        ask: asks a person; answers no where nobody is there.
        progress: is called with each progress event of a download.
    """

    prefix: Path = field(default_factory=lambda: Path(sys.prefix))
    preset: str | None = None
    yes: bool = False
    ask: Callable[[str], bool] = _nobody
    progress: OnProgress = lambda _event: None


def next_step() -> str:
    """Return the command that opens JupyterLab: in a checkout, or in any environment."""
    from importlib.util import find_spec

    from local_assistant import paths

    if paths.in_checkout():
        return "make lab"
    if find_spec("jupyterlab"):
        return "jupyter lab"
    return "start a cell with %%ai in a notebook of this environment"


def install(options: InstallOptions) -> Iterator[StepResult]:
    """Set everything up, yielding each step's result as it ends."""
    from local_assistant.setup.model_step import ensure_models

    yield ensure_config(options)
    yield ensure_own_files(options)
    yield ensure_shared_settings(options)
    yield ensure_server(options)
    yield ensure_models(options)


def ensure_config(options: InstallOptions) -> StepResult:
    """The user's ``assistant.toml`` is there, valid, and names the preset asked for."""
    from local_assistant import paths
    from local_assistant.config import load_config, set_value, write_template

    path = paths.user_config_file()
    record = records.load()
    before = read_bytes(path)
    if before is None:
        record.config_path = str(path)
        records.save(record)
        write_template(path)
    loaded = load_config()
    preset = options.preset
    renamed = preset is not None and loaded.config.models.preset != preset
    if renamed:
        set_value("models.preset", preset, path)
    after = read_bytes(path)
    ours = record.config_path == str(path) and before in (None, _as_recorded(record, before))
    if ours and after is not None:
        record.config_digest = records.digest(after)
        records.save(record)
    detail = str(path) + (f", preset = {preset}" if renamed else "")
    return StepResult("config", after != before, detail)


def _as_recorded(record: records.Record, content: bytes | None) -> bytes | None:
    """Return ``content`` if it is what we left there (or what we were about to note)."""
    if content is None or record.config_digest in (None, records.digest(content)):
        return content
    return None


def ensure_own_files(options: InstallOptions) -> StepResult:
    """Our own drop-in files are where Jupyter and IPython of this environment read them."""
    missing = dropins.missing_own_files(options.prefix)
    if missing:
        raise AssistantError(
            f"Jupyter's settings of the assistant are not in {options.prefix}: {missing[0]} is "
            "missing. (pip install --user and --target put them where Jupyter does not look.)",
            "Install into an environment of its own: python -m venv, or again there: "
            "pip install --force-reinstall --no-deps jupyter-local-assistant",
        )
    return StepResult("drop-ins", False, f"{len(dropins.OWN_FILES)} files in {options.prefix}/etc")


def ensure_shared_settings(options: InstallOptions) -> StepResult:
    """Our keys are in the files that Jupyter shares with others, but for what the user set."""
    record = records.load()
    changed: list[str] = []
    left: list[str] = []
    for file in dropins.shared_files(options.prefix):
        kept, written = dropins.merge(file, record)
        left += kept
        if written:
            changed.append(file.path.name)
    where = options.prefix / "etc" / "jupyter"
    detail = f"{', '.join(changed)} in {where}" if changed else f"in {where}, as they should be"
    if left:
        detail += f" (left as you set it: {', '.join(left)})"
    return StepResult("settings", bool(changed), detail)


def ensure_server(options: InstallOptions) -> StepResult:
    """A model server answers."""
    from local_assistant.config import load_config
    from local_assistant.engine.launch import running_engine
    from local_assistant.server import find_server, ollama

    ran = {"embedded": running_engine() is not None, "ollama": ollama.started_by_us() is not None}
    endpoint = find_server(load_config().config)
    runs = endpoint.kind == "embedded" or ollama.started_by_us() is not None
    detail = f"{endpoint.kind} {endpoint.version} at {endpoint.url}: {endpoint.detail}"
    return StepResult("server", runs and not ran[endpoint.kind], detail)
