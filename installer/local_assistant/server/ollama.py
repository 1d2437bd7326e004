"""Ollama on this machine or another: ask who answers, start it, stop what we started.

Contract: :func:`probe` tells Ollama from anything else by the JSON of ``/api/version``,
within a deadline; a 200 alone proves nothing. :func:`start` starts an installed binary
once (a lock keeps two starters apart), detached, with a log file, and returns when it
answers. :func:`stop` ends only the process that :func:`start` recorded.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from local_assistant import paths
from local_assistant.errors import AssistantError

MINIMUM_VERSION = "0.6.4"
"""The first release whose ``/api/show`` lists capabilities: what a model can do is asked there."""

PROBE_TIMEOUT_S = 5.0
"""Ollama listens before it has looked for graphics cards; the first answer takes seconds."""

START_TIMEOUT_S = 30.0
_POLL_S = 0.05
_FORGET_FAILURE_S = 60.0
_SILENT_AGAIN_S = 0.5
_OURS_ENV = "LOCAL_ASSISTANT_ENV"

_silent: dict[str, float] = {}
"""When a program on this machine was first found to say nothing: it is not waited for again."""

_failures: dict[str, tuple[float, AssistantError]] = {}
_children: list[subprocess.Popen[bytes]] = []


@dataclass(frozen=True)
class Probe:
    """What answers at an address.

    Attributes:
        state: ``ollama``; ``nothing`` (refused or unknown host); ``silent`` (no answer in
            time); ``foreign`` (something else).
        version: Ollama's version.
        detail: what was seen, for a message.
    """

    state: Literal["ollama", "nothing", "silent", "foreign"]
    version: str = ""
    detail: str = ""


@dataclass(frozen=True)
class Started:
    """The Ollama that we started: a pid with the start time names one process."""

    pid: int
    started: str
    url: str
    binary: str


def probe(url: str, token: str | None = None, timeout_s: float = PROBE_TIMEOUT_S) -> Probe:
    """Ask who answers at ``url``, for at most ``timeout_s`` seconds."""
    from local_assistant.config.hosts import is_loopback

    if time.monotonic() - _silent.get(url, -math.inf) < _FORGET_FAILURE_S:
        timeout_s = min(timeout_s, _SILENT_AGAIN_S)
    else:
        _silent.pop(url, None)
    seen = _ask(url, token, timeout_s)
    if seen.state != "silent":
        _silent.pop(url, None)
    elif is_loopback(url):
        _silent.setdefault(url, time.monotonic())
    return seen


def _ask(url: str, token: str | None, timeout_s: float) -> Probe:
    import http.client
    import ssl

    from local_assistant.config.hosts import is_loopback
    from local_assistant.server.client import CONNECT_TIMEOUT_S, connect

    # Windows knocks for two seconds at a closed port of its own before it says so.
    impatient = sys.platform == "win32" and is_loopback(url)
    connection = connect(url, min(0.5 if impatient else CONNECT_TIMEOUT_S, timeout_s))
    try:
        connection.connect()
    except TimeoutError:
        if impatient:
            return Probe("nothing", detail="nothing listens there")
        return Probe("silent", detail="it does not answer")
    except ssl.SSLError as error:
        return Probe("foreign", detail=f"no safe connection ({error.reason or error})")
    except OSError as error:
        return Probe("nothing", detail=error.strerror or str(error))
    opened = connection.sock
    opened.settimeout(timeout_s)
    # A socket's timeout counts from byte to byte; a slow drip needs an end, too.
    guard = threading.Timer(timeout_s, _shut, [opened])
    guard.daemon = True
    guard.start()
    began = time.monotonic()
    try:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        prefix = "/" + "/".join(url.split("/")[3:]) if url.count("/") > 2 else ""
        connection.request("GET", f"{prefix}/api/version", headers=headers)
        response = connection.getresponse()
        return _judge(response.status, response.read(4096))
    except (OSError, http.client.HTTPException):
        if time.monotonic() - began >= timeout_s - 0.1:
            return Probe("silent", detail=f"it gave no answer within {timeout_s:g} seconds")
        return Probe("foreign", detail="it does not speak HTTP")
    finally:
        guard.cancel()
        connection.close()


def _shut(opened: Any) -> None:
    with contextlib.suppress(OSError):  # it is closed already
        opened.shutdown(2)


def _judge(status: int, raw: bytes) -> Probe:
    try:
        answer = json.loads(raw)
    except ValueError:
        answer = None
    version = answer.get("version") if isinstance(answer, dict) else None
    if status == 200 and isinstance(version, str) and parse_version(version):
        return Probe("ollama", version.lstrip("v"))
    if status in (401, 403):
        return Probe("foreign", detail=f"it refuses us (HTTP status {status})")
    return Probe("foreign", detail=f"it is another program (HTTP status {status})")


def parse_version(text: str) -> tuple[int, ...]:
    """Return the numbers of a version such as ``0.6.4-rc1``; empty if it is none."""
    match = re.match(r"v?(\d+)\.(\d+)(?:\.(\d+))?", text)
    return tuple(int(part or 0) for part in match.groups()) if match else ()


def new_enough(version: str) -> bool:
    """Return whether an Ollama of this version can be used; a build without one can."""
    numbers = parse_version(version)
    return numbers == (0, 0, 0) or numbers >= parse_version(MINIMUM_VERSION)


def too_old(url: str, version: str) -> AssistantError:
    return AssistantError(
        f"Ollama {version} at {url} is too old; {MINIMUM_VERSION} is needed.",
        "Update Ollama (ollama.com/download), or take it off that address.",
    )


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

    try:
        record = Started(**json.loads(record_file().read_text(encoding="utf-8")))
        alive = process_start(record.pid) == record.started
    except (OSError, ValueError, TypeError):
        return None
    return record if alive else None


def start(binary: str, url: str, timeout_s: float = START_TIMEOUT_S) -> Probe:
    """Start ``ollama serve`` for ``url`` and wait until it answers.

    Raises:
        AssistantError: it does not start; with the end of its log. Remembered for a minute,
            so that not every question waits for it again.
    """
    when, failure = _failures.get(url, (0.0, None))
    if failure is not None and time.monotonic() - when < _FORGET_FAILURE_S:
        raise failure
    try:
        with _one_starter(timeout_s):
            seen = _start(binary, url, time.monotonic() + timeout_s)
        if not new_enough(seen.version):
            stop()
            raise too_old(url, seen.version)
        return seen
    except AssistantError as error:
        _failures[url] = (time.monotonic(), error)
        raise


def _start(binary: str, url: str, deadline: float) -> Probe:
    process: subprocess.Popen[bytes] | None = None
    begin = 0
    while time.monotonic() < deadline:
        seen = probe(url)
        if seen.state == "ollama":
            return seen
        if seen.state == "foreign":
            raise AssistantError(f"Another program took {url}: {seen.detail}.", _log_hint())
        if process is not None:
            code = process.poll()
            if code is not None:
                raise _failed(f"ended at once (status {code})", begin)
        elif started_by_us() is None:  # else it is starting: wait for that one
            process, begin = _spawn(binary, url)
        time.sleep(_POLL_S)
    if process is not None:
        stop()
    raise _failed("did not answer in time", begin)


def _spawn(binary: str, url: str) -> tuple[subprocess.Popen[bytes], int]:
    """Start the binary in a session of its own and record it; return where its log begins."""
    from local_assistant.engine.runfile import process_start, write_private

    _children[:] = [child for child in _children if child.poll() is None]
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
                env=_environment(url),
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


def _environment(url: str) -> dict[str, str]:
    """Return the environment for Ollama: without what our extension set for clients."""
    ours = {name.strip() for name in os.environ.get(_OURS_ENV, "").split(",")}
    environment = {name: value for name, value in os.environ.items() if name not in ours}
    # An empty one means Ollama's default to Ollama, not the url that we shall wait for.
    environment["OLLAMA_HOST"] = environment.get("OLLAMA_HOST") or url
    return environment


def stop(timeout_s: float = 10.0) -> bool:
    """End the Ollama that we started; return whether there was one."""
    record = started_by_us()
    if record is not None:
        _end(record, timeout_s)
    with contextlib.suppress(OSError):  # there is no record
        record_file().unlink()
    return record is not None


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
    from local_assistant.engine.runfile import try_lock

    path = paths.make_private_dir(paths.run_dir()) / "ollama.lock"
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise paths.unwritable(path, error) from error
    deadline = time.monotonic() + timeout_s
    try:
        while not try_lock(descriptor) and time.monotonic() < deadline:
            time.sleep(_POLL_S)
        yield
    finally:
        os.close(descriptor)


def _failed(what: str, begin: int) -> AssistantError:
    try:
        with log_file().open("rb") as stream:
            stream.seek(begin)
            lines = stream.read(65536).decode("utf-8", "replace").splitlines()
    except OSError:
        lines = []
    said = next((line.strip() for line in reversed(lines) if line.strip()), "")
    message = f"Ollama was started and {what}." + (f" Its log ends: {said[:300]}" if said else "")
    return AssistantError(message, _log_hint())


def _log_hint() -> str:
    return f"The whole log: {paths.display(log_file())}"
