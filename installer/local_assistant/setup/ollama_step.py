"""The install step that runs Ollama's official installer, only where that was asked for.

Contract: nothing is run without ``--install-ollama`` and a yes to the very command, given at
a terminal or by ``--yes`` beside it. An Ollama that is there and new enough is left alone.
What the installer prints is shown as it comes and kept in a log; where it fails, the end of
that is said. Ctrl-C ends the installer, too.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from local_assistant import paths
from local_assistant.errors import AssistantError
from local_assistant.server import getting, ollama, tuning
from local_assistant.server.getting import Way
from local_assistant.setup.steps import InstallOptions, StepResult

if TYPE_CHECKING:
    from local_assistant.server.states import ServerState

_ENDS_S = 5.0
_SHOWN_LINES = 12
_AGAIN = f"Run it again: {getting.BY_US}"


def ensure_ollama(options: InstallOptions) -> StepResult:
    """Ollama is installed, by its own installer, if a person says yes to its command."""
    from local_assistant.config import load_config
    from local_assistant.server import states

    found = states.describe(load_config().config)
    _refuse_where_nobody_would_ask_it(found)
    if found.state not in ("absent", "old"):
        return StepResult("ollama", False, f"{found.detail} It is left as it is.")
    way = getting.way()
    _refuse_without_tools(way)
    if not options.yes and not _agreed(way, options):
        return StepResult("ollama", False, "not installed: the answer was no")
    run(way, options)
    binary = ollama.find_binary()
    if binary is None:
        raise AssistantError(
            f"The installer ended without an error, but no ollama is there.{_end_of_log()}",
            _without_it(),
        )
    return StepResult("ollama", True, f"installed ({binary})")


def _refuse_where_nobody_would_ask_it(found: ServerState) -> None:
    if found.state == "unused":
        raise AssistantError(
            'An Ollama would not be asked: kind = "embedded" in [server] of assistant.toml.',
            'Set kind = "auto" there first: jupyter assistant config edit',
        )
    if not found.local:
        raise AssistantError(
            f"An Ollama on this machine would not be asked: you named {found.url}.",
            "Take that address out first ([server] url in assistant.toml, or OLLAMA_HOST).",
        )


def _refuse_without_tools(way: Way) -> None:
    if sys.platform == "linux" and not getting.is_root() and shutil.which("sudo") is None:
        raise AssistantError(
            f"Ollama's installer ({way.shown}) needs root, and there is no sudo here.",
            getting.without_root(),
        )
    for tool in (way.command[0], *(["curl"] if "curl" in way.shown else [])):
        if shutil.which(tool) is None:
            raise AssistantError(
                f"Ollama's installer needs {tool}, which is not here.",
                f"Install {tool}, or get Ollama by hand: {getting.PAGE}",
            )


def _agreed(way: Way, options: InstallOptions) -> bool:
    if not options.somebody:
        raise AssistantError(
            f"Nobody can be asked whether to run Ollama's installer: {way.shown}",
            f"Say yes beforehand: {getting.BY_US} --yes",
        )
    return options.ask(
        f"Ollama's own installer is this command:\n  {way.shown}\n{way.before}\nRun it?"
    )


def log_file() -> Path:
    return paths.logs_dir() / "ollama-install.log"


def run(way: Way, options: InstallOptions) -> None:
    """Run the installer to its end.

    Raises:
        AssistantError: it failed; with the end of what it said.
    """
    options.show(f"Running: {way.shown}\n")
    path = log_file()
    paths.make_private_dir(path.parent)
    # At a terminal it stays in the terminal's own group: sudo asks for a password there, and
    # Ctrl-C reaches it. Else nobody can type anything, and it gets a group to be ended by.
    apart = not options.somebody
    try:
        process = subprocess.Popen(
            way.command,
            stdin=subprocess.DEVNULL if apart else None,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=tuning.without_ours(os.environ),
            start_new_session=apart,
        )
    except OSError as error:
        raise AssistantError(
            f"The installer cannot be started: {error.strerror or error}.",
            f"Get Ollama by hand: {getting.PAGE}",
        ) from error
    with _ending(process, apart), path.open("wb") as log:
        assert process.stdout is not None
        for piece in iter(lambda: _read(process.stdout), b""):
            log.write(piece)
            options.show(piece.decode("utf-8", "replace"))
        code = process.wait()
    if code != 0:
        raise AssistantError(
            f"Ollama's installer failed (status {code}).{_end_of_log()}", _without_it()
        )


def _read(stream: Any) -> bytes:
    """Return what has arrived: a progress bar has no lines."""
    piece: bytes = stream.read1(65536)
    return piece


@contextlib.contextmanager
def _ending(process: subprocess.Popen[bytes], apart: bool) -> Iterator[None]:
    """End the installer where we are interrupted, or fail to keep its log."""
    try:
        yield
    except BaseException:
        if apart and hasattr(os, "killpg"):
            with contextlib.suppress(OSError):  # it ended by itself
                os.killpg(process.pid, signal.SIGINT)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_ENDS_S)
        _kill(process, apart)
        raise
    finally:
        if process.stdout is not None:
            process.stdout.close()


def _kill(process: subprocess.Popen[bytes], apart: bool) -> None:
    if apart and hasattr(os, "killpg"):
        with contextlib.suppress(OSError):  # the group is empty
            os.killpg(process.pid, signal.SIGKILL)
    elif process.poll() is None:
        process.kill()
    process.wait()


def _end_of_log() -> str:
    try:
        said = log_file().read_bytes().decode("utf-8", "replace").replace("\r", "\n")
    except OSError:
        return ""
    lines = [f"  {line.rstrip()[:300]}" for line in said.splitlines() if line.strip()]
    return " It ended with:\n" + "\n".join(lines[-_SHOWN_LINES:]) if lines else " It said nothing."


def _without_it() -> str:
    """Return what to do after a failure."""
    if sys.platform == "linux" and not getting.is_root():
        return f"{_AGAIN}\n{getting.without_root()}"
    return (
        f"{_AGAIN}, or get Ollama by hand: {getting.PAGE}. "
        "Or do nothing: the embedded engine answers without Ollama."
    )
