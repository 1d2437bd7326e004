"""Ollama on this machine as a process: find the binary, start it, stop what we started.

Contract: :func:`start` starts an installed binary once (a lock keeps two starters apart),
detached, with a log file and the settings of ``tuning``, and returns when it answers; beside
a service that is coming up it starts nothing. :func:`stop` ends only the process that
:func:`start` recorded, with the model processes of its session.
"""

from __future__ import annotations

import contextlib
import functools
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from local_assistant import paths
from local_assistant.errors import AssistantError
from local_assistant.server import features, leftovers, service, tuning
from local_assistant.server.probe import Probe, probe

START_TIMEOUT_S = 30.0
_POLL_S = 0.05
_FORGET_FAILURE_S = 60.0
_LOG_LINES = 8
_NOISE = "[GIN-debug]"
"""Ollama lists its routes in a hundred lines at each start."""

_VERSION_TIMEOUT_S = 5.0

_failures: dict[str, tuple[float, AssistantError]] = {}
_children: list[subprocess.Popen[bytes]] = []


@dataclass(frozen=True)
class Started:
    """The Ollama that we started: a pid with the start time names one process."""

    pid: int
    started: str
    url: str
    binary: str


def find_binary() -> str | None:
    """Return the installed ``ollama``, also where a kernel's PATH does not lead."""
    found = shutil.which("ollama")
    if found:
        return found
    places = {
        "darwin": [
            "/Applications/Ollama.app/Contents/Resources/ollama",
            "/opt/homebrew/bin/ollama",
            "/usr/local/bin/ollama",
        ],
        "win32": [str(Path(os.environ.get("LOCALAPPDATA", "")) / "Programs/Ollama/ollama.exe")],
    }
    return next((place for place in places.get(sys.platform, []) if Path(place).is_file()), None)


def log_file() -> Path:
    return paths.logs_dir() / "ollama.log"


def record_file() -> Path:
    return paths.state_dir() / "ollama.json"


def started_by_us() -> Started | None:
    """Return the Ollama that we started, if that very process still lives."""
    from local_assistant.engine.runfile import process_start

    record = _recorded()
    return record if record and process_start(record.pid) == record.started else None


def _recorded() -> Started | None:
    try:
        return Started(**json.loads(record_file().read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def binary_version(binary: str, url: str) -> str:
    """Return the version of an installed ``ollama``; empty where it does not say."""
    try:
        status = Path(binary).stat()
    except OSError:
        return ""
    return _version(binary, url, status.st_mtime_ns, status.st_size)


@functools.lru_cache(maxsize=4)
def _version(binary: str, url: str, _changed: int, _size: int) -> str:
    # It asks the server, too; where none answers, its own version stands on a line of its own.
    environ = {**tuning.without_ours(os.environ), "OLLAMA_HOST": url}
    try:
        done = subprocess.run(
            [binary, "--version"],
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_VERSION_TIMEOUT_S,
            stdin=subprocess.DEVNULL,
            env=environ,
            check=False,
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    said = done.stdout + done.stderr
    found = re.search(r"client version is (\S+)", said) or re.search(r"version is (\S+)", said)
    return found[1] if found and features.numbers(found[1]) else ""


def failed_lately(url: str) -> AssistantError | None:
    """Return why a start has failed in this process within the last minute, or None."""
    when, failure = _failures.get(url, (0.0, None))
    recent = failure is not None and time.monotonic() - when < _FORGET_FAILURE_S
    return failure if recent else None


def start(
    binary: str, url: str, timeout_s: float = START_TIMEOUT_S, *, keep_alive: str | None = None
) -> Probe:
    """Start ``ollama serve`` for ``url`` and wait until it answers.

    Args:
        binary: the program.
        url: where it shall answer.
        timeout_s: how long to wait.
        keep_alive: how long a model stays in memory where a client does not say.

    Raises:
        AssistantError: it does not start; with the end of its log. Remembered for a minute,
            so that not every question waits for it again.
    """
    failure = failed_lately(url)
    if failure is not None:
        raise failure
    try:
        with _one_starter(timeout_s):
            return _start(binary, url, time.monotonic() + timeout_s, keep_alive)
    except AssistantError as error:
        _failures[url] = (time.monotonic(), error)
        raise


def _start(binary: str, url: str, deadline: float, keep_alive: str | None) -> Probe:
    process: subprocess.Popen[bytes] | None = None
    begin = 0
    coming = service.unit_state() == "coming"
    ours = started_by_us()
    if ours is not None and ours.url != url:
        raise AssistantError(
            f"The assistant has started an Ollama at {ours.url}, and now {url} is named.",
            "End that one first: jupyter assistant stop",
        )
    while time.monotonic() < deadline:
        seen = probe(url)
        if seen.state == "ollama":
            return seen
        if seen.state not in ("nothing", "silent"):
            raise AssistantError(f"Another program took {url}: {seen.detail}.", _log_hint())
        if process is not None:
            code = process.poll()
            if code is not None:
                raise _failed(f"ended at once ({_status(code)})", begin)
        elif not coming and started_by_us() is None:  # else it is starting: wait for that one
            process, begin = _spawn(binary, url, keep_alive)
        time.sleep(_POLL_S)
    if coming:
        raise AssistantError(
            f"Ollama's service ({service.UNIT}) is starting and did not answer in time.",
            f"See its log: {service.LOG}",
        )
    if process is not None:
        stop()
    raise _failed("did not answer in time", begin)


def _status(code: int) -> str:
    """Return how a process ended, in words."""
    if code >= 0:
        return f"status {code}"
    with contextlib.suppress(ValueError):  # a signal without a name
        return f"ended by {signal.Signals(-code).name}"
    return f"ended by signal {-code}"


def _spawn(binary: str, url: str, keep_alive: str | None) -> tuple[subprocess.Popen[bytes], int]:
    """Start the binary in a session of its own and record it; return where its log begins."""
    from local_assistant.engine.runfile import process_start, write_private

    _children[:] = [child for child in _children if child.poll() is None]
    _end_leftovers()
    path = log_file()
    paths.make_private_dir(path.parent)
    extra: dict[str, Any] = {"start_new_session": True}
    if sys.platform == "win32":
        flags = subprocess.DETACHED_PROCESS | subprocess.CREATE_NEW_PROCESS_GROUP
        extra = {"creationflags": flags}
    try:
        with path.open("ab") as log:
            begin = log.tell()
            process = subprocess.Popen(
                [binary, "serve"],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=path.parent,
                env=_environment(binary, url, keep_alive),
                **extra,
            )
    except OSError as error:
        raise AssistantError(
            f"{binary} cannot be started: {error.strerror or error}.",
            "Install Ollama again, or use the embedded engine: "
            'kind = "embedded" in [server] of assistant.toml.',
        ) from error
    _children.append(process)
    record = Started(process.pid, process_start(process.pid) or "", url, binary)
    try:
        write_private(record_file(), json.dumps(asdict(record), indent=1) + "\n")
    except BaseException:
        process.kill()  # without a record nobody would ever stop it
        raise
    return process, begin


def _environment(binary: str, url: str, keep_alive: str | None) -> dict[str, str]:
    from local_assistant.machine import read_machine

    return tuning.environment(
        url,
        version=binary_version(binary, url),
        keep_alive=keep_alive,
        graphics_bytes=sum(gpu.memory_bytes for gpu in read_machine().gpus),
    )


def stop(timeout_s: float = 10.0) -> bool:
    """End the Ollama that we started; return whether there was one."""
    record = started_by_us()
    if record is not None:
        _end(record, timeout_s)
    _end_leftovers()
    with contextlib.suppress(OSError):  # there is no record
        record_file().unlink()
    return record is not None


def _end_leftovers() -> None:
    """End the model processes of an Ollama that we had started and that is gone."""
    record = _recorded()
    if record is not None and started_by_us() is None:
        leftovers.end(record.pid, record.started)


def _end(record: Started, timeout_s: float) -> None:
    forced = getattr(signal, "SIGKILL", signal.SIGTERM)
    for number, patience in ((signal.SIGTERM, timeout_s), (forced, 2.0)):
        with contextlib.suppress(OSError):  # it ended by itself
            os.kill(record.pid, number)
        deadline = time.monotonic() + patience
        while started_by_us() == record:
            for child in _children:
                child.poll()
            if time.monotonic() > deadline:
                break
            time.sleep(_POLL_S)
        else:
            return


@contextlib.contextmanager
def _one_starter(timeout_s: float) -> Iterator[None]:
    """Hold the lock that keeps a second starter waiting; past the deadline nobody waits."""
    from local_assistant.engine.runfile import lock_on

    deadline = time.monotonic() + timeout_s
    with lock_on(paths.run_dir() / "ollama.lock") as take:
        while not take() and time.monotonic() < deadline:
            time.sleep(_POLL_S)
        yield


def _failed(what: str, begin: int) -> AssistantError:
    try:
        with log_file().open("rb") as stream:
            stream.seek(begin)
            said = stream.read().decode("utf-8", "replace").splitlines()
    except OSError:
        said = []
    told = [line.rstrip()[:300] for line in said if line.strip() and not line.startswith(_NOISE)]
    lines = [f"  {line}" for line in told[-_LOG_LINES:]]
    ends = " Its log ends:\n" + "\n".join(lines) if lines else " Its log is empty."
    return AssistantError(f"Ollama was started and {what}.{ends}", _log_hint())


def _log_hint() -> str:
    return f"The whole log: {paths.display(log_file())}"
