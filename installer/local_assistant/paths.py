"""Every path and environment variable name of the assistant, resolved at call time.

Contract: no other module reads ``LOCAL_ASSISTANT_HOME``, ``LOCAL_ASSISTANT_CONFIG`` or
asks for the home directory. Nothing is created here: who writes makes the directory
(:func:`make_private_dir`). Standard library and platformdirs only.
"""

from __future__ import annotations

import contextlib
import os
import sys
from pathlib import Path

from local_assistant.errors import AssistantError

HOME_ENV = "LOCAL_ASSISTANT_HOME"
"""Moves state, logs and models; default: the platform's user data directory."""

CONFIG_ENV = "LOCAL_ASSISTANT_CONFIG"
"""Names another ``assistant.toml``."""

CHECKOUT_ENV = "LOCAL_ASSISTANT_CHECKOUT"
"""Set by ``bootstrap.py`` of a checkout: the commands to name are then make's."""

_NO = ("no", "n", "false", "off", "0", "0.0")  # Jupyter's words

CONFIG_NAME = "assistant.toml"
DROP_IN = "etc/jupyter/jupyter_server_config.d/jupyter-local-assistant.json"
DEMO_GGUF = "assistant-demo.gguf"


def home() -> Path:
    """Return the directory of everything the assistant writes on its own."""
    override = os.environ.get(HOME_ENV)
    if override:
        return Path(override).expanduser().absolute()
    import platformdirs

    return Path(platformdirs.user_data_dir("jupyter-local-assistant", appauthor=False))


def models_dir() -> Path:
    """Return the default model store (Ollama's layout: ``manifests/``, ``blobs/``)."""
    return home() / "models"


def ollama_stores() -> list[Path]:
    """Return where Ollama keeps models on this machine, as far as they can be read.

    Where OLLAMA_MODELS is set, that place alone, as for Ollama itself.
    """
    named = os.environ.get("OLLAMA_MODELS", "").strip("\"' ")
    if named:
        candidates = [Path(named).expanduser()]
    else:
        candidates = [Path("/usr/share/ollama/.ollama/models")] if os.name == "posix" else []
        with contextlib.suppress(RuntimeError):  # a user without a home
            candidates.insert(0, Path.home() / ".ollama" / "models")
    found = []
    for candidate in candidates:
        with contextlib.suppress(OSError):  # another user's, closed to us
            if (candidate / "manifests").is_dir() and os.access(candidate / "blobs", os.X_OK):
                found.append(candidate)
    return found


def learned_dir() -> Path:
    """Return where the indexes of learned documents lie."""
    return home() / "learned"


def logs_dir() -> Path:
    return home() / "logs"


def ollama_app_log() -> Path | None:
    """Return where Ollama's desktop app logs; None where there is no such app."""
    if sys.platform == "darwin":
        return Path.home() / ".ollama" / "logs" / "server.log"
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA", "")) / "Ollama" / "server.log"
    return None


def run_dir() -> Path:
    """Return the directory of run file, lock and token (mode 0700)."""
    return home() / "run"


def state_dir() -> Path:
    """Return the directory of what ``install`` recorded for ``uninstall``."""
    return home() / "state"


def downloads_dir() -> Path:
    """Return where files of models lie while they are downloaded for an Ollama."""
    return home() / "downloads"


def own_dirs() -> tuple[Path, ...]:
    """Return all folders that the assistant makes in :func:`home`."""
    return (run_dir(), logs_dir(), learned_dir(), downloads_dir(), models_dir(), state_dir())


def prefix() -> Path:
    """Return the folder below which our drop-ins for Jupyter lie, by one name.

    The environment's own, but after ``pip install --user`` the user's, and where Debian's
    Python is the environment, ``/usr/local``.
    """
    import site

    package = Path(__file__).parent
    if site.ENABLE_USER_SITE and package.is_relative_to(site.getusersitepackages()):
        return Path(site.getuserbase()).resolve()
    for folder in (sys.prefix, "/usr/local"):
        if package.is_relative_to(folder) and (Path(folder) / DROP_IN).is_file():
            return Path(folder).resolve()
    return Path(sys.prefix).resolve()


def jupyter_config_dir() -> Path:
    """Return Jupyter's user config directory, as jupyter_core would.

    The same rule without importing it: the base installs where jupyter_core may be
    missing, and the import costs more than the rest of this module.
    """
    override = os.environ.get("JUPYTER_CONFIG_DIR")
    if override:
        return Path(override)
    if os.environ.get("JUPYTER_PLATFORM_DIRS", "0").lower() not in _NO:
        import platformdirs

        brewed = sys.platform == "darwin" and sys.prefix.startswith("/opt/homebrew")
        capital = sys.platform in ("win32", "darwin") and not brewed
        name = "Jupyter" if capital else "jupyter"
        return Path(platformdirs.user_config_dir(name, appauthor=False))
    return Path.home() / ".jupyter"


def jupyter_data_dir() -> Path:
    """Return Jupyter's user data directory. Only where a part of Jupyter is installed."""
    from jupyter_core.paths import jupyter_data_dir as data_dir

    return Path(data_dir())


def ipython_dir() -> Path:
    """Return the user's own directory of IPython, without importing that."""
    named = os.environ.get("IPYTHONDIR")
    return Path(named).expanduser() if named else Path.home() / ".ipython"


def jupyter_user_config_dirs() -> list[Path]:
    """Return the directories in which this user configures Jupyter."""
    named = os.environ.get("JUPYTER_CONFIG_PATH", "").split(os.pathsep)
    return [Path(entry) for entry in named if entry] + [jupyter_config_dir()]


def user_config_file() -> Path:
    """Return the user's own ``assistant.toml`` (it need not exist)."""
    override = os.environ.get(CONFIG_ENV)
    if override:
        return Path(override).expanduser().absolute()
    return jupyter_config_dir() / CONFIG_NAME


def in_checkout() -> bool:
    """Return whether a checkout's own set-up runs this."""
    return bool(os.environ.get(CHECKOUT_ENV))


def demo_gguf() -> Path:
    """Return the bundled demo model.

    Raises:
        AssistantError: the file is missing from this installation.
    """
    package = Path(__file__).parent
    candidates = (
        package / "data" / DEMO_GGUF,  # installed from a wheel
        package.parent.parent / "modelfiles" / "demo" / DEMO_GGUF,  # editable, from a checkout
    )
    for candidate in candidates:
        if candidate.is_file():
            return candidate
    raise AssistantError(
        f"The bundled demo model ({DEMO_GGUF}) is missing from this installation.",
        "Install again: pip install --force-reinstall --no-deps jupyter-local-assistant",
    )


def modelfiles_dir() -> Path:
    """Return the folder of the templates for variants of models (``*.Modelfile``)."""
    package = Path(__file__).parent
    installed = package / "data" / "modelfiles"
    return installed if installed.is_dir() else package.parent.parent / "modelfiles"


def make_private_dir(path: Path) -> Path:
    """Create ``path`` with mode 0700 and return it; so is our own home above it.

    Else whoever may write there could put another folder in its place. Other parents are made as
    the umask says.

    Raises:
        AssistantError: the directory cannot be made or written.
    """
    ours = path.is_relative_to(home())
    above = sum(not each.exists() for each in home().parents) if ours else 0
    try:
        if ours:
            home().mkdir(mode=0o700, parents=True, exist_ok=True)
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        if above:
            (folders_note() / str(above)).mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise unwritable(path, error) from error
    return path


def folders_note() -> Path:
    """Return the folder in which the name of another says how many folders above we made.

    A name and no content: that can be written on a full disk, too.
    """
    return home() / "folders"


def folders_made() -> list[Path]:
    """Return the folders above :func:`home` that we made, the nearest first."""
    try:
        made = max(int(each.name) for each in folders_note().iterdir())
    except (OSError, ValueError):
        return []
    return list(home().parents)[:made]


def unwritable(path: Path, error: OSError, variable: str = HOME_ENV) -> AssistantError:
    """Return the error for a place that the assistant must write and cannot."""
    return AssistantError(
        f"Cannot write {path}: {error.strerror or error}.",
        f"Free space or fix its permissions, or set {variable} to a writable place.",
    )


def display(path: Path) -> str:
    """Return ``path`` for a message: with ``~`` where it lies in the user's home."""
    try:
        return str(Path("~") / path.relative_to(Path.home()))
    except (ValueError, RuntimeError):  # not below it, or there is no home
        return str(path)


def expand(text: str, folder: Path) -> Path:
    """Return a path from a configuration file: ``~`` expanded, relative to ``folder``."""
    return folder / Path(text).expanduser()
