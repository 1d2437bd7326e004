"""The configuration in force in one chat.

Contract: :meth:`Settings.read` blocks; the rest does not. A mistake in a file is told once for
each change of it, and the last good settings stay in force meanwhile.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from local_assistant.lab.chat import notes

if TYPE_CHECKING:
    from local_assistant.config import AssistantConfig, ConfigError, ConfigWatcher


class Settings:
    """``assistant.toml`` as it counts in a chat's folder."""

    def __init__(self) -> None:
        self._watcher: tuple[Path, ConfigWatcher] | None = None
        self._told: str | None = None

    def read(self, folder: Path) -> AssistantConfig:
        """Return the configuration in force; a chat that was moved follows its folder."""
        from local_assistant.config import ConfigWatcher

        if self._watcher is None or self._watcher[0] != folder:
            self._watcher = (folder, ConfigWatcher(folder))
        return self._watcher[1].current().config

    @property
    def problem(self) -> ConfigError | None:
        """What is wrong with the files read last."""
        return self._watcher[1].problem if self._watcher else None

    def news(self) -> str | None:
        """Return what is wrong with the configuration, once for each change of it."""
        problem = self.problem
        said = str(problem) if problem else None
        if said == self._told:
            return None
        self._told = said
        if problem is None:
            return notes.note("The configuration is read again: its mistake is gone.")
        return notes.problem(problem, "Until then the last good settings stay in force.")
