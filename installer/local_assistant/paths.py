"""Every path and environment variable name of the assistant, resolved at call time.

Contract: no other module reads ``LOCAL_ASSISTANT_HOME``, ``LOCAL_ASSISTANT_CONFIG`` or
asks for the home directory. Nothing is created here: who writes makes the directory
(:func:`make_private_dir`). Standard library and platformdirs only.
"""

from __future__ import annotations

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


def logs_dir() -> Path:
    return home() / "logs"


def run_dir() -> Path:
    """Return the directory of run file, lock and token (mode 0700)."""
    return home() / "run"


def state_dir() -> Path:
    """Return the directory of what ``install`` recorded for ``uninstall``."""
    return home() / "state"


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


def make_private_dir(path: Path) -> Path:
    """Create ``path`` with mode 0700 (parents as the umask says) and return it.

    Raises:
        AssistantError: the directory cannot be made or written.
    """
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise unwritable(path, error) from error
    return path


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
