"""Checks of Jupyter: our drop-in files, the extensions, other completers, Jupyter AI's parts."""

from __future__ import annotations

from importlib import metadata
from pathlib import Path

from local_assistant import __version__
from local_assistant.errors import AssistantError
from local_assistant.setup.doctor import labfiles
from local_assistant.setup.doctor.readings import Readings
from local_assistant.setup.doctor.registry import Failing, check, refuse

EXTENSION = "jupyter-local-assistant"
SERVER_EXTENSION = "local_assistant.lab.extension"
COMPLETER = "@jupyterlab/completer-extension"
AGAIN = "pip install --force-reinstall --no-deps jupyter-local-assistant"
NO_LAB = "JupyterLab is not installed here"


@check("drop_ins", mends="writes our keys into the files that Jupyter shares, as install does")
def check_drop_ins(readings: Readings) -> str:
    """Our files are where Jupyter and IPython read them, with our keys in the shared ones."""
    from local_assistant.setup import dropins, merging

    missing = dropins.missing_own_files(readings.prefix)
    if missing:
        more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
        raise Failing(f"{missing[0]}{more} of our files are missing.", AGAIN)
    wrong: list[str] = []
    left: list[str] = []
    place = dropins.place(readings.prefix)
    for file in dropins.shared_files(place):
        wanting, kept = merging.outlook(file, place.ledger)
        wrong += [f"{key} in {file.path.name}" for key in wanting]
        left += kept

    def write() -> str:
        from local_assistant.setup.steps import InstallOptions, ensure_shared_settings

        return ensure_shared_settings(InstallOptions(prefix=readings.prefix)).detail

    if wrong:
        raise Failing(f"Not set: {', '.join(wrong)}.", "jupyter assistant install", write)
    there = f"{len(dropins.OWN_FILES)} files in {readings.prefix}"
    return there + (f"; left as you set it: {', '.join(left)}" if left else "")


@check("server_extension")
def check_server_extension(readings: Readings) -> str:
    """Jupyter's server loads our extension."""
    folders = labfiles.config_folders()
    if not folders:
        return "Jupyter is not installed here"
    found, where = labfiles.server_extension(folders, SERVER_EXTENSION)
    if where is None:
        raise Failing(f"No file of Jupyter's names the server extension {SERVER_EXTENSION}.", AGAIN)
    if found is not True:
        raise Failing(
            f"The server extension {SERVER_EXTENSION} is switched off in {where}.",
            _enable_on_server(where),
        )
    return f"on, in {where}"


def _enable_on_server(where: Path) -> str:
    if where.name == "jupyter_server_config.json":  # it wins over what the command writes
        return f'Take "{SERVER_EXTENSION}" out of "jpserver_extensions" in {where}'
    level = labfiles.level_of(str(where)) or "user"
    return f"jupyter server extension enable --{level.replace('_', '-')} {SERVER_EXTENSION}"


@check("lab_extension")
def check_lab_extension(readings: Readings) -> str:
    """JupyterLab has our extension, in this version, and neither it nor the inline completer
    that shows the ghost text is disabled."""
    if _version("jupyterlab") is None:
        return NO_LAB
    there = labfiles.extensions()
    ours = there.get(EXTENSION)
    if ours is None:
        raise Failing(f"JupyterLab has no extension {EXTENSION}.", AGAIN)
    if ours.version != __version__:
        raise Failing(
            f"JupyterLab's extension {EXTENSION} in {ours.folder} is of version {ours.version}, "
            f"this package of {__version__}.",
            AGAIN,
        )
    problems: list[AssistantError] = []
    for rule, where in labfiles.disabled(there).items():
        name = rule.partition(":")[0]
        if name == EXTENSION or rule in (COMPLETER, f"{COMPLETER}:inline-completer"):
            problems.append(
                Failing(f"JupyterLab's {rule} is disabled in {where}.", _enable(rule, where))
            )
    refuse(problems)
    locked = any(rule.partition(":")[0] == EXTENSION for rule in labfiles.locked())
    return f"{EXTENSION} {ours.version}" + (", locked by your administrator" if locked else "")


def _enable(rule: str, where: str) -> str:
    level = labfiles.level_of(where)
    return f"jupyter labextension enable {rule}" + (f" --level={level}" if level else "")


@check("completers")
def check_completers(readings: Readings) -> str:
    """Which other extensions write ghost text, too: two at once compete for the same place."""
    if _version("jupyterlab") is None:
        return NO_LAB
    there = labfiles.extensions()
    off = {rule.partition(":")[0] for rule in labfiles.disabled(there)}
    others = [
        name
        for name, extension in there.items()
        if name not in (EXTENSION, *off) and labfiles.completes_inline(extension)
    ]
    if others:
        return (
            f"{', '.join(others)} can write ghost text, too: choose in JupyterLab's settings, "
            "Inline Completer, which of them does"
        )
    return "ours alone"


@check("jupyter_ai", mends="writes our model names into Jupyter AI's settings, as install does")
def check_jupyter_ai(readings: Readings) -> str:
    """Jupyter AI's own parts, where they are installed, use our models."""
    from local_assistant.setup import jupyter_ai
    from local_assistant.setup.doctor.models import WAITS
    from local_assistant.setup.jupyter_ai import stacks

    if readings.settings[1] is not None:
        return WAITS
    stack = stacks.find(readings.config)
    problems = jupyter_ai.problems()

    def write() -> str:
        from local_assistant.setup.steps import InstallOptions

        return jupyter_ai.ensure(InstallOptions(prefix=readings.prefix)).detail

    if problems:
        found = Failing.of(problems)
        can_write = stack is not None and stack.problem is None
        raise Failing(found.message, found.fix, write if can_write else None)
    version = _version("jupyter-ai")
    if stack is not None:
        own = jupyter_ai.own_model()
        return f"{stack.name} uses " + (f"{own}, as you chose" if own else "our model names")
    return f"Jupyter AI {version}: our chat answers" if version else "not installed"


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None
