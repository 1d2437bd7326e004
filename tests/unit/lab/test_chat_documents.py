"""``/learn`` in the chat: what is shown while it goes on, and no longer."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from local_assistant.config import AssistantConfig
from local_assistant.lab.chat import documents
from local_assistant.lab.learn.learning import Learned

Progress = Callable[[Learned, str], None]


def test_after_stop_nothing_more_is_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The thread ends after its request in flight, and keeps its files then."""
    going_on, ended = threading.Event(), threading.Event()

    def learn(_words: Any, _root: Any, _config: Any, progress: Progress, _stop: Any) -> str:
        progress(Learned(files=1), "docs/a.md")
        assert going_on.wait(60)
        progress(Learned(files=2), "docs/b.md")
        ended.set()
        return "done"

    async def main() -> list[str]:
        shown: list[str] = []
        first = asyncio.Event()

        def tell(said: str) -> None:
            shown.append(said)
            first.set()

        asked = asyncio.create_task(
            documents.learning(f"{documents.LEARN} docs", tmp_path, AssistantConfig(), tell)
        )
        await asyncio.wait_for(first.wait(), 60)
        asked.cancel()  # as the stop button does
        await asyncio.wait({asked})
        going_on.set()
        assert await asyncio.to_thread(ended.wait, 60)
        await asyncio.sleep(0)
        return shown

    monkeypatch.setattr(documents, "_learn", learn)
    assert asyncio.run(main()) == ["is learning: 1 files, a.md"]
