"""``install --install-ollama``: never without a yes, and what it says of the installer's end.

The stand-in is a ``curl`` on PATH that gives a script of the test's own for Ollama's; ``sh``,
the pipe, the processes and the terminal are real.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.integration.cli.conftest import ROOT, Assistant, alive
from tests.integration.cli.test_cli_install import at_terminal
from tests.waiting import until

STAND_IN = ROOT / "tests" / "integration" / "server" / "stand_in_ollama.py"
COMMAND = "curl -fsSL https://ollama.com/install.sh | sh"


class Installer:
    """What ``curl`` gives, and a PATH with nothing else of weight on it."""

    def __init__(self, assistant: Assistant) -> None:
        self.assistant = assistant
        self.folder = assistant.home / "bin"
        self.folder.mkdir()
        for tool in ("sh", "cp", "chmod", "sleep", "cat"):
            (self.folder / tool).symlink_to(shutil.which(tool) or "")
        self.script = assistant.home / "install.sh"
        self.called = assistant.home / "curl.txt"
        curl = self.folder / "curl"
        curl.write_text(f'#!/bin/sh\necho "$@" > {self.called}\nexec cat {self.script}\n')
        curl.chmod(0o755)
        with socket.create_server(("127.0.0.1", 0)) as unused:
            self.url = f"http://127.0.0.1:{unused.getsockname()[1]}"
        assistant.env["PATH"] = str(self.folder)
        assistant.config.write_text(f'[server]\nurl = "{self.url}"\n')

    def says(self, script: str) -> None:
        self.script.write_text(script)

    def installs(self) -> Path:
        """Let it install the stand-in for Ollama."""
        program = self.assistant.home / "ollama-inside"
        program.write_text(f"#!{sys.executable}\n{STAND_IN.read_text()}")
        self.says(
            "echo '>>> Installing ollama'\n"
            f"cp {program} {self.folder}/ollama\nchmod 755 {self.folder}/ollama\n"
        )
        return self.folder / "ollama"


@pytest.fixture
def installer(assistant: Assistant) -> Installer:
    return Installer(assistant)


def steps(data: dict[str, object]) -> dict[str, dict[str, object]]:
    listed = data["steps"]
    assert isinstance(listed, list)
    return {step["name"]: step for step in listed}


def test_nothing_is_installed_unasked(installer: Installer) -> None:
    program = installer.installs()
    done = installer.assistant.run("install", "--yes", "--preset", "demo")
    assert done.code == 0, done.err
    assert "none is installed" in done.out
    assert COMMAND in done.out  # how to get it, and by which command of ours
    assert "--install-ollama" in done.out
    assert not installer.called.exists()
    assert not program.exists()


def test_where_nobody_can_be_asked_it_wants_a_yes(installer: Installer) -> None:
    installer.installs()
    done = installer.assistant.run("install", "--install-ollama")
    assert done.code == 1
    assert f"Nobody can be asked whether to run Ollama's installer: {COMMAND}" in done.err
    assert "--install-ollama --yes" in done.err
    assert not installer.called.exists()


def test_with_both_it_is_installed_and_started(installer: Installer) -> None:
    program = installer.installs()
    installer.assistant.config.write_text(
        installer.assistant.config.read_text() + '[models]\npreset = "demo"\n'
    )
    done = installer.assistant.run("install", "--install-ollama", "--yes", "--json")
    assert done.code == 0, done.out + done.err
    found = steps(done.json)
    assert found["ollama"]["changed"] is True
    assert found["ollama"]["detail"] == f"installed ({program})"
    assert str(found["server"]["detail"]).startswith("ollama 0.33.0")
    assert installer.called.read_text().strip() == "-fsSL https://ollama.com/install.sh"
    installer.called.unlink()
    again = installer.assistant.run("install", "--install-ollama", "--yes", "--json").json
    assert again["changed"] is False
    assert "left as it is" in str(steps(again)["ollama"]["detail"])
    assert not installer.called.exists()


def test_one_that_is_too_old_is_updated(installer: Installer) -> None:
    program = installer.installs()
    old = STAND_IN.read_text().replace('os.environ.get("STAND_IN_VERSION", "0.33.0")', '"0.5.1"')
    program.write_text(f"#!{sys.executable}\n{old}")
    program.chmod(0o755)
    shown = installer.assistant.run("status").out
    assert "Ollama 0.5.1" in shown
    assert "--install-ollama" in shown
    done = installer.assistant.run("install", "--install-ollama", "--yes", "--preset", "demo")
    assert done.code == 0, done.err
    assert "Ollama 0.33.0 was started" in done.out


@pytest.mark.parametrize(("answer", "runs"), [("n\n", False), ("\n", False), ("y\n", True)])
def test_a_terminal_shows_the_very_command_and_asks(
    installer: Installer, answer: str, runs: bool
) -> None:
    program = installer.installs()
    arguments = ["install", "--install-ollama", "--preset", "demo"]
    code, shown = at_terminal(installer.assistant, arguments, answer)
    assert code == 0, shown
    assert COMMAND in shown
    assert "makes a user named ollama" in shown
    assert "Run it? [y/N]" in shown
    assert program.exists() is runs
    assert ("the answer was no" in shown) is not runs
    assert (">>> Installing ollama" in shown) is runs  # what it prints is shown


def test_a_failing_installer_is_reported_with_its_end(installer: Installer) -> None:
    installer.says("for n in 1 2 3; do echo line $n; done\necho 'no space left' >&2\nexit 7\n")
    done = installer.assistant.run("install", "--install-ollama", "--yes")
    assert done.code == 1
    assert "installer failed (status 7)" in done.err
    assert "  line 3\n  no space left" in done.err
    assert "the embedded engine answers without Ollama" in done.err
    log = installer.assistant.data / "logs" / "ollama-install.log"
    assert "no space left" in log.read_text()


def test_one_that_does_nothing_is_no_success(installer: Installer) -> None:
    """``curl … | sh`` ends well where curl has failed: sh had nothing to do."""
    (installer.folder / "curl").write_text("#!/bin/sh\necho 'curl: (6) no such host' >&2\nexit 6\n")
    done = installer.assistant.run("install", "--install-ollama", "--yes")
    assert done.code == 1
    assert "no ollama is there" in done.err
    assert "curl: (6) no such host" in done.err


def test_without_curl_it_is_said(installer: Installer) -> None:
    (installer.folder / "curl").unlink()
    done = installer.assistant.run("install", "--install-ollama", "--yes")
    assert done.code == 1
    assert "needs curl, which is not here" in done.err


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ('[server]\nkind = "embedded"\n', 'kind = "embedded"'),
        ('[server]\nurl = "http://ollama.invalid:1"\n', "you named http://ollama.invalid:1"),
    ],
)
def test_one_that_nobody_would_ask_is_refused(
    installer: Installer, settings: str, words: str
) -> None:
    installer.assistant.config.write_text(settings)
    done = installer.assistant.run("install", "--install-ollama", "--yes")
    assert done.code == 1
    assert "would not be asked" in done.err
    assert words in done.err
    assert not installer.called.exists()


@pytest.mark.parametrize("terminal", [False, True])
def test_ctrl_c_ends_the_installer_too(installer: Installer, terminal: bool) -> None:
    pid_file = installer.assistant.home / "pid"
    installer.says(f"echo $$ > {pid_file}\nsleep 100\n")
    command = installer.assistant.command("install", "--install-ollama", "--yes")
    ours = theirs = subprocess.DEVNULL
    if terminal:
        ours, theirs = os.openpty()
    process = subprocess.Popen(
        command,
        env=installer.assistant.environment(),
        stdin=theirs,
        stdout=theirs if terminal else subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    if terminal:
        os.close(theirs)
    pid = until(lambda: pid_file.exists() and pid_file.read_text().strip(), 30)
    os.killpg(process.pid, signal.SIGINT)
    _, err = process.communicate(timeout=30)
    if terminal:
        os.close(ours)
    assert process.returncode == 130, err
    assert "Run the same command again" in err
    until(lambda: not alive(int(pid)))
