"""The command as a process of its own, in a home and an environment prefix of its own."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import resource
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from local_assistant.setup.dropins import LABEXTENSION, OWN_FILES

ROOT = Path(__file__).parents[3]
TIMEOUT_S = 90.0

# The settings of this very environment must not be touched by a test.
_WITH_PREFIX = (
    "import sys; sys.prefix = sys.argv.pop(1);"
    "from local_assistant.cli.main import main; sys.exit(main())"
)


def _no_room() -> None:
    """Let every write to a file fail, as on a full disk; files can still be made."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))


@dataclass(frozen=True)
class Ran:
    """What a command did."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> dict[str, Any]:
        """The contract's object: the last line of stdout."""
        data: dict[str, Any] = json.loads(self.out.splitlines()[-1])
        return data


@dataclass
class Assistant:
    """``jupyter assistant`` for one home and prefix."""

    home: Path
    prefix: Path
    env: dict[str, str] = field(default_factory=dict)

    @property
    def data(self) -> Path:
        return self.home / "assistant"

    @property
    def config(self) -> Path:
        return self.home / "jupyter" / "assistant.toml"

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-c", _WITH_PREFIX, str(self.prefix), *arguments]

    def environment(self) -> dict[str, str]:
        return {**os.environ, **self.env}

    def run(
        self,
        *arguments: str,
        cwd: Path | None = None,
        disk_full: bool = False,
        first: Callable[[], None] | None = None,
        timeout_s: float = TIMEOUT_S,
    ) -> Ran:
        """Run to the end; ``first`` is called in the process before the command begins."""
        done = subprocess.run(
            self.command(*arguments),
            cwd=cwd or self.home,
            env=self.environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout_s,
            preexec_fn=_no_room if disk_full else first,
        )
        return Ran(done.returncode, done.stdout, done.stderr)

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            self.command(*arguments),
            cwd=self.home,
            env=self.environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            # As a terminal does it: an interrupt goes to the whole group of the command.
            start_new_session=True,
        )

    def interrupt(self, process: subprocess.Popen[str]) -> None:
        os.killpg(process.pid, signal.SIGINT)


def fill(prefix: Path) -> None:
    """Put into ``prefix`` what the wheel installs there."""
    for name in OWN_FILES:
        at = Path(name)
        inside = at.is_relative_to(LABEXTENSION)
        tree = ROOT / ("labextension" if inside else "jupyter_config")
        (prefix / at).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(tree / (at.relative_to(LABEXTENSION) if inside else at), prefix / at)


def make_assistant(home: Path, **env: str) -> Assistant:
    """Return a command whose files all lie below ``home``, with the wheel's drop-ins there."""
    prefix = home / "prefix"
    fill(prefix)
    variables = {
        "HOME": str(home),
        "USERPROFILE": str(home),
        "LOCAL_ASSISTANT_HOME": str(home / "assistant"),
        "LOCAL_ASSISTANT_CONFIG": "",
        "JUPYTER_CONFIG_DIR": str(home / "jupyter"),
        "JUPYTER_RUNTIME_DIR": str(home / "runtime"),
        "IPYTHONDIR": str(home / "ipython"),
        "NO_COLOR": "1",
    }
    assistant = Assistant(home, prefix, {**variables, **env})
    assistant.config.parent.mkdir(parents=True)
    return assistant


def embedded(assistant: Assistant, extra: str = "") -> None:
    """Write settings that use the embedded engine only."""
    assistant.config.write_text(f'[server]\nkind = "embedded"\n{extra}', encoding="utf-8")


def at_terminal(assistant: Assistant, arguments: list[str], answer: str) -> tuple[int, str]:
    """Run a command in a terminal of its own with ``answer`` typed ahead."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        assistant.command(*arguments),
        env=assistant.environment(),
        cwd=assistant.home,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    os.write(ours, answer.encode())
    shown = b""
    with contextlib.suppress(OSError):  # the end of a terminal reads as an error
        while piece := os.read(ours, 4096):
            shown += piece
    os.close(ours)
    return process.wait(60), shown.decode()


def alive(pid: int) -> bool:
    """Whether a process runs (a zombie whose parent has not looked yet does not)."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return False
    return fields[0] != "Z"


@pytest.fixture
def assistant(tmp_path: Path) -> Iterator[Assistant]:
    """A new home; its engine is stopped afterwards."""
    made = make_assistant(tmp_path)
    yield made
    made.run("stop")


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Assistant]:
    """A home with the embedded engine, for tests that do not change it."""
    made = make_assistant(tmp_path_factory.mktemp("shared"))
    embedded(made)
    yield made
    made.run("stop")
