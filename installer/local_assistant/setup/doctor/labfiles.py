"""What Jupyter's own files say about extensions, read as Jupyter reads them.

Contract: only ``jupyter_core`` is imported (JupyterLab's own functions cost seconds); without
it everything is empty. Nothing raises: a file that is not JSON counts as empty, as it does
for Jupyter.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

_PROVIDES = b"registerInlineProvider"


@dataclass(frozen=True)
class LabExtension:
    """An extension of JupyterLab's that comes prebuilt.

    Attributes:
        name: as its ``package.json`` has it.
        version: likewise.
        folder: where it lies.
        disables: the extensions and plugins that it switches off.
    """

    name: str
    version: str
    folder: Path
    disables: tuple[str, ...] = field(default=())


def config_folders() -> list[Path]:
    """Return where Jupyter looks for settings, the first one winning; none without Jupyter."""
    try:
        from jupyter_core.paths import jupyter_config_path
    except ImportError:
        return []
    return [Path(folder) for folder in jupyter_config_path()]


def data_folders(name: str) -> list[Path]:
    """Return where Jupyter looks for data called ``name``, the first one winning."""
    try:
        from jupyter_core.paths import jupyter_path
    except ImportError:
        return []
    return [Path(folder) for folder in jupyter_path(name)]


def layers(folders: Sequence[Path], section: str) -> Iterator[tuple[Path, dict[str, Any]]]:
    """Yield the files of a section, the winning one last."""
    for folder in reversed(folders):
        files = (*sorted((folder / f"{section}.d").glob("*.json")), folder / f"{section}.json")
        for file in files:
            data = read_object(file)
            if data:
                yield file, data


def setting(folders: Sequence[Path], section: str, keys: Sequence[str]) -> tuple[Any, Path | None]:
    """Return a setting's value and the file that it comes from."""
    found: tuple[Any, Path | None] = (None, None)
    for file, data in layers(folders, section):
        value: Any = data
        for key in keys:
            value = value.get(key) if isinstance(value, dict) else None
        if value is not None:
            found = (value, file)
    return found


def server_extension(folders: Sequence[Path], name: str) -> tuple[Any, Path | None]:
    """Return whether Jupyter's server loads an extension, and the file that says so.

    As the server does: the list in the first ``jupyter_server_config.json`` that has one is its
    own setting, and wins over every ``jupyter_server_config.d``.
    """
    for folder in folders:
        file = folder / "jupyter_server_config.json"
        section = read_object(file).get("ServerApp")
        listed = section.get("jpserver_extensions") if isinstance(section, dict) else None
        if isinstance(listed, dict):
            if name in listed:
                return listed[name], file
            break
    return setting(folders, "jupyter_server_config", ("ServerApp", "jpserver_extensions", name))


def extensions(folders: Sequence[Path] | None = None) -> dict[str, LabExtension]:
    """Return the prebuilt extensions by name; of two with one name, the one that is loaded."""
    found: dict[str, LabExtension] = {}
    for folder in data_folders("labextensions") if folders is None else folders:
        for file in (*folder.glob("[!@]*/package.json"), *folder.glob("@*/*/package.json")):
            data = read_object(file)
            lab = data.get("jupyterlab")
            disables = lab.get("disabledExtensions") if isinstance(lab, dict) else None
            name = str(data.get("name") or file.parent.name)
            version = str(data.get("version") or "")
            extension = LabExtension(name, version, file.parent, tuple(disables or ()))
            found.setdefault(name, extension)
    return found


def disabled(there: dict[str, LabExtension]) -> dict[str, str]:
    """Return what is switched off in JupyterLab, and by which file or extension."""
    found = _page_config("disabledExtensions")
    for extension in there.values():
        if extension.name not in found:
            for rule in extension.disables:
                found.setdefault(rule, f"the extension {extension.name}")
    return found


def locked() -> dict[str, str]:
    """Return what cannot be switched in JupyterLab's extension manager, and by which file."""
    return _page_config("lockedExtensions")


def _page_config(key: str) -> dict[str, str]:
    """Return the rules that hold under ``key``, with the file that says so."""
    folders = [folder / "labconfig" for folder in config_folders()]
    application = [folder / "settings" for folder in data_folders("lab")[:0:-1]]
    found: dict[str, str] = {}
    for file, data in (
        *layers([*reversed(application)], "page_config"),
        *layers(folders, "page_config"),
    ):
        rules = data.get(key)
        switches = rules if isinstance(rules, dict) else dict.fromkeys(rules or (), True)
        for rule, on in switches.items():
            if on:
                found[str(rule)] = str(file)
            else:
                found.pop(str(rule), None)
    return found


def level_of(file: str) -> str:
    """Return the level at which Jupyter's commands write a file; empty for the user's."""
    path = Path(file)
    if path.is_relative_to(sys.prefix):
        return "sys_prefix"
    system = ("/usr/local/etc", "/etc", os.environ.get("PROGRAMDATA", "/etc"))
    return "system" if any(path.is_relative_to(folder) for folder in system) else ""


def completes_inline(extension: LabExtension) -> bool:
    """Return whether an extension's code registers a provider of ghost text."""
    for script in extension.folder.glob("static/*.js"):
        try:
            if _PROVIDES in script.read_bytes():
                return True
        except OSError:
            continue  # not ours to judge
    return False


def read_object(file: Path) -> dict[str, Any]:
    """Return the JSON object in a file; empty where there is none."""
    try:
        data = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return data if isinstance(data, dict) else {}
