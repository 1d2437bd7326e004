"""The one download of a Jupyter server: its states, one at a time, its end."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from local_assistant.errors import AssistantError
from local_assistant.lab.models.jobs import Busy, Jobs, Wish
from local_assistant.models.progress import OnProgress, PullCancelled, PullProgress
from local_assistant.models.pull import TooLarge
from tests.waiting import until

ONE = Wish(("one",))


class Steps:
    """A download that does what the test tells it, step by step."""

    def __init__(self) -> None:
        self.told: OnProgress = lambda told: None
        self.wishes: list[Wish] = []
        self.go = threading.Event()
        self.begun = threading.Event()
        self.end: Callable[[], list[str]] = lambda: ["one"]

    def __call__(self, wish: Wish, told: OnProgress, cancel: threading.Event) -> list[str]:
        self.wishes.append(wish)
        self.told = told
        self.begun.set()
        until(lambda: self.go.is_set() or cancel.is_set())
        if cancel.is_set():
            raise PullCancelled("one")
        return self.end()


@pytest.fixture
def steps() -> Steps:
    return Steps()


def ended(jobs: Jobs) -> dict[str, object]:
    found: dict[str, object] = until(lambda: (job := jobs.describe()) and job["done"] and job)
    return found


def test_before_the_first() -> None:
    jobs = Jobs(Steps())
    assert jobs.describe() is None
    assert jobs.cancel() is None
    jobs.close()


def test_to_the_good_end(steps: Steps) -> None:
    told = threading.Event()
    jobs = Jobs(steps, told.set)
    assert jobs.start(Wish(("one", "two"), force=True))["state"] == "running"
    steps.go.set()
    done = ended(jobs)
    assert (done["state"], done["got"], done["error"]) == ("done", ["one"], None)
    assert done["models"] == ["one", "two"]
    assert steps.wishes == [Wish(("one", "two"), force=True)]
    assert told.wait(10)
    assert jobs.cancel() is None and jobs.describe() is None


def test_layers_add_up_and_a_new_model_begins_anew(steps: Steps) -> None:
    jobs = Jobs(steps)
    jobs.start(Wish(("one", "two")))
    steps.begun.wait(10)
    steps.told(PullProgress("one", "pulling manifest"))
    now = jobs.describe()
    assert now and (now["completed"], now["total"], now["eta_s"]) == (None, None, None)
    steps.told(PullProgress("one", "pulling aaaa", 600, 1000, "aaaa", 50.0))
    steps.told(PullProgress("one", "pulling bbbb", 0, 200, "bbbb", 100.0))
    now = jobs.describe()
    assert now and (now["completed"], now["total"]) == (600, 1200)
    assert (now["speed"], now["eta_s"]) == (100.0, 6.0)
    steps.told(PullProgress("two", "pulling cccc", 1, 10, "cccc", None))
    now = jobs.describe()
    assert now and (now["name"], now["completed"], now["total"]) == ("two", 1, 10)
    assert now["eta_s"] is None
    steps.go.set()
    ended(jobs)


def test_one_at_a_time(steps: Steps) -> None:
    jobs = Jobs(steps)
    first = jobs.start(ONE)
    assert jobs.start(ONE)["id"] == first["id"], "the same wish is no second download"
    with pytest.raises(Busy, match="one is being downloaded") as caught:
        jobs.start(Wish(("two",)))
    assert caught.value.fix
    steps.go.set()
    ended(jobs)
    assert jobs.start(Wish(("two",)))["id"] != first["id"]
    ended(jobs)
    assert len(steps.wishes) == 2


def test_cancelled(steps: Steps) -> None:
    jobs = Jobs(steps)
    jobs.start(ONE)
    cancelling = jobs.cancel()
    assert cancelling and cancelling["state"] == "cancelling" and not cancelling["done"]
    done = ended(jobs)
    assert (done["state"], done["error"]) == ("cancelled", None)


def test_what_fails_is_said_with_its_fix(steps: Steps) -> None:
    def fail() -> list[str]:
        raise AssistantError("It is not there.", "Look elsewhere.")

    steps.end = fail
    steps.go.set()
    jobs = Jobs(steps)
    jobs.start(ONE)
    done = ended(jobs)
    assert done["state"] == "failed" and done["too_large"] is False
    assert done["error"] == {"message": "It is not there.", "fix": "Look elsewhere."}


def test_what_is_too_large_can_be_wished_for_again(steps: Steps) -> None:
    def fail() -> list[str]:
        raise TooLarge("It is large.", "Take another.")

    steps.end = fail
    steps.go.set()
    jobs = Jobs(steps)
    jobs.start(ONE)
    assert ended(jobs)["too_large"] is True


def test_a_mistake_of_ours_is_no_traceback(steps: Steps, home: Path) -> None:
    def fail() -> list[str]:
        raise IndexError

    steps.end = fail
    steps.go.set()
    jobs = Jobs(steps)
    jobs.start(ONE)
    error = ended(jobs)["error"]
    assert isinstance(error, dict)
    assert "IndexError" in error["message"] and "jupyterlab.log" in error["fix"]


def test_the_servers_end_is_the_downloads_end(steps: Steps) -> None:
    jobs = Jobs(steps)
    jobs.start(ONE)
    steps.begun.wait(10)
    jobs.close()
    job = jobs.describe()
    assert job is not None and job["state"] == "cancelled"
