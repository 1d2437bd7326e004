"""``jupyter assistant logs`` as a process: tails, following, rotation, Ollama's own log."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from local_assistant.engine.runfile import process_start
from tests.integration.cli.conftest import Assistant


@pytest.fixture
def logs(assistant: Assistant) -> Path:
    folder = assistant.data / "logs"
    folder.mkdir(parents=True)
    return folder


def line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline()


def left(assistant: Assistant, process: subprocess.Popen[str]) -> None:
    """Ctrl-C: it ends as such commands do, and says nothing."""
    assistant.interrupt(process)
    _, errors = process.communicate(timeout=30)
    assert (process.returncode, errors) == (130, "")


def test_logs(assistant: Assistant, logs: Path) -> None:
    (logs / "engine.log").write_text("one\ntwo\nthree\n")
    (logs / "cli.log").write_text("four\n")
    assert assistant.run("logs", "-n", "2", "engine").out.endswith("<==\ntwo\nthree\n")
    files = assistant.run("logs", "--json").json["files"]
    assert [(file["name"], file["lines"]) for file in files] == [
        ("cli", ["four"]),
        ("engine", ["one", "two", "three"]),
    ]
    missing = assistant.run("logs", "enigne")
    assert missing.code == 1
    assert "there: cli, engine" in missing.err


def test_following_all_of_them(assistant: Assistant, logs: Path) -> None:
    log = logs / "engine.log"
    log.write_text("one\n")
    process = assistant.start("logs", "-f")
    assert [line(process) for _ in range(2)][1] == "one\n"
    with log.open("a") as stream:
        stream.write("two\n")
    assert line(process) == "engine: two\n"
    log.rename(logs / "engine.log.1")
    log.write_text("three, the first of a new and longer file\n")
    assert line(process) == "engine: three, the first of a new and longer file\n"
    # One that comes into being meanwhile.
    (logs / "jupyterlab.log").write_text("hello\n")
    assert line(process) == "jupyterlab: hello\n"
    left(assistant, process)


def test_following_one_that_is_not_there_yet(assistant: Assistant, logs: Path) -> None:
    process = assistant.start("logs", "-f", "engine")
    assert line(process).startswith("==> ")
    (logs / "cli.log").write_text("not asked for\n")
    (logs / "engine.log").write_text("one\n")
    assert line(process) == "one\n"
    left(assistant, process)
    assert assistant.run("logs", "-f", "enigne").code == 1


def test_the_log_of_an_ollama_that_is_not_ours(assistant: Assistant, logs: Path) -> None:
    none = assistant.run("logs", "ollama")
    assert none.code == 1
    assert "See Ollama's own: " in none.err
    # A log of ours from before, and none of ours runs now: both are said.
    (logs / "ollama.log").write_text("one\n")
    shown = assistant.run("logs", "ollama", "--json").json
    assert [file["lines"] for file in shown["files"]] == [["one"]]
    assert "ollama serve" in shown["elsewhere"]


def test_the_log_of_our_own_ollama(assistant: Assistant, logs: Path) -> None:
    (logs / "ollama.log").write_text("one\n")
    # Any process will do for a record; the fixture's stop ends it.
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    record = {
        "pid": process.pid,
        "started": process_start(process.pid),
        "url": "http://127.0.0.1:9",
        "binary": "ollama",
    }
    (assistant.data / "state").mkdir()
    (assistant.data / "state" / "ollama.json").write_text(json.dumps(record))
    try:
        assert assistant.run("logs", "ollama", "--json").json["elsewhere"] is None
    finally:
        process.communicate(b"\n")
