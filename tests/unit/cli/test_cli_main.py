"""The command line's frame: help, suggestions, exit codes, errors in one place."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
from pathlib import Path

import click
import pytest

from local_assistant import __version__, paths
from local_assistant.cli import docs
from local_assistant.cli.group import COMMANDS
from local_assistant.cli.main import main
from local_assistant.cli.render import as_called, command_name
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
    assert printed.startswith(f"Usage: {command_name()} ")
    for name in COMMANDS:
        assert f"\n  {name} " in printed


def test_no_arguments_print_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    printed = capsys.readouterr().out
    assert "First commands to try" in printed
    assert f"\n    {command_name()} install  " in printed


@pytest.mark.parametrize(
    ("programs", "on_path", "name"),
    [
        (("jupyter", "jupyter-assistant"), True, "jupyter assistant"),
        (("jupyter", "jupyter-assistant"), False, "{}/jupyter assistant"),
        (("jupyter-assistant",), True, "jupyter-assistant"),
        (("jupyter-assistant",), False, "{}/jupyter-assistant"),
        (("jupyter",), False, "{}/python -m local_assistant"),
    ],
)
def test_the_command_is_named_as_it_can_be_called(
    programs: tuple[str, ...],
    on_path: bool,
    name: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for program in programs:
        (tmp_path / program).touch(0o755)
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    monkeypatch.setenv("PATH", str(tmp_path) if on_path else "")
    assert command_name.__wrapped__() == name.format(tmp_path)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Fix: jupyter assistant stop", "Fix: {} assistant stop"),
        ("Next: jupyter lab", "Next: {} lab"),
        ("jupyter server extension enable x", "{} server extension enable x"),
        ("/there/bin/jupyter assistant stop", "/there/bin/jupyter assistant stop"),
        ("jupyter-assistant, jupyter labextension", "jupyter-assistant, jupyter labextension"),
    ],
)
def test_commands_in_messages_can_be_run_from_here(text: str, shown: str) -> None:
    assert as_called(text) == shown.format(command_name().removesuffix(" assistant"))


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert __version__ in capsys.readouterr().out


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([name, "--help"]) == 0
    assert f"Usage: {command_name()} {name}" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (["statsu"], "Did you mean 'status'?"),
        (["uninstal"], "Did you mean 'uninstall'?"),
        (["xyzzy"], "Known: install, status"),
        (["ask"], "Known: install, status"),
        (["config", "sohw"], "Did you mean 'show'?"),
        (["logs", "--folow"], "--follow"),
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


def test_help_imports_nothing_heavy(session_environment: dict[str, str]) -> None:
    """What it takes is measured by ``python -m benchmarks cli``; this is why."""
    code = (
        "import sys; from local_assistant.cli.main import main; main(['--help']);"
        "heavy = {'pydantic', 'rich', 'httpx', 'logging', 'tomlkit', 'local_assistant.config'};"
        "sys.exit(', '.join(sorted(heavy & set(sys.modules))) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_choices_are_those_of_the_schema() -> None:
    from local_assistant.cli.commands.install import PRESETS
    from local_assistant.cli.commands.use import ROLES
    from local_assistant.config import schema, wording

    assert list(PRESETS) == wording.choices("models.preset")
    assert ROLES == schema.ROLES


def test_commands_page_is_up_to_date() -> None:
    committed = (ROOT / "docs" / "commands.md").read_text(encoding="utf-8")
    assert committed == docs.page(), "run: python -m local_assistant.cli.docs docs/commands.md"
