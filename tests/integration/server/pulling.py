"""One pull in a process of its own, by the engine or by a server in the place of an Ollama.

``python -m tests.integration.server.pulling NAME [URL TOKEN]``: prints each new step as a line
and ends with ``ok`` or ``failed``. With URL and TOKEN that server counts as an Ollama: the
engine speaks the same protocol, so it stands in for one with its real blobs and models.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from local_assistant.config import load_config
from local_assistant.models.progress import PullProgress
from local_assistant.models.pull import Options, pull_one
from local_assistant.server import Endpoint, find_server


def as_ollama(url: str, token: str) -> Endpoint:
    return Endpoint("ollama", url, token, "0.33.0", True, "")


@contextmanager
def started(name: str, server: Endpoint | None = None) -> Iterator[subprocess.Popen[str]]:
    """Run a pull; it is killed at the end if it still runs."""
    more = [server.url, server.token or ""] if server else []
    command = [sys.executable, "-m", "tests.integration.server.pulling", name, *more]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    root = Path(__file__).parents[3]
    pipe = subprocess.PIPE
    with subprocess.Popen(
        command, stdout=pipe, stderr=pipe, text=True, env=environment, cwd=root
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def steps(process: subprocess.Popen[str]) -> Iterator[str]:
    """Yield what a pull says, step by step."""
    assert process.stdout is not None
    for line in process.stdout:
        yield json.loads(line)


def main() -> None:
    name, *server = sys.argv[1:]
    seen = [""]

    def tell(progress: PullProgress) -> None:
        if progress.status != seen[-1]:
            seen.append(progress.status)
            print(json.dumps(progress.status), flush=True)

    config = load_config().config
    endpoint = as_ollama(*server) if server else find_server(config)
    outcome = pull_one(name, endpoint, config, tell, Options())
    print(json.dumps("ok" if outcome.error is None else "failed"), flush=True)
    if outcome.error:
        print(outcome.error.message, outcome.error.fix, file=sys.stderr)


if __name__ == "__main__":
    main()
