"""Long tests have engines of their own, each in the home of one test."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from local_assistant import paths
from tests.integration.engine.conftest import own_engine, tiny_file
from tests.long.processes import living

__all__ = ["own_engine", "tiny_file"]


@pytest.fixture
def home(home: Path) -> Iterator[Path]:
    """A home of one test; what a failed test has left running there is ended."""
    yield home
    for pid in living(paths.home()):
        with contextlib.suppress(ProcessLookupError):  # it ended by itself
            os.kill(pid, signal.SIGKILL)
