"""Find the running engine, start it when there is none, stop it.

Contract: standard library only at import (kernels, JupyterLab's server and the CLI import
this). Two starters at once end with one engine: the front process takes a lock for its
whole life, the second one leaves, and both starters wait for whoever answers. The engine
runs in a session of its own, so that no interrupt or shutdown of its starter reaches it.
Every failure is an AssistantError that carries the end of the log.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from local_assistant import paths
from local_assistant.engine import runfile
from local_assistant.engine.settings import (
    DEFAULT_IDLE_S,
    DEFAULT_PORT,
    EXIT_LOCKED,
    EngineOptions,
    parse_duration,
)
from local_assistant.errors import AssistantError

if TYPE_CHECKING:
    import http.client

_LOG_LIMIT = 1024 * 1024
_PROBE_TIMEOUT_S = 5.0
_POLL_S = 0.02
_children: list[subprocess.Popen[bytes]] = []


@dataclass(frozen=True)
class EngineInfo:
    """Where the engine answers, and the token that it wants."""

    url: str
    token: str | None = field(repr=False)
    pid: int
    version: str


def log_file() -> Path:
    return paths.logs_dir() / "engine.log"


def running_engine() -> EngineInfo | None:
    """Return this host's engine if its run file is believed and it answers with its token.

    One that was asked to end is none: it would be gone at the next request.
    """
    record = runfile.believed()
    if record is None:
        return None
    status = _request(record, "GET", "/assistant/status", _PROBE_TIMEOUT_S)
    if status is None or status.get("pid") != record.pid or status.get("stopping"):
        return None
    return EngineInfo(record.url, record.token, record.pid, record.version)


def ensure_engine(config: Any = None, timeout_s: float = 30) -> EngineInfo:
    """Return the running engine; start it detached when there is none.

    Args:
        config: an ``AssistantConfig``; ``None`` takes the defaults.
        timeout_s: how long to wait for it to answer.

    Raises:
        AssistantError: it cannot be started here, with the end of its log.
    """
    info = running_engine()
    if info is not None:
        return info
    require_packages()
    options = options_from_config(config)
    deadline = time.monotonic() + timeout_s
    process, log_start = _spawn(options)
    while time.monotonic() < deadline:
        info = running_engine()
        if info is not None:
            return info
        code = process.poll()
        if code == EXIT_LOCKED:
            # Another engine is just starting (then it answers soon) or just ending (then
            # the lock is free soon): look again, and try again.
            time.sleep(0.2)
            info = running_engine()
            if info is not None:
                return info
            process, log_start = _spawn(options)
        elif code is not None:
            raise _start_failure(f"ended at once (status {code})", log_start)
        time.sleep(_POLL_S)
    raise _start_failure(f"did not answer within {timeout_s:g} seconds", log_start)


def holders() -> list[str]:
    """Return who keeps the running engine from ending when idle; nobody where none answers."""
    record = runfile.believed()
    status = _request(record, "GET", "/assistant/status", _PROBE_TIMEOUT_S) if record else None
    return sorted((status or {}).get("holds") or ())


def stop_engine(timeout_s: float = 10) -> bool:
    """End this host's engine; returns whether there was one.

    It is asked to; past the deadline its process is ended by pid. Its model processes end
    with it. What a spoiled run file names is left alone: an engine holds the lock.
    """
    record = runfile.believed()
    if record is None:
        return _end_starting()
    if not runfile.locked():
        return False
    _request(record, "POST", "/assistant/stop", _PROBE_TIMEOUT_S)
    if not _wait_for_end(record, timeout_s):
        with contextlib.suppress(OSError):  # it ended by itself meanwhile
            os.kill(record.pid, getattr(signal, "SIGKILL", signal.SIGTERM))
        _wait_for_end(record, 5)
    return True


def _end_starting() -> bool:
    """End an engine that was started and does not say yet where it listens."""
    pid = runfile.starting()
    if pid is None:
        return False
    with contextlib.suppress(OSError):  # it ended by itself meanwhile
        os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + _PROBE_TIMEOUT_S
    while runfile.starting() == pid and time.monotonic() < deadline:
        for child in _children:
            child.poll()
        time.sleep(_POLL_S)
    return True


def options_from_config(config: Any) -> EngineOptions:
    """Return the options that ``[engine]`` of a configuration asks for."""
    engine = getattr(config, "engine", None)
    idle = getattr(engine, "idle_timeout", None)
    try:
        idle_s = DEFAULT_IDLE_S if idle is None else parse_duration(idle)
    except ValueError as error:
        raise AssistantError(
            f"[engine] idle_timeout in {paths.CONFIG_NAME} is not a duration ({error}).",
            'Write it like "10m" or "1h30m".',
        ) from error
    models_dir = getattr(engine, "models_dir", None)
    return EngineOptions(
        port=getattr(engine, "port", None) or DEFAULT_PORT,
        models_dir=str(Path(models_dir).expanduser().absolute()) if models_dir else None,
        threads=getattr(engine, "threads", None),
        gpu_layers=getattr(engine, "gpu_layers", None),
        idle_timeout_s=idle_s,
    )


def command_line(options: EngineOptions) -> list[str]:
    """Return the arguments after ``python -m local_assistant.engine``."""
    arguments = [f"--port={options.port}", f"--host={options.host}"]
    arguments.append(f"--idle-timeout-s={options.idle_timeout_s:g}")
    if options.models_dir:
        arguments.append(f"--models-dir={options.models_dir}")
    if options.threads is not None:
        arguments.append(f"--threads={options.threads}")
    if options.gpu_layers is not None:
        arguments.append(f"--gpu-layers={options.gpu_layers}")
    if not options.token:
        arguments.append("--no-token")
    return arguments


def require_packages() -> None:
    """Raise an AssistantError where what the engine needs is not installed."""
    missing = [name for name in ("xllamacpp", "uvicorn") if importlib.util.find_spec(name) is None]
    if missing:
        raise AssistantError(
            f"The embedded engine needs {' and '.join(missing)}, not installed in {sys.prefix}.",
            'Run: pip install "jupyter-local-assistant[engine]"',
        )


def _spawn(options: EngineOptions) -> tuple[subprocess.Popen[bytes], int]:
    """Start a detached front process; returns it and where its log begins."""
    _children[:] = [child for child in _children if child.poll() is None]
    runs = paths.make_private_dir(paths.run_dir())
    log = _open_log()
    try:
        start = log.seek(0, os.SEEK_END)
        extra: dict[str, Any] = {"start_new_session": True}
        if sys.platform == "win32":
            flags = subprocess.DETACHED_PROCESS | subprocess.CREATE_NEW_PROCESS_GROUP
            extra = {"creationflags": flags}
        process = subprocess.Popen(
            [sys.executable, "-m", "local_assistant.engine", *command_line(options)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            # A module of the user's beside a notebook must not stand in for one of ours.
            cwd=runs,
            # A relative home would be another one in the directory that it runs in.
            env={**os.environ, "PYTHONSAFEPATH": "1", paths.HOME_ENV: str(paths.home())},
            **extra,
        )
    finally:
        log.close()
    _children.append(process)
    try:
        runfile.note_start(process.pid)
    except BaseException:
        process.kill()  # until it listens, nobody else would know of it
        raise
    return process, start


def _open_log() -> Any:
    path = log_file()
    paths.make_private_dir(path.parent)
    try:
        with contextlib.suppress(OSError):  # not there yet; or open elsewhere, on Windows
            if path.stat().st_size > _LOG_LIMIT:
                path.replace(path.with_name(path.name + ".1"))
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    except OSError as error:
        raise paths.unwritable(path, error) from error
    return os.fdopen(descriptor, "ab")


def _start_failure(what: str, log_start: int) -> AssistantError:
    try:
        with log_file().open("rb") as file:
            file.seek(log_start)
            lines = file.read().decode("utf-8", errors="replace").split("\n")
    except OSError:
        lines = []
    said = " | ".join(line.strip() for line in lines if line.strip())[-600:]
    return AssistantError(
        f"The embedded engine {what}." + (f" Its log ends: {said}" if said else ""),
        f"The whole log: {log_file()} (jupyter assistant logs).",
    )


def _wait_for_end(record: runfile.RunFile, timeout_s: float) -> bool:
    deadline = time.monotonic() + timeout_s
    while runfile.process_start(record.pid) == record.started:
        for child in _children:
            child.poll()  # one of our own stays a zombie until it is asked
        if time.monotonic() > deadline:
            return False
        time.sleep(_POLL_S)
    return True


def _request(
    record: runfile.RunFile, method: str, path: str, timeout_s: float
) -> dict[str, Any] | None:
    """Ask an engine something small; ``None`` for every kind of no answer.

    The token is said only to who knows it already: while an engine ends, its port is free, and
    another user's program may have taken it.
    """
    import http.client
    import json

    headers = {"Authorization": f"Bearer {record.token}"} if record.token else {}
    body = "{}" if method == "POST" else None
    connection = http.client.HTTPConnection(record.address, record.port, timeout=timeout_s)
    try:
        connection.connect()
        connection.auto_open = 0  # the answer below counts for this connection alone
        if record.token and not _knows_the_token(connection, record.token, record.port):
            return None
        connection.request(method, path, body=body, headers=headers)
        response = connection.getresponse()
        answer = json.loads(response.read(65536))
    except (OSError, http.client.HTTPException, ValueError):
        return None
    finally:
        connection.close()
    return answer if response.status == 200 and isinstance(answer, dict) else None


def _knows_the_token(connection: http.client.HTTPConnection, token: str, port: int) -> bool:
    import hmac
    import secrets

    challenge = secrets.token_hex(16)
    connection.request("GET", "/", headers={runfile.CHALLENGE: challenge})
    response = connection.getresponse()
    response.read(65536)
    said = response.getheader(runfile.PROOF, "")
    return hmac.compare_digest(
        said.encode("utf-8", "replace"), runfile.proof(token, challenge, port).encode()
    )


def serve(options: EngineOptions | None = None) -> int:
    """Run the engine in the foreground until it is stopped; returns the exit status."""
    require_packages()
    from local_assistant.engine import server

    return server.run(options or EngineOptions())
