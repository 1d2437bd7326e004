"""The command line's frame: help, suggestions, exit codes, errors in one place."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
import time
from pathlib import Path

import click
import pytest

from local_assistant import __version__, paths
from local_assistant.cli import docs
from local_assistant.cli.group import COMMANDS
from local_assistant.cli.main import main
from local_assistant.errors import AssistantError

ROOT = Path(__file__).parents[3]


def fails_with(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    """Make ``stop`` raise ``error``."""
    module = importlib.import_module("local_assistant.cli.commands.stop")

    @click.command()
    @click.option("--json", "_json", is_flag=True, expose_value=False)
    def command() -> None:
        raise error

    monkeypatch.setattr(module, "command", command)


def test_help_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    printed = capsys.readouterr().out
    assert printed.startswith("Usage: jupyter assistant")
    for name in COMMANDS:
        assert f"\n  {name} " in printed


def test_no_arguments_print_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    assert "First commands to try" in capsys.readouterr().out


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert __version__ in capsys.readouterr().out


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([name, "--help"]) == 0
    assert f"Usage: jupyter assistant {name}" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (["statsu"], "Did you mean 'status'?"),
        (["uninstal"], "Did you mean 'uninstall'?"),
        (["xyzzy"], "Known: install, status"),
        (["config", "sohw"], "Did you mean 'show'?"),
        (["logs", "--folow"], "Did you mean '--follow'?"),
        (["use"], "Missing argument 'MODEL'"),
        (["install", "--preset", "huge"], "'huge' is not one of"),
        (["logs", "--follow", "--json"], "exclude each other"),
    ],
)
def test_wrong_usage(arguments: list[str], hint: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 2
    printed = capsys.readouterr()
    assert hint in printed.out + printed.err
    assert "--help" in printed.out + printed.err


def test_a_known_failure_is_a_sentence_and_a_fix(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    fails_with(monkeypatch, AssistantError("It is broken.", "Run: mend it"))
    assert main(["stop"]) == 1
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err == "Error: It is broken.\nFix: Run: mend it\n"
    assert "Traceback" in (paths.logs_dir() / "cli.log").read_text()


def test_a_known_failure_in_json(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    fails_with(monkeypatch, AssistantError("It is broken.", None))
    assert main(["stop", "--json"]) == 1
    assert json.loads(capsys.readouterr().out) == {
        "schema": 1,
        "ok": False,
        "error": {"message": "It is broken.", "fix": None},
    }


def test_an_unknown_failure_says_where_its_traceback_is(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    fails_with(monkeypatch, ZeroDivisionError("by Bearer abcdef0123456789"))
    assert main(["stop"]) == 1
    printed = capsys.readouterr().err
    log = paths.logs_dir() / "cli.log"
    assert "ZeroDivisionError" in printed
    assert str(log) in printed
    assert "Traceback" not in printed
    assert "Traceback" in log.read_text()
    assert "abcdef0123456789" not in log.read_text()


def test_an_unknown_failure_where_nothing_can_be_logged(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    paths.home().parent.mkdir(exist_ok=True)
    paths.home().write_text("a file where the directory should be")
    fails_with(monkeypatch, ZeroDivisionError("x"))
    assert main(["stop"]) == 1
    assert "log file cannot be written" in capsys.readouterr().err


def test_ctrl_c(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    fails_with(monkeypatch, KeyboardInterrupt())
    assert main(["stop"]) == 130
    assert "Run the same command again to go on." in capsys.readouterr().err
    assert main(["stop", "--json"]) == 130
    assert json.loads(capsys.readouterr().out)["error"]["message"] == "Stopped."


def test_a_reader_that_leaves_gets_no_traceback(session_environment: dict[str, str]) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "local_assistant", "--help"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None
    process.stdout.close()
    _, printed = process.communicate(timeout=30)
    assert printed == b""


def test_help_is_fast_and_light(session_environment: dict[str, str]) -> None:
    code = (
        "import sys; from local_assistant.cli.main import main; main(['--help']);"
        "heavy = {'pydantic', 'rich', 'httpx', 'logging', 'tomlkit', 'local_assistant.config'};"
        "sys.exit(', '.join(sorted(heavy & set(sys.modules))) or 0)"
    )
    best = 9.0
    for _ in range(3):
        started = time.perf_counter()
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
        best = min(best, time.perf_counter() - started)
        assert done.returncode == 0, done.stderr
    # The figure is 0.25 s; a busy machine gets twice that before this says something is wrong.
    assert best < 0.5


def test_choices_are_those_of_the_schema() -> None:
    from local_assistant.cli.commands.install import PRESETS
    from local_assistant.cli.commands.use import ROLES
    from local_assistant.config import schema, wording

    assert list(PRESETS) == wording.choices("models.preset")
    assert ROLES == schema.ROLES


def test_commands_page_is_up_to_date() -> None:
    committed = (ROOT / "docs" / "commands.md").read_text(encoding="utf-8")
    assert committed == docs.page(), "run: python -m local_assistant.cli.docs docs/commands.md"
