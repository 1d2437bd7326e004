"""Which settings are in force for a document: the user's, and its folder's own.

Contract: a few stat calls where nothing has changed. A path that leads out of the server's
root counts as none.
"""

from __future__ import annotations

from collections import OrderedDict
from pathlib import Path

from local_assistant.config import AssistantConfig, ConfigWatcher
from local_assistant.config.problems import ConfigError

_KEPT = 32


class Folders:
    """One watcher per folder of documents, the last used ones."""

    def __init__(self, root: Path | None) -> None:
        self._root = root
        self._watchers: OrderedDict[Path | None, ConfigWatcher] = OrderedDict()

    def config(self, path: str) -> AssistantConfig:
        """Return the settings for the document at ``path`` below the root."""
        return self._watcher(path).current().config

    def problem(self, path: str) -> ConfigError | None:
        """Return what is wrong with the files just now."""
        return self._watcher(path).problem

    def _watcher(self, path: str) -> ConfigWatcher:
        folder = self._folder(path)
        watcher = self._watchers.get(folder)
        if watcher is None:
            watcher = self._watchers[folder] = ConfigWatcher(folder)
            if len(self._watchers) > _KEPT:
                self._watchers.popitem(last=False)
        return watcher

    def _folder(self, path: str) -> Path | None:
        if self._root is None or not path:
            return None
        path = path.partition(":")[2] or path  # a drive, as collaboration puts it in front
        folder = (self._root / path.lstrip("/")).parent
        inside = folder == self._root or self._root in folder.parents
        return folder if inside and ".." not in folder.parts else None
