"""What ``status`` and ``install`` say in each state that an Ollama can be in.

The stand-in acts as ``ollama`` does; processes, sockets and the command itself are real.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.cli.conftest import ROOT, Assistant, alive
from tests.unit.server.conftest import RawServer, reply
from tests.waiting import until

STAND_IN = ROOT / "tests" / "integration" / "server" / "stand_in_ollama.py"


class Machine:
    """A machine with or without an Ollama, and what was started on it by hand."""

    def __init__(self, assistant: Assistant) -> None:
        self.assistant = assistant
        self.folder = assistant.home / "bin"
        self.folder.mkdir()
        assistant.env["PATH"] = str(self.folder)
        with socket.create_server(("127.0.0.1", 0)) as unused:
            self.port: int = unused.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.at(self.url)
        self.by_hand: list[subprocess.Popen[bytes]] = []
        self.servers: list[RawServer] = []

    def at(self, url: str, kind: str = "auto") -> None:
        text = f'[server]\nkind = "{kind}"\nurl = "{url}"\n[models]\npreset = "demo"\n'
        self.assistant.config.write_text(text)

    def install(self, mode: str = "normal", version: str = "0.33.0") -> Path:
        program = self.folder / "ollama"
        program.write_text(f"#!{sys.executable}\n{STAND_IN.read_text()}")
        program.chmod(0o755)
        self.assistant.env.update(STAND_IN_MODE=mode, STAND_IN_VERSION=version)
        return program

    def start_by_hand(self, version: str = "0.33.0") -> subprocess.Popen[bytes]:
        program = self.install(version=version)
        environment = {**self.assistant.environment(), "OLLAMA_HOST": self.url}
        process = subprocess.Popen([program, "serve"], env=environment, stderr=subprocess.DEVNULL)
        self.by_hand.append(process)
        until(lambda: _listens(self.port))
        return process

    def serve(self, answer: bytes) -> RawServer:
        server = RawServer(lambda _server, connection: connection.sendall(answer))
        self.servers.append(server)
        self.at(server.url)
        return server

    def status(self) -> dict[str, Any]:
        return self.assistant.run("status", "--json").json

    def text(self) -> str:
        return self.assistant.run("status").out

    def installed(self) -> dict[str, Any]:
        done = self.assistant.run("install", "--json")
        assert done.code == 0, done.out + done.err
        steps = done.json["steps"]
        return {step["name"]: step for step in steps}["server"]

    def started_pid(self) -> int:
        record = self.assistant.data / "state" / "ollama.json"
        return int(json.loads(record.read_text())["pid"])

    def close(self) -> None:
        for process in self.by_hand:
            process.kill()
            process.wait()
        for server in self.servers:
            server.close()


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture
def machine(assistant: Assistant) -> Iterator[Machine]:
    made = Machine(assistant)
    yield made
    made.close()


def test_absent(machine: Machine) -> None:
    found = machine.status()
    assert found["ollama"]["state"] == "absent"
    assert found["server"]["state"] == "idle"
    assert found["server"]["kind"] == "embedded"  # what will answer
    assert found["ok"] is True
    shown = machine.text()
    assert "Server:   the embedded engine: it starts with the next question" in shown
    assert f"No Ollama answers at {machine.url}, and none is installed." in shown
    assert "jupyter assistant install --install-ollama" in shown
    step = machine.installed()
    assert step["detail"].startswith("embedded ")
    assert "none is installed. The embedded engine answers meanwhile. Get it" in step["detail"]
    # Now that it runs, status still says why Ollama is passed over.
    assert "none is installed" in machine.status()["server"]["detail"]


def test_stopped_then_started_by_us_then_stopped(machine: Machine) -> None:
    program = machine.install("slow")
    found = machine.status()
    assert (found["ollama"]["state"], found["ollama"]["version"]) == ("stopped", "0.33.0")
    assert found["ollama"]["binary"] == str(program)
    assert (found["server"]["state"], found["server"]["kind"]) == ("idle", "ollama")
    assert "Server:   Ollama: it starts with the next question" in machine.text()
    assert not (machine.assistant.data / "state" / "ollama.json").exists()

    assert machine.installed()["detail"].endswith(f"Ollama 0.33.0 was started ({program}).")
    pid = machine.started_pid()
    found = machine.status()
    assert (found["ollama"]["state"], found["ollama"]["how"]) == ("answers", "us")
    assert found["ollama"]["holder"]["pid"] == pid
    assert f"The assistant has started it (process {pid})." in machine.text()
    assert machine.installed()["changed"] is False
    assert machine.started_pid() == pid  # no second one

    stopped = machine.assistant.run("stop", "--json").json
    assert stopped["ollama"] is True
    assert not alive(pid)
    assert machine.status()["ollama"]["state"] == "stopped"


def test_what_makes_it_fast_is_set_where_the_user_has_not(machine: Machine) -> None:
    machine.install()
    machine.assistant.env["OLLAMA_NUM_PARALLEL"] = "7"
    machine.installed()
    log = (machine.assistant.data / "logs" / "ollama.log").read_text()
    line = next(line for line in log.splitlines() if line.startswith("settings "))
    settings = json.loads(line.partition(" ")[2])
    assert settings["OLLAMA_NUM_PARALLEL"] == "7"
    assert settings["OLLAMA_KEEP_ALIVE"] == "30m"
    assert settings["OLLAMA_NO_CLOUD"] == "1"
    assert settings["OLLAMA_HOST"] == machine.url


def test_one_that_dies_shows_the_end_of_its_log(machine: Machine) -> None:
    machine.install("dies")
    step = machine.installed()
    assert step["detail"].startswith("embedded ")
    assert "Ollama was started and ended at once (status 1). Its log ends:\n" in step["detail"]
    assert "  level=INFO starting" in step["detail"]  # several lines of it
    assert "  Error: could not find a place to put models" in step["detail"]
    machine.at(machine.url, "ollama")
    failed = machine.assistant.run("install")
    assert failed.code == 1
    assert "  Error: could not find a place to put models" in failed.err
    assert "ollama.log" in failed.err


def test_running_by_hand_is_used_and_left_alone(machine: Machine) -> None:
    process = machine.start_by_hand()
    found = machine.status()
    assert (found["server"]["state"], found["ollama"]["how"]) == ("answers", "hand")
    assert found["ollama"]["holder"]["pid"] == process.pid
    assert f"It was started by hand (process {process.pid})." in machine.text()
    assert machine.installed()["changed"] is False
    shown = machine.assistant.run("stop").out
    assert f"Ollama at {machine.url} goes on" in shown
    assert f"kill {process.pid}" in shown
    assert process.poll() is None


@pytest.mark.parametrize("runs", [True, False])
def test_too_old_names_the_feature(machine: Machine, runs: bool) -> None:
    if runs:
        machine.start_by_hand(version="0.5.1")
    else:
        machine.install(version="0.5.1")
    found = machine.status()
    assert found["ollama"]["state"] == "old"
    assert {"feature": "/api/create with JSON", "since": "0.5.5"}.items() <= found["ollama"][
        "lacks"
    ][0].items()
    shown = machine.text()
    assert "Ollama 0.5.1" in shown
    assert "0.6.4 is needed. It lacks capabilities in /api/show (since 0.6.4)" in shown
    assert "Update Ollama" in shown
    assert "the embedded engine: it starts with the next question" in shown
    assert "capabilities in /api/show" in machine.installed()["detail"]
    assert not (machine.assistant.data / "state" / "ollama.json").exists()


def test_one_that_lacks_something_else_is_used_and_it_is_noted(machine: Machine) -> None:
    machine.start_by_hand(version="0.9.5")
    found = machine.status()
    assert found["server"]["kind"] == "ollama"
    assert "context_length in /api/ps (since 0.10.0)" in found["warnings"][0]
    assert "Note:     This Ollama lacks context_length in /api/ps" in machine.text()


def test_another_program_on_the_port_is_named(machine: Machine) -> None:
    server = machine.serve(reply(b"<html>another program</html>"))
    found = machine.status()
    assert (found["ollama"]["state"], found["server"]["state"]) == ("foreign", "failed")
    assert found["ollama"]["holder"]["pid"] == os.getpid()
    shown = machine.text()
    assert f"Something answers at {server.url} that is not Ollama" in shown
    assert f"process {os.getpid()}" in shown
    assert f"End process {os.getpid()}" in shown
    assert machine.assistant.run("install").code == 1


def test_one_that_says_nothing(machine: Machine) -> None:
    server = RawServer(lambda raw, _connection: raw.go_on.wait(60) and None)
    machine.servers.append(server)
    machine.at(server.url)
    found = machine.status()
    assert found["ollama"]["state"] == "silent"
    assert f"process {os.getpid()}" in found["server"]["detail"]
    assert found["ok"] is False


def test_an_ollama_that_hangs_is_told_from_another_program(machine: Machine) -> None:
    process = machine.start_by_hand()
    process.send_signal(signal.SIGSTOP)
    found = machine.status()
    assert found["ollama"]["state"] == "silent"
    assert f"process {process.pid}" in found["server"]["detail"]
    assert "it hangs" in found["server"]["detail"]
    assert found["server"]["fix"] == f"End process {process.pid}; then try again."


def test_remote_that_is_down_and_nothing_stands_in(machine: Machine) -> None:
    machine.install()
    machine.assistant.env["OLLAMA_HOST"] = "https://ollama.invalid/ollama"
    found = machine.status()
    assert (found["ollama"]["state"], found["ollama"]["local"]) == ("remote_down", False)
    assert found["server"]["state"] == "failed"
    assert "https://ollama.invalid:443/ollama" in found["server"]["detail"]
    assert "OLLAMA_HOST" in found["server"]["fix"]


def test_kind_embedded_asks_no_ollama(machine: Machine) -> None:
    server = machine.serve(reply({"version": "1.0.0"}))
    machine.at(server.url, "embedded")
    found = machine.status()
    assert found["ollama"]["state"] == "unused"
    assert found["server"]["kind"] == "embedded"
    assert server.requests == []


def test_a_proxy_that_would_catch_localhost_is_noted(machine: Machine) -> None:
    machine.start_by_hand()
    machine.assistant.env["http_proxy"] = "http://127.0.0.1:9"
    found = machine.status()
    assert found["server"]["state"] == "answers"  # we go around it
    assert "HTTP_PROXY is set and NO_PROXY does not except this machine" in found["warnings"][0]
    assert "NO_PROXY" in machine.text()
    machine.assistant.env["no_proxy"] = "127.0.0.1"
    assert machine.status()["warnings"] == []


def test_what_a_killed_one_leaves_is_ended_before_the_next(machine: Machine) -> None:
    machine.install("loaded")
    helper = machine.folder / "llama-server"
    helper.write_text(f"#!{sys.executable}\nimport sys, time\ntime.sleep(int(sys.argv[1]))\n")
    helper.chmod(0o755)
    machine.installed()
    pid = machine.started_pid()
    left = until(lambda: _of_session(pid) - {pid})
    os.kill(pid, signal.SIGKILL)
    until(lambda: not alive(pid))
    assert machine.status()["ollama"]["state"] == "stopped"
    assert all(alive(each) for each in left)  # looking ends nothing
    machine.installed()
    assert machine.started_pid() != pid
    until(lambda: not any(alive(each) for each in left))
    after = machine.started_pid()
    assert machine.assistant.run("stop").code == 0
    until(lambda: not {each for each in _of_session(after) if alive(each)})


def _of_session(leader: int) -> set[int]:
    found = set()
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            if int(fields[3]) == leader:
                found.add(int(entry.name))
    return found
