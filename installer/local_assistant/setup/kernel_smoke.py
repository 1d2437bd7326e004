"""Run ``%%ai`` in a real kernel of this environment.

Contract: the kernel is this interpreter's own (no kernelspec is looked up), is always shut
down, leaves nothing in the user's IPython, and every wait has a deadline. A long answer is
interrupted, as a user would: that an answer streams into the cell is what is checked, not how
long the model talks.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from queue import Empty
from typing import Any

from local_assistant import paths
from local_assistant.errors import AssistantError

START_S = 60.0
PATIENCE_S = 15.0
"""How long an answer may go on after its first word."""

_SEE_LOGS = "See: jupyter assistant logs"


@dataclass
class CellOutput:
    """What a cell printed and showed, and whether it had to be interrupted."""

    stdout: str = ""
    stderr: str = ""
    shown: str = ""
    error: str | None = None
    interrupted: bool = False

    @property
    def text(self) -> str:
        return (self.stdout + self.shown).strip()

    def add(self, message: dict[str, Any]) -> bool:
        """Take in one message; return whether the cell is done."""
        kind, content = message["msg_type"], message["content"]
        if kind == "stream" and content["name"] == "stderr":
            self.stderr += content["text"]
        elif kind == "stream":
            self.stdout += content["text"]
        elif kind in ("display_data", "update_display_data", "execute_result"):
            # An update replaces what was shown before.
            self.shown = str(next(iter(content["data"].values()), ""))
        elif kind == "error":
            self.error = f"{content['ename']}: {content['evalue']}"
        return bool(kind == "status" and content["execution_state"] == "idle")


def run_magic(prompt: str, *, timeout_s: float) -> str:
    """Run ``%%ai`` with ``prompt``; return what was seen.

    Raises:
        AssistantError: there is no Jupyter kernel here, or the cell did not show an answer.
    """
    with _kernel() as (manager, client):
        loaded = _execute(manager, client, "%load_ext local_assistant", START_S)
        _require_clean(loaded)
        started = time.perf_counter()
        answered = _execute(manager, client, f"%%ai\n{prompt}", timeout_s)
        took = time.perf_counter() - started
    if not answered.interrupted:
        _require_clean(answered)
    if not answered.text:
        raise AssistantError("%%ai ran and showed nothing.", _SEE_LOGS)
    cut = " until it was interrupted" if answered.interrupted else ""
    return f"%%ai showed {len(answered.text)} characters in {took:.1f} s{cut}"


@contextlib.contextmanager
def _kernel() -> Iterator[tuple[Any, Any]]:
    """Start a kernel of this interpreter and shut it down."""
    try:
        import ipykernel  # noqa: F401  (asked for by name below)
        from jupyter_client.kernelspec import KernelSpecManager
        from jupyter_client.manager import KernelManager
    except ImportError as error:
        raise AssistantError(
            f"There is no Jupyter kernel in this environment: {error.name} is missing.",
            "Run: pip install ipykernel jupyter-client",
        ) from error
    # jupyter_client changes the mode of the folder that it writes this file to.
    folder = Path(tempfile.mkdtemp(prefix="assistant-kernel-"))
    manager = KernelManager(
        connection_file=str(folder / "kernel.json"),
        # Looking for the user's own makes IPython's folder.
        kernel_spec_manager=KernelSpecManager(kernel_dirs=[]),
    )
    # This interpreter, so that what is installed in this environment is what is checked.
    kernel = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    manager.kernel_spec.argv = [*kernel, "--HistoryManager.hist_file=:memory:"]
    env = dict(os.environ)
    if not paths.ipython_dir().exists():  # the user's own is used; but none is made
        env["IPYTHONDIR"] = str(folder)
    # The kernel's own remarks belong to a server's log, not between our lines.
    manager.start_kernel(env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    client = manager.client()
    try:
        client.start_channels()
        client.wait_for_ready(timeout=START_S)
        yield manager, client
    except RuntimeError as error:
        raise AssistantError(
            f"The kernel did not start: {error}.", "Try: python -m ipykernel_launcher --help"
        ) from error
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
        manager.cleanup_resources()
        shutil.rmtree(folder, ignore_errors=True)


def _execute(manager: Any, client: Any, code: str, timeout_s: float) -> CellOutput:
    """Run a cell and gather its output until the kernel is idle again."""
    request = client.execute(code, store_history=False, allow_stdin=False)
    output = CellOutput()
    deadline = time.monotonic() + timeout_s
    patience = deadline
    while True:
        with contextlib.suppress(Empty):
            message = client.get_iopub_msg(timeout=0.2)
            if message["parent_header"].get("msg_id") == request and output.add(message):
                return output
        now = time.monotonic()
        if output.text and patience == deadline:
            patience = min(deadline, now + PATIENCE_S)
        if now > deadline:
            raise AssistantError(
                f"{code.splitlines()[0]} did not end within {timeout_s:.0f} s.",
                "See what the server does with: jupyter assistant logs",
            )
        if now > patience and not output.interrupted:
            output.interrupted = True
            manager.interrupt_kernel()


def _require_clean(output: CellOutput) -> None:
    if output.error:
        raise AssistantError(f"The cell failed: {output.error[:300]}", _SEE_LOGS)
    if output.stderr.strip():
        message = f"The cell wrote to stderr: {output.stderr.strip()[:300]}"
        raise AssistantError(message, _SEE_LOGS)
