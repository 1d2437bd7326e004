"""The one download of a Jupyter server.

Contract: a job runs in a thread of its own, so that it outlives the page that asked for it. At
most one runs; a second one is refused in words. The state of the last one stays until the next
begins or it is forgotten. Cancelling keeps what is there, and the next download of that model
goes on from it. Cheap to import; ``get`` does the work.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from local_assistant.errors import AssistantError

if TYPE_CHECKING:
    from local_assistant.models.progress import OnProgress, PullProgress

State = Literal["running", "cancelling", "done", "cancelled", "failed"]


@dataclass(frozen=True)
class Wish:
    """What is to be got.

    Attributes:
        names: of models, or presets.
        force: whether one comes, too, that is too large for the memory.
    """

    names: tuple[str, ...]
    force: bool = False


Get = Callable[[Wish, "OnProgress", threading.Event], list[str]]
"""Gets what is wished for, tells of it, and returns what came; ends on the event."""

_STOP_S = 10.0


class Busy(AssistantError):
    """Another download runs."""


class Job:
    """One download."""

    def __init__(self, number: int, wish: Wish) -> None:
        self.number = number
        self.wish = wish
        self.cancel = threading.Event()
        self.state: State = "running"
        self._lock = threading.Lock()
        self._name = wish.names[0]
        self._status = "starting"
        self._speed: float | None = None
        self._layers: dict[str | None, tuple[int, int]] = {}
        self._got: list[str] = []
        self._error: AssistantError | None = None

    @property
    def ended(self) -> bool:
        return self.state not in ("running", "cancelling")

    def progress(self, told: PullProgress) -> None:
        """Take what is told of the download."""
        with self._lock:
            if told.name != self._name:
                self._name, self._layers = told.name, {}
            self._status, self._speed = told.status, told.speed
            if told.total:
                self._layers[told.layer] = (told.completed or 0, told.total)

    def stop(self) -> bool:
        """Ask it to end; False where it has ended."""
        with self._lock:
            if self.ended:
                return False
            self.state = "cancelling"
        self.cancel.set()
        return True

    def end(
        self, state: State, got: Sequence[str] = (), error: AssistantError | None = None
    ) -> None:
        with self._lock:
            self.state, self._got, self._error = state, list(got), error

    def describe(self) -> dict[str, Any]:
        """Return the state as the page gets it."""
        from local_assistant.models.pull import TooLarge

        with self._lock:
            # A model comes in parts that become known one by one; the first is nearly all.
            completed = sum(part[0] for part in self._layers.values())
            total = sum(part[1] for part in self._layers.values())
            speed = self._speed if self.state == "running" else None
            error = self._error
            return {
                "id": self.number,
                "models": list(self.wish.names),
                "name": self._name,
                "state": self.state,
                "status": self._status,
                "completed": completed if total else None,
                "total": total or None,
                "speed": speed,
                "eta_s": (total - completed) / speed if total and speed else None,
                "done": self.ended,
                "got": self._got,
                "error": {"message": error.message, "fix": error.fix} if error else None,
                # The user may know better than a sum of bytes.
                "too_large": isinstance(error, TooLarge),
            }


class Jobs:
    """Starts, tells of and cancels downloads.

    Args:
        get: does the work.
        ended: called in the job's thread when one has ended.
    """

    def __init__(self, get: Get, ended: Callable[[], None] = lambda: None) -> None:
        self._get = get
        self._ended = ended
        self._lock = threading.Lock()
        self._job: Job | None = None
        self._thread: threading.Thread | None = None
        self._count = 0

    def start(self, wish: Wish) -> dict[str, Any]:
        """Begin to get what is wished for, in its order.

        Raises:
            Busy: another download runs.
        """
        with self._lock:
            running = self._job
            if running is not None and not running.ended:
                if running.wish == wish and running.state == "running":
                    return running.describe()  # two clicks, or two pages
                raise Busy(
                    f"{', '.join(running.wish.names)} is being downloaded.",
                    "Wait until it is there, or cancel it.",
                )
            self._count += 1
            job = self._job = Job(self._count, wish)
            # A daemon: the server's end must not wait for it for ever.
            self._thread = threading.Thread(
                target=self._run, args=(job,), name="local-assistant-pull", daemon=True
            )
            self._thread.start()
        return job.describe()

    def describe(self) -> dict[str, Any] | None:
        """Return the state of the last job, None where there is none."""
        job = self._job
        return job.describe() if job is not None else None

    def cancel(self) -> dict[str, Any] | None:
        """Cancel the job that runs, or forget the one that has ended."""
        with self._lock:
            job = self._job
            if job is None or not job.stop():
                self._job = None
                return None
        return job.describe()

    def close(self) -> None:
        """Cancel what runs, and wait a little until it has ended."""
        with self._lock:
            job, thread = self._job, self._thread
        if job is not None and thread is not None and thread.is_alive():
            job.stop()
            thread.join(_STOP_S)

    def _run(self, job: Job) -> None:
        try:
            got = self._get(job.wish, job.progress, job.cancel)
        except AssistantError as error:
            # Whatever a cancelled download stumbles over is not worth telling.
            if job.cancel.is_set():
                job.end("cancelled")
            else:
                job.end("failed", error=error)
        except Exception as error:
            job.end("failed", error=_unexpected(error))
        else:
            job.end("done", got)
        self._ended()


def _unexpected(error: Exception) -> AssistantError:
    from local_assistant.log import log_file, logger

    logger("jupyterlab").error("download", exc_info=error)
    return AssistantError(
        f"Something in the assistant itself went wrong ({type(error).__name__}).",
        f"Try again. The details are in {log_file('jupyterlab')}.",
    )
