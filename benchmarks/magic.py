"""What ``%%ai`` costs in a kernel, beside the engine's own time and beside Jupyter AI's magics.

``load + overhead`` is what a first question in a fresh kernel takes beyond the model's own work:
loading the extension, then the cell to its end, less the raw call to its end. Both extensions
ask the same engine for the same answer; Jupyter AI's runs in an environment of its own, of the
versions in ``peers/jupyter-ai-magic-commands.txt``. What is timed is what a front end sees: the
first text in an output, as it comes from the kernel's IOPub channel.
"""

from __future__ import annotations

import os
import statistics
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from string import ascii_letters
from typing import Any

from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import KernelManager

from benchmarks.engine import PROMPT, first_token_s, running_demo
from benchmarks.figures import Figure, paired, seconds
from benchmarks.ghost.clients import installed
from local_assistant.server import Choice

TIMEOUT_S = 120
_PEER = "jupyter-ai-magic-commands.txt"
_LOAD_PEER = "%load_ext jupyter_ai_magic_commands"
_ASK = f"%%ai --no-history -t 0\n{PROMPT}"
_ASK_PEER = f"%%ai demo\n{PROMPT}"
_WARM_PER_KERNEL = 5

FRAME_BYTES = 50_000_000
_MAKE_FRAME = f"""
import numpy as np, pandas as pd
from local_assistant.lab.magics.frames import describe
names = ("city", "price", "rooms", "area", "year")
rows = {FRAME_BYTES} // 8 // len(names)
frame = pd.DataFrame(dict(zip(names, np.random.default_rng(1).normal(size=(len(names), rows)))))
text = describe(frame)
"""
_ABOUT_FRAME = "%%ai --no-history -t 0\n{letter} Which column has the largest mean?\n{{{name}}}"


def measure(runs: int) -> list[Figure]:
    """Ask in ``runs`` fresh kernels of each kind, in turn; the raw call is made in between."""
    peer = str(installed(_PEER) / "bin" / "python")
    with running_demo() as choice:
        ours, theirs = [], []
        for run in range(runs):
            _say(f"%%ai: kernels {run + 1}/{runs}")
            ours.append(_ours(choice))
            theirs.append(_theirs(choice, peer))
        frame = _frame_s(runs)
    load, first, whole, warm = (statistics.median(column) for column in zip(*ours, strict=True))
    theirs_s = statistics.median(theirs)
    compared = (
        f"{whole:.3f} s against {theirs_s:.2f} s of jupyter_ai_magic_commands, {runs} kernels"
    )
    return [
        Figure("%load_ext local_assistant", load, 0.3, "s", "fresh kernel"),
        Figure("%%ai in a fresh kernel, added to the first token", load + first, 0.6, "s",
               "load and first token, less the raw call's first token"),
        Figure("%%ai in a warm kernel, added to the first token", warm * 1000, 20, "ms",
               f"first output, less the raw call's first token; {_WARM_PER_KERNEL} a kernel"),
        Figure("load + overhead, ours : stock", whole / theirs_s, 1 / 8, "", compared),
        Figure(f"%%ai about a data frame of {FRAME_BYTES // 1_000_000} MB, added", frame * 1000,
               None, "ms", "first output, less that of a cell with the same words in a string"),
    ]  # fmt: skip


def _ours(choice: Choice) -> tuple[float, float, float, float]:
    """Return what a fresh kernel adds (load, first token, whole cell), and a warm one."""
    with _kernel(sys.executable, {}) as client:
        load = seconds(lambda: _run(client, "%load_ext local_assistant"))
        first, whole = _asked(client)
        raw_first, raw_whole = first_token_s(choice), _raw_s(choice)
        warm = [_asked(client)[0] - first_token_s(choice) for _ in range(_WARM_PER_KERNEL)]
    return load, first - raw_first, load + whole - raw_whole, statistics.median(warm)


def _theirs(choice: Choice, python: str) -> float:
    """Return load + overhead of Jupyter AI's magics in a fresh kernel."""
    # Without a network LiteLLM would wait half a minute for its price list: not counted against it.
    environment = {
        "OLLAMA_API_BASE": choice.endpoint.url,
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",
    }
    if choice.endpoint.token:
        environment["OLLAMA_API_KEY"] = choice.endpoint.token
    with _kernel(python, environment) as client:
        load = seconds(lambda: _run(client, _LOAD_PEER))
        # Not counted: without an alias it refuses a model that LiteLLM does not list.
        _run(client, f"%ai alias demo ollama_chat/{choice.model}")
        whole = seconds(lambda: _run(client, _ASK_PEER))
    return load + whole - _raw_s(choice)


def _frame_s(runs: int) -> float:
    """Return what it adds that a prompt names a large frame in place of the frame's description.

    Each question begins with a letter of its own, so that no words are in the model's cache.
    """
    _say("%%ai: a large data frame")
    letters = iter(ascii_letters)
    with _kernel(sys.executable, {}) as client:
        _run(client, "%load_ext local_assistant")
        _run(client, _MAKE_FRAME)

        def first_s(name: str) -> float:
            return _asked(client, _ABOUT_FRAME.format(letter=next(letters), name=name))[0]

        frame, text = paired(lambda: first_s("frame"), lambda: first_s("text"), runs)
    return frame - text


def _raw_s(choice: Choice) -> float:
    return seconds(lambda: first_token_s(choice, to_the_end=True))


def _asked(client: BlockingKernelClient, cell: str = _ASK) -> tuple[float, float]:
    """Return the seconds until the first words of our cell's answer, and until its end."""
    shown: list[float] = []

    def watch(message: dict[str, Any]) -> None:
        content = message["content"]
        if "local_assistant" in content.get("metadata", {}) and any(content["data"].values()):
            shown.append(time.perf_counter())

    start = time.perf_counter()
    client.execute_interactive(cell, output_hook=watch, timeout=TIMEOUT_S)
    return shown[0] - start, time.perf_counter() - start


def _run(client: BlockingKernelClient, code: str) -> None:
    """Run a cell, which must work and, if it asks, show an answer."""
    outputs: list[dict[str, Any]] = []
    reply = client.execute_interactive(code, output_hook=outputs.append, timeout=TIMEOUT_S)
    assert reply["content"]["status"] == "ok", reply["content"]
    if code == _ASK_PEER:
        assert "primes_up_to" in str(outputs), outputs


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


@contextmanager
def _kernel(python: str, variables: dict[str, str]) -> Iterator[BlockingKernelClient]:
    """Start a kernel of any environment's Python."""
    manager = KernelManager()
    manager._kernel_spec = KernelSpec(
        argv=[python, "-m", "ipykernel_launcher", "-f", "{connection_file}"],
        display_name="bench", language="python",
    )  # fmt: skip
    manager.start_kernel(env={**os.environ, **variables})
    client = manager.blocking_client()
    client.start_channels()
    try:
        client.wait_for_ready(timeout=TIMEOUT_S)
        yield client
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
