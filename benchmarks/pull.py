"""A pull from a registry on loopback beside ``curl -o`` of the same file; and one that is killed.

The file is sparse, of ``--gigabytes`` (default 10); twice that is wanted on the disk. The
engine's pull includes the digest, curl's copy does not.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.figures import Figure, seconds
from local_assistant.engine.launch import ensure_engine, stop_engine
from local_assistant.engine.pull.parts import PART_BYTES
from local_assistant.server import Client, Endpoint, ServerGone

GIGABYTES = "BENCHMARK_PULL_GB"
PAIRS = 3
MB = 1e6


def measure(runs: int) -> list[Figure]:
    """Fetch the file by curl and by the engine in turn; then kill one pull and begin it again."""
    if shutil.which("curl") is None:
        raise RuntimeError("the pull benchmark compares with curl, which is not here")
    size = int(float(os.environ.get(GIGABYTES, "10")) * 1e9)
    pairs = min(runs, PAIRS)
    with (
        tempfile.TemporaryDirectory(prefix="assistant-pull-") as folder,
        _served(Path(folder), size) as host,
    ):
        try:
            taken = [(_by_curl(host, Path(folder)), _by_engine(host)) for _ in range(pairs)]
            curl, ours = (statistics.median(column) for column in zip(*taken, strict=True))
            again = _killed(host, size)
        finally:
            stop_engine()
    how = (
        f"{size / 1e9:g} GB: curl {size / curl / 1e9:.2f} GB/s, "
        f"engine {size / ours / 1e9:.2f} GB/s ({curl / ours:.2f} of curl), {pairs} pairs"
    )
    lost = "bytes sent beyond the file's size, kill -9 in the middle"
    return [
        Figure("pull, time beside curl -o", ours / curl, 1.25, "x", how),
        Figure("pull killed, fetched again", again / MB, PART_BYTES / MB, "MB", lost),
    ]


@contextmanager
def _served(folder: Path, size: int) -> Iterator[str]:
    file = folder / "model.bin"
    with file.open("wb") as stream:
        stream.truncate(size)
    with file.open("rb") as stream:
        digest = _digest(stream)
    program = Path(__file__).with_name("file_registry.py")
    with subprocess.Popen(
        [sys.executable, program, file, digest], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        try:
            yield f"127.0.0.1:{process.stdout.readline().strip()}"
        finally:
            process.kill()


def _digest(stream: Any) -> str:
    digest, buffer = hashlib.sha256(), memoryview(bytearray(1 << 20))
    while count := stream.readinto(buffer):
        digest.update(buffer[:count])
    return digest.hexdigest()


def _by_curl(host: str, folder: Path) -> float:
    copy = folder / "copy.bin"
    url = f"http://{host}/v2/library/m/blobs/x"
    command = ["curl", "--silent", "--fail", "--noproxy", "*", "-o", str(copy), url]
    taken = seconds(lambda: subprocess.run(command, check=True))
    copy.unlink()
    return taken


def _by_engine(host: str) -> float:
    client = _client()
    taken = seconds(lambda: _pull(client, host))
    client.request("DELETE", "/api/delete", {"model": f"{host}/library/m"})
    return taken


def _client() -> Client:
    info = ensure_engine()
    return Client(Endpoint("embedded", info.url, info.token, "", True, ""))


def _pull(client: Client, host: str, kill_at: int | None = None) -> None:
    body = {"model": f"{host}/library/m", "insecure": True}
    last: dict[str, Any] = {}
    with client.stream("/api/pull", body) as lines:
        for last in lines:
            if kill_at is not None and last.get("completed", 0) > kill_at:
                os.kill(ensure_engine().pid, signal.SIGKILL)
                kill_at = None
    if last.get("status") != "success":
        raise RuntimeError(f"the pull ended with {last}")


def _killed(host: str, size: int) -> int:
    """Return how many bytes more than the file has were sent for it."""
    before = _sent(host)
    with contextlib.suppress(ServerGone, RuntimeError):  # it was killed
        _pull(_client(), host, kill_at=size // 2)
    _pull(_client(), host)
    return _sent(host) - before - size


def _sent(host: str) -> int:
    with urllib.request.urlopen(f"http://{host}/sent", timeout=30) as reply:
        return int(json.load(reply))
