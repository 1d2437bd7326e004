"""Remove what the assistant wrote into its data directory, and nothing else.

Contract: ``LOCAL_ASSISTANT_HOME`` may name a directory that others use, too, and our folders have
plain names (``logs``, ``models``). So what is ours in them is told by its own name; the rest stays
and is said. A folder goes when it is empty.
"""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from local_assistant import paths
from local_assistant.setup.files import remove

_OURS = {
    "run": r"engine-.+\.(json|lock|starting)|ollama\.lock|token|core(\.\d+)?",
    "logs": r"(cli|completion|engine|jupyterlab|kernel|magics|ollama|ollama-install)\.log(\.\d+)?",
    "learned": r".+\.sqlite(-journal|-shm|-wal)?",
    "downloads": r"sha256-[0-9a-f]{64}.*|lock",
    "state": r"(aliases|chat-tools|gguf|install|merged|ollama|untested)\.(json|lock)",
    "folders": r"\d+",
    "models": r"blobs|linked|manifests|uploads",
}
"""By folder: the names that we write there, which a temporary file's own contains. A model's
process that crashes may leave its core in the folder that it runs in."""


def strangers(folder: Path) -> list[str]:
    """Return the names in one of our folders that are not ours."""
    return sorted(path.name for path in _within(folder) if not _is_ours(path))


def remove_ours(folder: Path, *, keep: frozenset[Path] = frozenset()) -> None:
    """Remove what is ours in one of our folders but ``keep``, and the folder if that was all.

    Of a link to a folder, what is in that; the link is somebody's arrangement.

    Raises:
        AssistantError: something cannot be removed.
    """
    for path in _within(folder):
        if _is_ours(path) and path not in keep:
            real = path.is_dir() and not path.is_symlink()
            remove_tree(path) if real else remove(path)
    if folder.is_dir() and not folder.is_symlink() and not any(folder.iterdir()):
        remove_tree(folder)


def remove_tree(directory: Path) -> None:
    """Remove a folder with all that is in it, if it is there.

    Raises:
        AssistantError: something in it cannot be removed.
    """
    try:
        shutil.rmtree(directory)
    except FileNotFoundError:
        return
    except OSError as error:
        raise paths.unwritable(directory, error) from error


def _within(folder: Path) -> list[Path]:
    return list(folder.iterdir()) if folder.is_dir() else []


def _is_ours(path: Path) -> bool:
    ours = _OURS[path.parent.name]
    return bool(re.fullmatch(rf"{ours}|\.({ours})\..+", path.name))
