"""A real JupyterLab for tests: a process of its own, a free port, a token, its own folders.

What ``jupyter assistant install`` merges into files with shared names is put into a
configuration directory of its own here (``JUPYTER_CONFIG_PATH``), from the same data, so
that the environment that runs the tests stays as it is.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import httpx

from local_assistant.lab.chat.defaults import SHARED_CONFIG

START_TIMEOUT_S = 180.0
"""Long, for a busy machine: with Jupyternaut it imports LiteLLM, uncompiled the first time."""


def free_port() -> int:
    """Return a port that nobody has; below 32768, where the system gives out none by itself."""
    while True:
        port = 15_000 + secrets.randbelow(17_000)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


def write_shared_config(directory: Path) -> Path:
    """Write the settings of the set-up step below ``directory`` and return it."""
    for name, data in SHARED_CONFIG.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(data), encoding="utf-8")
    return directory


class JupyterLab:
    """One running JupyterLab; a context manager that ends it by its pid.

    Args:
        python: of the environment whose JupyterLab it is.
        options: more arguments for its command line.
    """

    def __init__(
        self,
        root: Path,
        log: Path,
        environment: dict[str, str] | None = None,
        *,
        python: str = sys.executable,
        options: tuple[str, ...] = (),
    ) -> None:
        self.root = root
        self._command = (python, "-m", "jupyterlab", *options)
        self.port = free_port()
        self.token = secrets.token_hex(16)
        self.url = f"http://127.0.0.1:{self.port}"
        self._log = log
        self._environment = {
            **os.environ,
            "JUPYTER_CONFIG_PATH": str(write_shared_config(log.parent / "shared-config")),
            "PYTHONUNBUFFERED": "1",
            **(environment or {}),
        }
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def start(self) -> JupyterLab:
        """Start the process without waiting for it."""
        self.root.mkdir(parents=True, exist_ok=True)
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [
                    *self._command, "--no-browser", "--ip=127.0.0.1",
                    f"--port={self.port}", "--ServerApp.port_retries=0", "--allow-root",
                    f"--ServerApp.root_dir={self.root}", f"--IdentityProvider.token={self.token}",
                ],
                cwd=self.root, env=self._environment, stdout=log, stderr=log,
                stdin=subprocess.DEVNULL,
            )  # fmt: skip
        return self

    def wait(self) -> JupyterLab:
        """Wait until it answers."""
        assert self._process is not None
        deadline = time.monotonic() + START_TIMEOUT_S
        while time.monotonic() < deadline:
            assert self._process.poll() is None, f"JupyterLab ended:\n{self.log_text()[-4000:]}"
            try:
                if self.get("/api/status").status_code == 200:
                    return self
            except httpx.TransportError:
                pass  # not listening yet
            time.sleep(0.1)
        raise AssertionError(f"JupyterLab did not answer:\n{self.log_text()[-4000:]}")

    def stop(self) -> None:
        """Ask it to end, as Ctrl-C twice would; end it by its pid when it does not."""
        if self._process is None:
            return
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(10)

    def __enter__(self) -> JupyterLab:
        try:
            return self.start().wait()
        except BaseException:
            self.stop()
            raise

    def __exit__(self, *_: object) -> None:
        self.stop()

    def log_text(self) -> str:
        return self._log.read_text(encoding="utf-8", errors="replace")

    def get(self, path: str, *, token: bool = True) -> httpx.Response:
        headers = {"Authorization": f"token {self.token}"} if token else {}
        return httpx.get(self.url + path, headers=headers, timeout=30, trust_env=False)

    def post(self, path: str, body: Any = None) -> httpx.Response:
        headers = {"Authorization": f"token {self.token}"}
        return httpx.post(self.url + path, json=body, headers=headers, timeout=30, trust_env=False)
