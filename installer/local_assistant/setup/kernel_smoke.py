"""Run ``%%ai`` in a real kernel of this environment.

Contract: the kernel is this interpreter's own (no kernelspec is looked up), is always shut
down, and every wait has a deadline.
"""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass, field
from typing import Any

from local_assistant.errors import AssistantError

START_S = 60.0


@dataclass
class CellOutput:
    """What a cell printed and showed."""

    stdout: str = ""
    stderr: str = ""
    shown: str = ""
    error: str | None = None
    mimetypes: set[str] = field(default_factory=set)


def run_magic(prompt: str, *, timeout_s: float) -> str:
    """Run ``%%ai`` with ``prompt``; return what was seen.

    Raises:
        AssistantError: there is no Jupyter kernel here, or the cell did not show an answer.
    """
    manager = _start_kernel()
    client = manager.client()
    try:
        client.start_channels()
        client.wait_for_ready(timeout=START_S)
        loaded = _execute(client, "%load_ext local_assistant", START_S)
        started = time.perf_counter()
        answered = _execute(client, f"%%ai\n{prompt}", timeout_s)
        took = time.perf_counter() - started
    except RuntimeError as error:
        raise AssistantError(
            f"The kernel did not start: {error}.", "Try: python -m ipykernel_launcher --help"
        ) from error
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
        manager.cleanup_resources()
    for output in (loaded, answered):
        _require_clean(output)
    text = answered.stdout + answered.shown
    if not text.strip():
        raise AssistantError("%%ai ran and showed nothing.", "See: jupyter assistant logs")
    return f"%%ai showed {len(text)} characters in {took:.1f} s"


def _start_kernel() -> Any:
    try:
        import ipykernel  # noqa: F401  (asked for by name below)
        from jupyter_client.manager import KernelManager
    except ImportError as error:
        raise AssistantError(
            f"There is no Jupyter kernel in this environment: {error.name} is missing.",
            "Run: pip install ipykernel jupyter-client",
        ) from error
    manager = KernelManager()
    # This interpreter, so that what is installed in this environment is what is checked.
    manager.kernel_spec.argv = [
        sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"
    ]
    manager.start_kernel()
    return manager


def _execute(client: Any, code: str, timeout_s: float) -> CellOutput:
    """Run a cell and gather its output until the kernel is idle again."""
    output = CellOutput()

    def collect(message: dict[str, Any]) -> None:
        kind, content = message["msg_type"], message["content"]
        if kind == "stream":
            target = "stderr" if content["name"] == "stderr" else "stdout"
            setattr(output, target, getattr(output, target) + content["text"])
        elif kind in ("display_data", "update_display_data", "execute_result"):
            output.mimetypes.update(content["data"])
            # An update replaces what was shown before.
            output.shown = str(next(iter(content["data"].values()), ""))
        elif kind == "error":
            output.error = f"{content['ename']}: {content['evalue']}"

    try:
        reply = client.execute_interactive(
            code, store_history=False, allow_stdin=False, timeout=timeout_s, output_hook=collect
        )
    except TimeoutError as error:
        raise AssistantError(
            f"{code.splitlines()[0]} did not end within {timeout_s:.0f} s.",
            "See what the server does with: jupyter assistant logs",
        ) from error
    if reply["content"]["status"] == "error" and output.error is None:
        output.error = str(reply["content"].get("evalue"))
    return output


def _require_clean(output: CellOutput) -> None:
    if output.error:
        raise AssistantError(
            f"The cell failed: {output.error[:300]}", "See: jupyter assistant logs"
        )
    if output.stderr.strip():
        raise AssistantError(
            f"The cell wrote to stderr: {output.stderr.strip()[:300]}",
            "See: jupyter assistant logs",
        )
