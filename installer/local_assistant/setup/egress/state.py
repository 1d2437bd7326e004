"""What keeps a watched session apart from what the user has open, and yet like it.

Contract: the user's files are read, never written: the session works on copies in its own
folder. It has the user's settings and finds the user's models; engine, logs, workspaces and
history are its own.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from pathlib import Path

from local_assistant import paths
from local_assistant.errors import AssistantError


def apart(folder: Path, outside: str | None) -> dict[str, str]:
    """Return the variables of a session in ``folder``.

    Args:
        folder: the session's own.
        outside: the model server that runs already, if one does.
    """
    temporary = folder / "tmp"
    temporary.mkdir()
    variables = {
        **dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(temporary)),
        paths.HOME_ENV: str(folder / "home"),
        paths.CONFIG_ENV: str(folder / paths.CONFIG_NAME),
        "JUPYTERLAB_SETTINGS_DIR": str(folder / "settings"),
        "IPYTHONDIR": str(folder / "ipython"),
    }
    settings = os.environ.get("JUPYTERLAB_SETTINGS_DIR")
    theirs = Path(settings) if settings else paths.jupyter_config_dir() / "lab" / "user-settings"
    if theirs.is_dir():
        shutil.copytree(theirs, folder / "settings", symlinks=False)
    models = _copy_settings(folder / paths.CONFIG_NAME)
    if outside is None and "OLLAMA_MODELS" not in os.environ and (models / "manifests").is_dir():
        variables["OLLAMA_MODELS"] = str(models)  # a store that the engine reads, and never writes
    return variables


def running_server() -> str | None:
    """Return a model server that the session would use and not start: nobody can watch it."""
    from local_assistant.config import load_config
    from local_assistant.server import find_server

    with contextlib.suppress(AssistantError):  # the session says what is wrong
        found = find_server(load_config().config, start=False)
        if found.kind == "ollama" and found.version:
            return found.url
    return None


def _copy_settings(copy: Path) -> Path:
    """Copy the user's ``assistant.toml`` but for the models' folder, which is returned."""
    import tomlkit

    models = paths.models_dir()
    try:
        document = tomlkit.parse(paths.user_config_file().read_text(encoding="utf-8"))
    except (OSError, ValueError):  # none, or one that the doctor's other checks speak of
        return models
    engine = document.get("engine")
    if isinstance(engine, dict) and "models_dir" in engine:
        models = paths.expand(str(engine.pop("models_dir")), paths.user_config_file().parent)
    copy.write_text(tomlkit.dumps(document), encoding="utf-8")
    return models
