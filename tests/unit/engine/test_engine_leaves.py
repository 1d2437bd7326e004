"""An engine whose own files have gone ends: it could load nothing any more."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path

import pytest
import uvicorn

from local_assistant.engine import server as module


@pytest.fixture
def ourselves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    file = tmp_path / "server.py"
    file.touch()
    monkeypatch.setattr(module, "_OURSELVES", file)
    return file


def looks(monkeypatch: pytest.MonkeyPatch, *before_each: object) -> uvicorn.Server:
    """Let it look so often, and call something before each look; return its server."""
    server = uvicorn.Server(uvicorn.Config("none"))
    steps = iter(before_each)

    async def sleep(_s: float) -> None:
        step = next(steps, None)
        if step is None:
            raise asyncio.CancelledError
        if callable(step):
            step()

    monkeypatch.setattr(module.asyncio, "sleep", sleep)
    with contextlib.suppress(asyncio.CancelledError):
        asyncio.run(module._leave_with_its_files(server))
    return server


def test_it_leaves_when_they_have_gone(ourselves: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert looks(monkeypatch, "there", ourselves.unlink, "gone").should_exit


def test_an_upgrade_under_way_is_no_reason(
    ourselves: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    upgraded = (ourselves.unlink, ourselves.touch, "there", ourselves.unlink)
    assert not looks(monkeypatch, *upgraded).should_exit
