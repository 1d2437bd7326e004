"""A full disk and a home that cannot be written: what can go on goes on, the rest is said."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from local_assistant import paths
from tests.figures import Figures
from tests.integration.engine.conftest import Own
from tests.long.processes import living
from tests.unprivileged import give_up, read_only
from tests.waiting import until

ROOT = Path(__file__).parents[2]
SMALL = ["mount", "-t", "tmpfs", "-o", "size=24m", "none"]


def _mounts(folder: Path) -> bool:
    """Whether this user may mount a small disk for a process of its own."""
    try:
        command = ["unshare", "-rm", *SMALL, str(folder)]
        return subprocess.run(command, capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        return False


@pytest.mark.parametrize("form", ["tmpfs", pytest.param("limit", marks=pytest.mark.long)])
def test_a_full_disk(home: Path, figures: Figures, form: str) -> None:
    if form == "tmpfs" and not _mounts(home):
        form = "limit"  # as in most containers
    program = [sys.executable, "-m", "tests.long.full_disk", str(home), form]
    if form == "tmpfs":
        script = f'{" ".join(SMALL)} "$0" && exec "$@"'
        program = ["unshare", "-rm", "sh", "-c", script, str(home), *program]
    done = subprocess.run(
        program, cwd=ROOT, capture_output=True, text=True, timeout=200, check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-4000:]
    until(lambda: living(paths.home()) == {}, 20)
    real = "a full tmpfs" if form == "tmpfs" else "a limit of file sizes"
    for step, told in json.loads(done.stdout.splitlines()[-1]).items():
        figures(f"fault: full disk ({real}), {step}", told[:60], "goes on or said", True)


READ_ONLY = """
from local_assistant.config import set_value
from local_assistant.engine import launch
from local_assistant.errors import AssistantError
for action in (launch.ensure_engine, lambda: set_value("chat.temperature", 0.5)):
    try:
        done = action()
    except AssistantError as error:
        print("said:", error.message, "|", error.fix)
    else:
        print("went on:", getattr(done, "url", done))
"""


def _as_another(*command: str) -> list[str]:
    done = subprocess.run(
        [sys.executable, *command], capture_output=True, text=True, timeout=90,
        check=False, preexec_fn=give_up,
    )  # fmt: skip
    assert "Traceback" not in done.stderr, done.stderr
    return done.stdout.splitlines()


@pytest.mark.parametrize("runs", [False, True])
def test_a_home_that_cannot_be_written(
    home: Path, own_engine: Callable[..., Own], figures: Figures, runs: bool
) -> None:
    """The engine that runs is used; where none runs, it is said why none can be started."""
    (home / "jupyter").mkdir()
    for folder in ("run", "logs", "models"):
        (home / "assistant" / folder).mkdir(parents=True)
    if runs:
        own_engine()
    with read_only(home):
        engine, setting = _as_another("-c", READ_ONLY)
        assert engine.startswith("went on:" if runs else "said: Cannot write"), engine
        assert setting.startswith("said: Cannot write"), setting
        status = _as_another("-m", "local_assistant", "status", "--json")
        assert json.loads(status[-1])["schema"] == 1
    state = "with a running engine" if runs else "with no engine"
    figures(f"fault: read-only home, {state}", engine[:50], "goes on or said", True)
