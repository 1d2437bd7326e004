"""A whole session contacts nobody, and the same means show it where one does.

By the user's own command, ``jupyter assistant doctor --egress``, in a network of its own where
the system permits one (the figures say so), in which every address seems to answer.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from local_assistant import paths
from local_assistant.setup.egress import processes, proof
from local_assistant.setup.egress.box import SILENT
from tests import tracing
from tests.figures import Figures
from tests.jupyterlab import write_shared_config

CALLS = "import socket; socket.socket().connect_ex(('192.0.2.1', 9))\n"
STAND_IN = Path(__file__).parents[1] / "integration" / "server" / "stand_in_ollama.py"


@pytest.fixture
def installed(home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The settings that ``jupyter assistant install`` merges into Jupyter's files."""
    monkeypatch.setenv("JUPYTER_CONFIG_PATH", str(write_shared_config(home / "shared-config")))
    return home


def egress(*options: str) -> tuple[int, dict[str, Any]]:
    command = [sys.executable, "-m", "local_assistant", "doctor", "--egress", "--json"]
    ran = subprocess.run([*command, *options], capture_output=True, text=True)
    assert ran.stdout, ran.stderr
    found = json.loads(ran.stdout)
    print(json.dumps(found, indent=1))
    assert found["complete"], found["steps"]
    assert found["method"] == ("polling" if tracing.refused() else "seccomp")
    assert bool(found["why"]) == tracing.refused()
    return ran.returncode, found


def hosts(found: dict[str, Any]) -> set[str]:
    return {contact["host"] for contact in found["contacts"]}


def test_a_session_contacts_nobody(
    installed: Path, figures: Figures, lasting: Callable[[float, float], float]
) -> None:
    seconds = lasting(60, 600)
    code, found = egress("--sealed", "--seconds", str(seconds))
    looked_at = found["looked_at"]
    busy = f"{seconds:.0f} s, network: {found['where']}"
    figures(f"egress: hosts contacted, {busy}", len(hosts(found)), 0, found["contacts"] == [])
    looks = sum(looked_at.values())
    if tracing.refused():  # then it looks at open connections, ten times a second at most
        figures("egress: looks at open connections", looks, "> 100", looks > 100)
    else:
        figures("egress: system calls looked at", looks, "> 1000", looks > 1000)
    requests = found["page_requests"]
    figures("egress: requests of the page", requests, "> 100", (requests or 0) > 100)
    assert code == 0


@pytest.mark.long
def test_the_same_session_shows_what_install_has_switched_off(home: Path) -> None:
    """Without our settings the list of extensions is asked for at PyPI."""
    code, found = egress("--sealed", "--seconds", "1", "--no-browser")
    assert code == 1
    asked = [(each["process"], each["host"]) for each in found["contacts"]]
    assert ("python -m jupyterlab", "pypi.org") in asked


@pytest.mark.long
def test_in_the_network_as_it_is(installed: Path) -> None:
    code, found = egress("--seconds", "1", "--no-browser")
    assert (code, found["contacts"], found["where"]) == (0, [], "here")


@pytest.mark.long
def test_an_ollama_that_the_session_starts_is_watched_too(
    installed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stand-in, which calls somebody; beside it a model that assistant.toml names."""
    folder = installed / "bin"
    folder.mkdir()
    program = folder / "ollama"
    source = STAND_IN.read_text(encoding="utf-8")
    program.write_text(f"#!{sys.executable}\n{CALLS}{source}", encoding="utf-8")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    settings = paths.user_config_file()
    settings.parent.mkdir(parents=True, exist_ok=True)
    settings.write_text('[models]\nchat = "assistant-demo"\n', encoding="utf-8")

    seen = proof.prove(seconds=1, box=SILENT)
    assert {contact.host for contact in seen.contacts} == {"192.0.2.1"}
    assert any("ollama serve" in contact.process for contact in seen.contacts), seen.contacts
    assert settings.read_text(encoding="utf-8") == '[models]\nchat = "assistant-demo"\n'


@pytest.mark.long
def test_ctrl_c_leaves_nothing(installed: Path) -> None:
    temporary = installed / "tmp"
    temporary.mkdir()
    command = [sys.executable, "-m", "local_assistant", "doctor", "--egress", "--no-browser"]
    environment = {**os.environ, "TMPDIR": str(temporary), "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as doctor:
        assert doctor.stdout is not None
        said = iter(doctor.stdout)
        assert any(line.startswith("JupyterLab ") for line in said)
        assert mine(temporary), "it runs, and is found"
        doctor.send_signal(signal.SIGINT)
        assert doctor.wait(60) != 0
    assert mine(temporary) == []
    assert [path.name for path in temporary.iterdir()] == []


def mine(temporary: Path) -> list[int]:
    """Return the processes of a session that runs with this folder for temporary files."""
    found = []
    for process in psutil.process_iter():
        try:
            environment = process.environ()
        except psutil.Error:
            continue  # it has just ended
        inside = environment.get("TMPDIR", "").startswith(str(temporary))
        if inside and processes.MARK in environment:
            found.append(process.pid)
    return found
