"""The configuration in a running program: read again when its file changes.

Contract: :meth:`ConfigWatcher.current` costs a few stat calls where nothing changed, never
raises for a bad file, and may be called from any thread. While a file is bad the last good
configuration stays in force and ``problem`` says what is wrong.
"""

from __future__ import annotations

import threading
from pathlib import Path

from local_assistant.config.loading import LoadedConfig, default_config, load_config, signature
from local_assistant.config.problems import ConfigError


class ConfigWatcher:
    """Holds the configuration for the notebooks in one folder.

    Attributes:
        problem: why the files cannot be used just now, or None.
    """

    def __init__(self, start: Path | None = None) -> None:
        self._start = start
        self._lock = threading.Lock()
        self._signature: tuple[object, ...] | None = None
        self._loaded: LoadedConfig | None = None
        self.problem: ConfigError | None = None

    def current(self) -> LoadedConfig:
        """Return the configuration now in force."""
        with self._lock:
            # Taken before the read: a change during the read makes the next call read again.
            now = signature(self._start)
            if now != self._signature or self._loaded is None:
                self._signature = now
                self._read()
            assert self._loaded is not None
            return self._loaded

    def _read(self) -> None:
        try:
            self._loaded = load_config(self._start)
            self.problem = None
        except ConfigError as error:
            self.problem = error
            if self._loaded is None:
                self._loaded = default_config()
