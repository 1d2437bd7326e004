"""Which engine is running: run file, token file, lock and the identity of a process.

Contract: standard library only (kernels import this). A run file is *believed* only when
its process lives on this host, in this boot, with the recorded start time; a corrupt or
foreign file counts as none and is replaced; the file of an ended engine stays, so that the
next one prefers the same port. File names carry the host, so that machines
which share a home directory do not fight over one file. Secrets are written with mode 0600.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import hmac
import json
import os
import re
import secrets
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

from local_assistant import paths
from local_assistant.errors import AssistantError

_TOKEN = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{31,127}")


@dataclass(frozen=True)
class RunFile:
    """What an engine writes about itself once it listens."""

    pid: int
    started: str
    host: str
    boot: str
    port: int
    token: str | None = field(repr=False)
    version: str
    address: str = "127.0.0.1"

    @property
    def url(self) -> str:
        host = f"[{self.address}]" if ":" in self.address else self.address
        return f"http://{host}:{self.port}"


@functools.lru_cache(maxsize=1)
def host_name() -> str:
    """Return this machine's name; on macOS the one that does not change with the network."""
    if sys.platform == "darwin":
        return _output(["/usr/sbin/scutil", "--get", "LocalHostName"]) or socket.gethostname()
    return socket.gethostname()


def boot_id() -> str:
    """Return what changes when the machine restarts; empty where the system has no such id."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    if sys.platform == "darwin":
        return _output(["/usr/sbin/sysctl", "-n", "kern.bootsessionuuid"])
    return ""


def process_start(pid: int) -> str | None:
    """Return the start time of a live process in the system's own form; ``None`` if it is gone.

    With the pid it names one process: a number that was given out again has another time.
    """
    if pid <= 0:
        return None
    if sys.platform == "linux":
        try:
            stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
        except OSError:
            return None
        fields = stat.rpartition(")")[2].split()
        # A zombie with threads (fields 3 and 20 of proc(5)) has files and locks to let go of.
        return None if fields[0] in ("Z", "X") and int(fields[17]) <= 1 else fields[19]
    if sys.platform == "win32":
        return _windows_process_start(pid)
    return _output(["/bin/ps", "-p", str(pid), "-o", "lstart="]) or None


def _output(command: list[str]) -> str:
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            timeout=5,
            check=False,
            # ps writes local time: a kernel with a TZ of its own would see another process.
            env={**os.environ, "LC_ALL": "C", "TZ": "UTC0"},
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def _windows_process_start(pid: int) -> str | None:
    import ctypes

    kernel32 = getattr(ctypes, "windll").kernel32  # noqa: B009 - exists on Windows only
    handle = kernel32.OpenProcess(0x1000, False, pid)  # PROCESS_QUERY_LIMITED_INFORMATION
    if not handle:
        return None
    try:
        code = ctypes.c_ulong()
        times = [ctypes.c_ulonglong() for _ in range(4)]
        if not kernel32.GetExitCodeProcess(handle, ctypes.byref(code)) or code.value != 259:
            return None
        if not kernel32.GetProcessTimes(handle, *(ctypes.byref(t) for t in times)):
            return None
        return str(times[0].value)
    finally:
        kernel32.CloseHandle(handle)


def _named(suffix: str) -> Path:
    host = re.sub(r"[^A-Za-z0-9.-]+", "-", host_name()) or "localhost"
    return paths.run_dir() / f"engine-{host}.{suffix}"


def run_file() -> Path:
    return _named("json")


def lock_file() -> Path:
    return _named("lock")


def token_file() -> Path:
    return paths.run_dir() / "token"


def write_private(path: Path, text: str) -> None:
    """Replace ``path`` in one step by a file of mode 0600.

    Raises:
        AssistantError: the directory cannot be written.
    """
    paths.make_private_dir(path.parent)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
        temporary.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):  # nothing was written: nothing is left to remove
            temporary.unlink()
        raise paths.unwritable(path, error) from error


CHALLENGE, PROOF = "Assistant-Challenge", "Assistant-Proof"
"""Headers: something random, and what only an engine that knows the token can make of it."""


def proof(token: str, challenge: str, port: int) -> str:
    """Return how an engine on ``port`` shows that it knows the token, without saying it.

    The port is in it, so that nobody can pass the question on to the engine on another one.
    """
    said = f"{challenge}:{port}".encode("utf-8", "replace")
    return hmac.new(token.encode(), said, hashlib.sha256).hexdigest()


def write(record: RunFile) -> None:
    write_private(run_file(), json.dumps(asdict(record), indent=1) + "\n")


def describe_self(port: int, token: str | None, version: str, address: str) -> RunFile:
    """Return the run file's content for this process."""
    pid = os.getpid()
    started = process_start(pid) or ""
    return RunFile(pid, started, host_name(), boot_id(), port, token, version, address)


def read() -> RunFile | None:
    """Return the run file as written; ``None`` when missing or not in our form.

    What another version of ours writes beside it is passed over.
    """
    try:
        data = json.loads(run_file().read_text(encoding="utf-8"))
        record = RunFile(**{key: data[key] for key in RunFile.__dataclass_fields__ if key in data})
    except (OSError, ValueError, TypeError, RecursionError):
        return None
    texts = (record.started, record.host, record.boot, record.version, record.address)
    numbers = ((record.pid, 2**31), (record.port, 2**16))
    fits = (
        all(isinstance(value, str) for value in texts)
        and all(type(value) is int and 0 < value < limit for value, limit in numbers)
        and (record.token is None or isinstance(record.token, str))
    )
    return record if fits else None


def believed() -> RunFile | None:
    """Return the run file if its process is alive here (it may still not answer)."""
    record = read()
    if record is None or record.host != host_name() or record.boot != boot_id():
        return None
    return record if process_start(record.pid) == record.started else None


def awaited(timeout_s: float) -> RunFile | None:
    """As :func:`believed`; an engine that just starts is given time to say where it listens."""
    deadline = time.monotonic() + timeout_s
    while (record := believed()) is None and time.monotonic() < deadline:
        if not (locked() or starting()):
            return believed()  # it may have come up between the two looks
        time.sleep(0.05)
    return record


def note_start(pid: int) -> None:
    """Note the process that shall become this host's engine: it imports before it locks."""
    write_private(_named("starting"), json.dumps({"pid": pid, "started": process_start(pid)}))


def starting() -> int | None:
    """Return the process that was started to be this host's engine, if it lives."""
    try:
        noted = json.loads(_named("starting").read_text(encoding="utf-8"))
        started = process_start(int(noted["pid"]))
    except (OSError, ValueError, TypeError, KeyError, OverflowError, RecursionError):
        return None
    return int(noted["pid"]) if started is not None and started == noted["started"] else None


def keep_token() -> str:
    """Return the token that outlives restarts; make it first if there is none.

    A token that others could have read is replaced.
    """
    path = token_file()
    try:
        text = path.read_text(encoding="ascii").strip()
        private = os.name == "nt" or not path.stat().st_mode & 0o077
        if private and _TOKEN.fullmatch(text):
            return text
    except (OSError, UnicodeDecodeError):
        pass  # missing or unreadable: a new one is written below
    token = secrets.token_hex(32)
    write_private(path, token + "\n")
    return token


@contextlib.contextmanager
def single_instance() -> Iterator[bool]:
    """Hold the lock of this host's engine; yields False when another process holds it.

    The system lets go of it when the process ends in any way, so it is never stale.
    """
    with lock_on(lock_file()) as take:
        yield take()


def keep(record: RunFile) -> None:
    """Write the run file again where it is spoiled or gone, unless its folder is gone, too."""
    if read() != record and paths.run_dir().is_dir():
        write(record)


@contextlib.contextmanager
def lock_on(path: Path) -> Iterator[Callable[[], bool]]:
    """Give a function that takes the lock of a file, or returns False while another has it.

    It is let go at the end, and when the process ends in any way.

    Raises:
        AssistantError: the file cannot be made.
    """
    paths.make_private_dir(path.parent)
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise paths.unwritable(path, error) from error
    try:
        yield lambda: try_lock(descriptor)
    finally:
        os.close(descriptor)


def locked(file: Path | None = None) -> bool:
    """Return whether an engine holds its lock: it runs, starts, or ends.

    Args:
        file: the lock; default: that of this host's engine.
    """
    try:
        descriptor = os.open(file or lock_file(), os.O_RDWR)
    except OSError:
        return False  # there is no lock
    try:
        return not try_lock(descriptor)
    finally:
        os.close(descriptor)


def other_hosts() -> list[str]:
    """Return the other machines with this home on which an engine runs, as far as locks tell."""
    own = lock_file()
    locks = [each for each in paths.run_dir().glob("engine-*.lock") if each != own]
    return sorted(each.stem.removeprefix("engine-") for each in locks if locked(each))


def try_lock(descriptor: int) -> bool:
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        return False
    except OSError as error:
        raise AssistantError(
            f"The file system of {paths.run_dir()} cannot lock files ({error.strerror}).",
            f"Set {paths.HOME_ENV} to a directory on a local disk.",
        ) from error
    return True
