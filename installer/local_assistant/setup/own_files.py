"""Our own drop-in files: those that the wheel brings, and one for a kernel that looks elsewhere.

Contract: the wheel's files are only looked for. IPython reads startup files below the
environment's prefix, ``/usr/local`` and ``/etc`` alone; where the wheel's lie elsewhere (``pip
install --user``) install copies that one into the user's IPython profile. It is recorded
before it is written, and :func:`remove_startup` removes it where it is as we wrote it.
"""

from __future__ import annotations

import sys
from pathlib import Path

from local_assistant import paths, temporary
from local_assistant.errors import AssistantError
from local_assistant.setup import dropins, merging
from local_assistant.setup import record as records
from local_assistant.setup.files import read_bytes, remove, write_atomically
from local_assistant.setup.steps import InstallOptions, StepResult

STARTUP = "etc/ipython/startup/zz-local-assistant.py"
_JUPYTER = ("jupyterlab", "jupyter-server", "notebook")
_EVERYWHERE = ("/usr/local", "/")
"""Below these, too, Jupyter and IPython look for ``etc``."""


def ensure_own_files(options: InstallOptions) -> StepResult:
    """Our own drop-in files are where Jupyter and IPython of this environment read them."""
    prefix = options.prefix
    missing = dropins.missing_own_files(prefix)
    if missing:
        raise AssistantError(
            f"Jupyter's settings of the assistant are not in {prefix}: {missing[0]} is "
            "missing. (pip install --target puts them where Jupyter does not look.)",
            "Install into an environment of its own: python -m venv, or again there: "
            "pip install --force-reinstall --no-deps jupyter-local-assistant",
        )
    _note_prefix(prefix)
    detail, changed = f"{len(dropins.OWN_FILES)} files in {prefix}", False
    if not ipython_looks_in(prefix):
        changed = _copy_startup(prefix / STARTUP)
        detail += f", and {paths.display(startup_file())}"
    if hidden := hidden_by_the_users_own():
        detail += f" (but {' and '.join(hidden)}; undo: pip uninstall {' '.join(_JUPYTER)})"
    return StepResult("drop-ins", changed, detail)


def hidden_by_the_users_own() -> list[str]:
    """Return which parts of this machine's Jupyter a ``pip install --user`` has put aside."""
    import site
    from importlib import metadata

    if not site.ENABLE_USER_SITE:
        return []
    said = []
    for name in _JUPYTER:
        versions: dict[bool, str] = {}
        for found in metadata.distributions(name=name):
            own = Path(str(found.locate_file(""))).is_relative_to(site.getusersitepackages())
            versions.setdefault(own, found.version)
        if len(versions) == 2:
            said.append(f"your own {name} {versions[True]} hides this machine's {versions[False]}")
    return said


def ipython_looks_in(prefix: Path) -> bool:
    """Return whether IPython runs the startup files below ``prefix``."""
    places = {Path(place).resolve() for place in (sys.prefix, *_EVERYWHERE)}
    return prefix.resolve() in places


def startup_file() -> Path:
    """Return where this user's IPython runs a file of ours at every start."""
    return paths.ipython_dir() / "profile_default" / "startup" / Path(STARTUP).name


def remove_startup(record: records.Record, *, dry_run: bool) -> list[tuple[Path, bool]]:
    """Remove our file from the user's IPython; return each with whether it was ours still."""
    done = []
    for name, made in list(record.files.items()):
        path = Path(name)
        content = read_bytes(path)
        ours = content is not None and records.digest(content) == made.digest
        if content is not None:
            done.append((path, ours))
        if dry_run:
            continue
        temporary.sweep(path)
        if ours:
            remove(path)
            merging.remove_folders(path, made.folder)
        del record.files[name]
        records.save(record)
    return done


def _note_prefix(prefix: Path) -> None:
    record = records.load()
    if str(prefix) not in record.prefixes:
        record.prefixes = sorted([*record.prefixes, str(prefix)])
        records.save(record)


def _copy_startup(source: Path) -> bool:
    path, content = startup_file(), source.read_bytes()
    before = read_bytes(path)
    record = records.load()
    known = record.files.get(str(path))
    if before is not None and known is None and before != content:
        return False  # somebody else's, by that very name
    made = known.folder if known else merging.folders_for(path)
    record.files[str(path)] = records.Made(records.digest(content), made)
    records.save(record)
    if before == content:
        return False
    write_atomically(path, content)
    return True
