"""Interrupts and a dying engine in the middle of %%ai.

The answers here come from a model of random weights that never ends by itself.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from local_assistant import paths
from local_assistant.engine.launch import running_engine
from local_assistant.engine.store.store import Store
from tests.integration.engine import tiny_gguf
from tests.integration.magics.kernel import Kernel, kernel

ENDLESS = "endless"


@pytest.fixture(scope="module")
def endless(assistant: Path) -> str:
    """The name of a model that answers for as long as it is let."""
    # The engine's own window is full after a second, and then the answer is over.
    config = assistant / "jupyter" / "assistant.toml"
    config.write_text(f"{config.read_text()}\n[chat]\ncontext_tokens = {tiny_gguf.CONTEXT}\n")
    gguf = tiny_gguf.write(assistant / "endless.gguf")
    return Store(paths.models_dir()).add_gguf(ENDLESS, gguf)


def _until(what: Callable[[], bool], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while not what():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def _generating(model: str) -> bool:
    engine = running_engine()
    assert engine is not None
    status = httpx.get(
        f"{engine.url}/assistant/status",
        headers={"Authorization": f"Bearer {engine.token}"},
        timeout=30,
        trust_env=False,
    ).json()
    return any(entry["active"] for entry in status["loaded"] if entry["model"].startswith(model))


def _ask_endless(running: Kernel, model: str) -> str:
    """Ask, and wait for the first words; returns the message's id."""
    message = running.send(f"%%ai {model}\nGo on")
    assert running.collect(message, until_output=True).outputs
    assert _generating(ENDLESS)
    return message


def test_an_interrupt_stops_the_model_and_keeps_the_words(assistant: Path, endless: str) -> None:
    with kernel(assistant) as running:
        message = _ask_endless(running, endless)
        running.interrupt()
        cell = running.collect(message, timeout=60)
        assert cell.status == "error"
        assert cell.error.startswith("Interrupted: the model was stopped")
        assert "Traceback" not in cell.error
        assert cell.stderr == ""
        assert _until(lambda: not _generating(ENDLESS), seconds=60)
        assert running.run("%%ai\nWhat is Jupyter?").status == "ok"


def test_the_engine_outlives_the_kernel_that_started_it(assistant: Path, endless: str) -> None:
    before = running_engine()
    if before is not None:
        os.kill(before.pid, signal.SIGKILL)
        assert _until(lambda: running_engine() is None, seconds=60)
    with kernel(assistant) as running:
        _ask_endless(running, endless)
        started = running_engine()
        assert started is not None
        running.interrupt()
    after = running_engine()
    assert after is not None
    assert after.pid == started.pid
    assert _until(lambda: not _generating(ENDLESS), seconds=60)


def test_a_dead_engine_is_started_again(assistant: Path) -> None:
    with kernel(assistant) as running:
        assert running.run("%%ai\nWhat is Jupyter?").status == "ok"
        first = running_engine()
        assert first is not None
        os.kill(first.pid, signal.SIGKILL)
        cell = running.run("%%ai\nWhat is Jupyter?")
        assert (cell.status, cell.stderr) == ("ok", ""), cell.error
        second = running_engine()
        assert second is not None
        assert second.pid != first.pid


def test_an_engine_that_dies_in_the_middle_is_said_in_a_sentence(
    assistant: Path, endless: str
) -> None:
    with kernel(assistant) as running:
        message = _ask_endless(running, endless)
        engine = running_engine()
        assert engine is not None
        os.kill(engine.pid, signal.SIGKILL)
        cell = running.collect(message, timeout=60)
        assert (cell.status, cell.stderr) == ("error", "")
        assert "stopped in the middle of the answer" in cell.error
        assert "Run it again" in cell.error
        assert "Traceback" not in cell.error
        assert running.run("%%ai\nWhat is Jupyter?").status == "ok"
