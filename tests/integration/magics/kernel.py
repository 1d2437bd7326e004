"""A real IPython kernel in a process of its own, seen as a front end sees it."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.manager import KernelManager


@dataclass
class Cell:
    """What one executed cell left behind."""

    status: str = ""
    stdout: str = ""
    stderr: str = ""
    outputs: list[dict[str, Any]] = field(default_factory=list)
    """MIME bundles as they stand at the end, updates applied."""
    states: list[dict[str, Any]] = field(default_factory=list)
    """Every MIME bundle that was shown on the way, in order."""
    error: str = ""
    next_cells: list[str] = field(default_factory=list)
    result: str = ""
    first_word_s: float | None = None

    @property
    def text(self) -> str:
        """All that is to be read, as plain text."""
        shown = [str(bundle.get("text/plain", "")) for bundle in self.outputs]
        return "\n".join([self.stdout, *shown])


class Kernel:
    """Runs cells and collects their outputs."""

    def __init__(self, manager: KernelManager, client: BlockingKernelClient) -> None:
        self.manager = manager
        self._client = client

    def send(self, code: str) -> str:
        """Send a cell without waiting for its end; returns the message's id."""
        return str(self._client.execute(code))

    def run(self, code: str, timeout: float = 120) -> Cell:
        return self.collect(self.send(code), timeout)

    def collect(self, message_id: str, timeout: float = 120, *, until_output: bool = False) -> Cell:
        """Gather a cell's messages to its end, or to its first output."""
        cell = Cell()
        started = time.monotonic()
        positions: dict[str, int] = {}
        while True:
            left = timeout - (time.monotonic() - started)
            message = self._client.get_iopub_msg(timeout=max(left, 0.01))
            if message["parent_header"].get("msg_id") != message_id:
                continue
            kind, content = message["msg_type"], message["content"]
            if kind == "status" and content["execution_state"] == "idle":
                break
            self._take(cell, kind, content, positions)
            if kind in ("stream", "display_data"):
                cell.first_word_s = cell.first_word_s or time.monotonic() - started
                if until_output:
                    return cell
        reply = self._client.get_shell_msg(timeout=10)
        while reply["parent_header"].get("msg_id") != message_id:
            reply = self._client.get_shell_msg(timeout=10)
        cell.status = reply["content"]["status"]
        payload = reply["content"].get("payload", [])
        cell.next_cells = [p["text"] for p in payload if p["source"] == "set_next_input"]
        return cell

    @staticmethod
    def _take(cell: Cell, kind: str, content: Any, positions: dict[str, int]) -> None:
        if kind == "stream":
            setattr(cell, content["name"], getattr(cell, content["name"]) + content["text"])
        elif kind in ("display_data", "update_display_data"):
            cell.states.append(content["data"])
            display_id = content.get("transient", {}).get("display_id")
            if kind == "update_display_data":
                if display_id in positions:
                    cell.outputs[positions[display_id]] = content["data"]
                return
            if display_id:
                positions[display_id] = len(cell.outputs)
            cell.outputs.append(content["data"])
        elif kind == "execute_result":
            cell.result = content["data"]["text/plain"]
        elif kind == "error":
            cell.error = "\n".join(content["traceback"])

    def interrupt(self) -> None:
        self.manager.interrupt_kernel()


@contextmanager
def kernel(
    folder: Path, variables: Mapping[str, str] | None = None, *, load: bool = True
) -> Iterator[Kernel]:
    """Start a kernel in ``folder`` and end it afterwards.

    Args:
        variables: environment variables besides this process's own.
        load: whether to load the extension by hand, as outside of our environment.
    """
    manager = KernelManager(kernel_name="python3")
    manager.start_kernel(cwd=str(folder), env={**os.environ, **(variables or {})})
    client = manager.blocking_client()
    client.start_channels()
    try:
        client.wait_for_ready(timeout=60)
        running = Kernel(manager, client)
        if load:
            loaded = running.run("%load_ext local_assistant")
            assert (loaded.status, loaded.text, loaded.stderr) == ("ok", "", "")
        yield running
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
