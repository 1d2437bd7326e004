"""Everything that the assistant may change on a machine, and how each is undone.

Contract: a change that is not in :data:`CHANGES` is a defect. ``uninstall`` reports by the
``id`` of each; ``docs/changes-to-your-machine.md`` has a section for each, under its title,
with its undo (a test holds the page against this list).
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Change:
    """One kind of change.

    Attributes:
        id: the word in ``uninstall --json``.
        title: the heading on the page.
        where: what is changed, as the page shows it.
        undo: the command that takes it back.
        automatic: whether plain ``jupyter assistant uninstall`` does it.
    """

    id: str
    title: str
    where: str
    undo: str
    automatic: bool = True


UNINSTALL = "jupyter assistant uninstall"

CHANGES = (
    Change("config", "Your settings file", "~/.jupyter/assistant.toml", UNINSTALL),
    Change("settings", "Keys in files that Jupyter shares", "PREFIX/etc/jupyter/", UNINSTALL),
    Change("engine", "The embedded engine's process", "DATA/run/", UNINSTALL),
    Change("ollama", "An Ollama that we started", "DATA/state/ollama.json", UNINSTALL),
    Change("logs", "Log files", "DATA/logs/", UNINSTALL),
    Change("state", "The record of what was installed", "DATA/state/", UNINSTALL),
    Change("models", "Models", "DATA/models/", f"{UNINSTALL} --models", automatic=False),
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
    ),
    Change("environment", "The environment of a checkout", ".venv/", "make uninstall", False),
)


def by_id(name: str) -> Change:
    """Return the change called ``name``."""
    return next(change for change in CHANGES if change.id == name)
