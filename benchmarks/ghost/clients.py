"""The clients that the ghost text benchmark compares, each in a JupyterLab of its own.

Contract: ours runs in this environment; each peer in one of its own, installed from a
hash-pinned list under ``benchmarks/peers/`` or ``requirements/`` into the user's cache, once.
All talk to the same engine, through the settings that a user of theirs would make.
"""

from __future__ import annotations

import json
import os
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from local_assistant import paths
from tests.environments import pinned
from tests.jupyterlab import JupyterLab, write_shared_config

MODEL = "qwen2.5-coder"
"""The name under which the peers ask for a model; Notebook Intelligence has it hard-wired."""

_PINS = (Path(__file__).parents[1] / "peers", Path(__file__).parents[2] / "requirements")
_COMPLETER = "@jupyterlab/completer-extension:inline-completer"


@dataclass(frozen=True)
class Client:
    """One way to get ghost text.

    ``pins`` names the file that its environment is installed from (empty: this one);
    ``environment`` and ``options`` go to its JupyterLab; ``completer`` is merged into
    JupyterLab's own settings of the inline completer.
    """

    name: str
    pins: str = ""
    environment: dict[str, str] = field(default_factory=dict)
    options: tuple[str, ...] = ()
    completer: dict[str, Any] = field(default_factory=dict)

    def python(self) -> str:
        return str(installed(self.pins) / "bin" / "python") if self.pins else sys.executable


OURS = Client("jupyter-local-assistant")
NOTEBOOK_INTELLIGENCE = Client(
    "Notebook Intelligence 6.2.0",
    "notebook-intelligence.txt",
    {
        "NBI_INLINE_COMPLETION_MODEL_PROVIDER": "ollama",
        "NBI_INLINE_COMPLETION_MODEL_ID": MODEL,
    },
)
JUPYTER_AI_2 = Client(
    "Jupyter AI 2.31.7",
    "jupyter-ai-2.txt",
    options=(f"--AiExtension.default_completions_model=ollama:{MODEL}",),
    completer={"providers": {"@jupyterlab/jupyter-ai": {"enabled": True, "timeout": 15000}}},
)


def lab_of(client: Client, engine_url: str, folder: Path) -> JupyterLab:
    """Return a JupyterLab, not yet started, with ``client`` set up; all below ``folder``."""
    settings = folder / "user-settings" / "@jupyterlab" / "completer-extension"
    settings.mkdir(parents=True)
    if client.completer:
        file = settings / "inline-completer.jupyterlab-settings"
        file.write_text(json.dumps(client.completer), encoding="utf-8")
    environment = {
        "HOME": str(folder / "home"),
        "JUPYTER_CONFIG_DIR": str(folder / "config"),
        "JUPYTER_DATA_DIR": str(folder / "data"),
        "JUPYTER_RUNTIME_DIR": str(folder / "runtime"),
        "JUPYTERLAB_SETTINGS_DIR": str(folder / "user-settings"),
        "JUPYTERLAB_WORKSPACES_DIR": str(folder / "workspaces"),
        "IPYTHONDIR": str(folder / "ipython"),
        "OLLAMA_HOST": engine_url,
        # A telemetry or update call that cannot leave the machine must not cost time.
        "NO_PROXY": "127.0.0.1,localhost",
        **client.environment,
    }
    if client is OURS:
        environment["JUPYTER_CONFIG_PATH"] = str(write_shared_config(folder / "shared-config"))
        configure_ours(engine_url)
    else:
        environment["JUPYTER_CONFIG_PATH"] = str(folder / "no-config")
    return JupyterLab(
        folder / "root", folder / "lab.log", environment, python=client.python(),
        options=client.options,
    )  # fmt: skip


def configure_ours(engine_url: str, **completion: int) -> None:
    """Write the ``assistant.toml`` that names the engine; ``completion`` sets its table."""
    path = paths.user_config_file()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(
        f'[server]\nkind = "ollama"\nurl = "{engine_url}"\n'
        f'[models]\nchat = "{MODEL}"\ncompletion = "{MODEL}"\n[completion]\n'
        + "".join(f"{key} = {value}\n" for key, value in completion.items()),
        encoding="utf-8",
    )


def installed(pins: str) -> Path:
    """Return the peer's environment, installed if it is not there whole."""
    (file, *_) = (folder / pins for folder in _PINS if (folder / pins).is_file())
    return pinned(file, Path(os.environ["BENCHMARK_CACHE"]) / Path(pins).stem)
