"""Everything that the assistant may change on a machine, and how each is undone.

Contract: a change that is not in :data:`CHANGES` is a defect. ``uninstall`` reports by the
``id`` of each; ``docs/changes-to-your-machine.md`` has a section for each, under its title,
with its paths and its undo. Tests hold the page, what ``uninstall --dry-run`` lists, and what a
session really writes against this list, each in both directions.
"""

from __future__ import annotations

from dataclasses import dataclass

from local_assistant import paths as places
from local_assistant.lab.chat.defaults import SHARED_CONFIG
from local_assistant.setup.dropins import LABEXTENSION, OWN_FILES
from local_assistant.setup.ledger import IN_PREFIX


@dataclass(frozen=True)
class Change:
    """One kind of change.

    Attributes:
        id: the word in ``uninstall --json``.
        title: the heading on the page.
        where: what is changed, as the page shows it.
        undo: the command that takes it back.
        automatic: whether plain ``jupyter assistant uninstall`` does it.
        paths: the files and, with a slash at the end, folders with all that is in them, below
            PREFIX, DATA, JUPYTER_CONFIG, JUPYTER_DATA or IPYTHON.
    """

    id: str
    title: str
    where: str
    undo: str
    automatic: bool = True
    paths: tuple[str, ...] = ()


UNINSTALL = "jupyter assistant uninstall"
NAMES = "names"
CONFIG_FILE = f"JUPYTER_CONFIG/{places.CONFIG_NAME}"
STARTUP_FILE = "IPYTHON/profile_default/startup/zz-local-assistant.py"

CHANGES = (
    Change("config", "Your settings file", CONFIG_FILE, UNINSTALL, paths=(CONFIG_FILE,)),
    Change(
        "settings",
        "Keys in files that Jupyter shares",
        "PREFIX/etc/jupyter/",
        UNINSTALL,
        paths=(
            *(f"PREFIX/etc/jupyter/{name}" for name in SHARED_CONFIG),
            *(f"JUPYTER_CONFIG/{name}" for name in SHARED_CONFIG),
            f"PREFIX/{IN_PREFIX}",
        ),
    ),
    Change(
        "jupyter-ai",
        "Jupyter AI's own models",
        "JUPYTER_DATA/jupyter_ai/config.json",
        UNINSTALL,
        paths=("JUPYTER_DATA/jupyter_ai/config.json",),
    ),
    Change(
        "startup",
        "A startup file in your IPython profile",
        STARTUP_FILE,
        UNINSTALL,
        paths=(STARTUP_FILE,),
    ),
    Change("engine", "The embedded engine's process", "DATA/run/", UNINSTALL, paths=("DATA/run/",)),
    Change(
        "ollama",
        "An Ollama that we started",
        "DATA/state/ollama.json",
        UNINSTALL,
        paths=("DATA/state/ollama.json",),
    ),
    Change("logs", "Log files", "DATA/logs/", UNINSTALL, paths=("DATA/logs/",)),
    Change(
        "downloads",
        "Downloads on their way into Ollama",
        "DATA/downloads/",
        UNINSTALL,
        paths=("DATA/downloads/",),
    ),
    Change(
        "learned",
        "What the chat has learned",
        "DATA/learned/",
        UNINSTALL,
        paths=("DATA/learned/",),
    ),
    Change(
        "state",
        "The record of what was installed",
        "DATA/state/",
        UNINSTALL,
        paths=("DATA/state/", "DATA/folders/"),
    ),
    Change(NAMES, "Names for models", "assistant-chat", UNINSTALL),
    Change(
        "models",
        "Models",
        "DATA/models/",
        f"{UNINSTALL} --models",
        automatic=False,
        paths=("DATA/models/",),
    ),
    Change(
        "ollama-models",
        "Models in Ollama",
        "Ollama's own store",
        "ollama rm MODEL",
        automatic=False,
    ),
    Change(
        "package",
        "The package and its drop-in files",
        "PREFIX",
        "pip uninstall jupyter-local-assistant",
        automatic=False,
        paths=(
            *(f"PREFIX/{name}" for name in OWN_FILES if not name.startswith(LABEXTENSION)),
            f"PREFIX/{LABEXTENSION}/",
        ),
    ),
    Change("environment", "The environment of a checkout", ".venv/", "make uninstall", False),
)


def by_id(name: str) -> Change:
    """Return the change called ``name``."""
    return next(change for change in CHANGES if change.id == name)
