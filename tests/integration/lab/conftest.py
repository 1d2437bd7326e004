"""What the chat's tests share."""

from __future__ import annotations

import pytest

from local_assistant.engine.launch import EngineInfo, ensure_engine


@pytest.fixture
def live(engine: EngineInfo) -> EngineInfo:
    """The engine as it runs now: tests here kill it, and another one takes its place."""
    return ensure_engine()
