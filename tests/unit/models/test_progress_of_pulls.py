"""Speed, what is left, and an end from another thread."""

from __future__ import annotations

import threading

import pytest

from local_assistant.models import progress as module
from local_assistant.models.progress import Progress, PullCancelled, PullProgress


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [100.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])
    return now


def test_the_speed_is_that_of_the_last_seconds(clock: list[float]) -> None:
    told: list[PullProgress] = []
    progress = Progress("m", told.append)
    for second in range(21):
        clock[0] = 100.0 + second
        done = second * 10 if second <= 10 else 100 + (second - 10) * 50
        progress.bytes("pulling", done, 1000, "a")
    assert told[0].speed is None
    assert told[5].speed == 10
    assert told[20].speed == 50
    assert told[20].eta_s == (1000 - 600) / 50
    progress.bytes("pulling", 5, 10, "b")
    assert told[-1].speed is None  # another part
    assert told[-1].eta_s is None


def test_an_end_from_another_thread() -> None:
    told: list[PullProgress] = []
    cancel = threading.Event()
    progress = Progress("m", told.append, cancel)
    progress.say("asking")
    cancel.set()
    with pytest.raises(PullCancelled) as caught:
        progress.bytes("pulling", 1, 2, "a")
    assert "jupyter assistant pull m" in (caught.value.fix or "")
    assert [each.status for each in told] == ["asking"]
