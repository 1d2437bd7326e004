"""Settings for Jupyter under the environment's prefix.

Two kinds. Files with our own name come with the wheel and are only looked for. Files with
a shared name are merged key by key and undone key by key (``merging``): what the user has
set, there or in the user's own config directories, is left out.

Contract: nothing outside ``prefix/etc`` is written, but where that cannot be written (a hub's
environment): then the keys go into the user's own config directory.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from local_assistant import paths
from local_assistant.setup import ledger as ledgers
from local_assistant.setup import tree
from local_assistant.setup.files import read_bytes
from local_assistant.setup.ledger import Ledger
from local_assistant.setup.merging import SharedFile
from local_assistant.setup.tree import MISSING

LABEXTENSION = "share/jupyter/labextensions/jupyter-local-assistant"
_MODULES = (
    "begin chatline context contextstyle decide download editor generation ghost item models "
    "modelsstyle modelstalk modeltable notestyle panel panels panelstyle popup popupstyle "
    "remoteEntry seen status steady style talk wire words"
)
OWN_FILES = (
    "etc/ipython/startup/zz-local-assistant.py",
    "etc/jupyter/jupyter_server_config.d/jupyter-local-assistant.json",
    "etc/jupyter/labconfig/default_setting_overrides.d/zz-local-assistant.json",
    f"{LABEXTENSION}/install.json",
    f"{LABEXTENSION}/package.json",
    f"{LABEXTENSION}/schemas/jupyter-local-assistant/ghost-text.json",
    *(f"{LABEXTENSION}/static/{module}.js" for module in _MODULES.split()),
)
"""The wheel's shared data, relative to the prefix (tests compare it with the tree)."""


def missing_own_files(prefix: Path) -> list[Path]:
    """Return which of our own files are not under ``prefix``."""
    return [prefix / name for name in OWN_FILES if not (prefix / name).is_file()]


@dataclass(frozen=True)
class Place:
    """Where the files with shared names are.

    Attributes:
        folder: which of Jupyter's config directories.
        ledger: where it is noted what we merged there.
        own: whether that is the environment's, and not the user's.
    """

    folder: Path
    ledger: Ledger
    own: bool


def place(prefix: Path) -> Place:
    """Return where this user can set what Jupyter reads for this environment.

    Raises:
        AssistantError: the record of what was merged is damaged.
    """
    folder = prefix / "etc" / "jupyter"
    if writable(folder) or _all_set(prefix):
        return Place(folder, ledgers.of_prefix(prefix), True)
    return Place(paths.jupyter_config_dir(), ledgers.of_user(), False)


def writable(folder: Path) -> bool:
    """Return whether files can be made in ``folder``, which need not be there."""
    there = next(each for each in (folder, *folder.parents) if each.exists())
    return os.access(there, os.W_OK | os.X_OK)


def _all_set(prefix: Path) -> bool:
    """Return whether who owns the environment has set all of ours there."""
    place = Place(prefix / "etc" / "jupyter", Ledger(Path()), True)
    return all(
        tree.get(tree.parse_or_empty(read_bytes(file.path) or b""), key) == value
        for file in shared_files(place)
        for key, value in file.wanted.items()
    )


def shared_files(place: Place) -> list[SharedFile]:
    """Return the shared-name files of this environment.

    What a package ships and switches on is left out where that package is not installed. It
    ships nothing into the user's directory: what is there, the user has chosen.
    """
    from local_assistant.lab.chat.defaults import SHARED_CONFIG, SHIPPED_VALUES

    found = []
    for name, data in SHARED_CONFIG.items():
        shipped = SHIPPED_VALUES.get(name, {})
        package = _installation(Path(name).stem) if shipped else None
        if shipped and package is None:
            continue
        wanted = dict(tree.flatten(data))
        if place.own:
            file = SharedFile(place.folder / name, wanted, shipped, package, elsewhere=user_sets)
        else:
            file = SharedFile(place.folder / name, wanted, elsewhere=user_sets)
        found.append(file)
    return found


def user_sets(shared: Path, key: str) -> Path | None:
    """Return the user's own config file that sets ``key`` of ``shared``, if there is one.

    Jupyter reads an extension's settings from its own file, from the server's and from the
    server's ``.d``. A Python file is searched for the names: it cannot be evaluated here.
    """
    own = paths.jupyter_config_dir()
    for directory in paths.jupyter_user_config_dirs():
        if directory != own and shared.resolve().is_relative_to(directory.resolve()):
            continue  # JUPYTER_CONFIG_PATH may name the environment itself.
        stems = (shared.stem, "jupyter_server_config", "jupyter_config")
        files = [directory / f"{stem}.json" for stem in stems]
        files += sorted((directory / "jupyter_server_config.d").glob("*.json"))
        for file in files:
            data = read_bytes(file) if file != shared else None
            if data is not None and tree.get(tree.parse_or_empty(data), key) is not MISSING:
                return file
        for stem in stems:
            script = read_bytes(directory / f"{stem}.py")
            if script is not None and _assigned(script, key):
                return directory / f"{stem}.py"
    return None


def _installation(package: str) -> str | None:
    """Return what tells one installation of a package from the next.

    The version alone would not: reinstalling puts the package's files back, too.
    """
    from importlib import metadata

    try:
        found = metadata.distribution(package)
    except metadata.PackageNotFoundError:
        return None
    location = getattr(found, "_path", None)
    try:
        stamp = (Path(location) / "RECORD").stat().st_mtime_ns if location else 0
    except OSError:
        stamp = 0  # Not installed by pip: the version has to do.
    return f"{found.version}@{stamp}"


def _assigned(script: bytes, key: str) -> bool:
    lines = script.decode("utf-8", "replace").splitlines()
    code = "\n".join(line for line in lines if not line.lstrip().startswith("#"))
    return all(part in code for part in key.split("."))
