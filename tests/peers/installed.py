"""install, doctor and uninstall in an environment that others had set up before us.

Each environment has one file of tests, which takes these in: whoever installs there changes
files of all its users, which only tests that run one after another can tell from their own.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from local_assistant.setup.changes import by_id
from tests import trees
from tests.figures import Figures
from tests.peers.peer import Peer
from tests.trees import Tree

THEIRS = {
    "share/jupyter/lab/settings/overrides.json": '{"@jupyterlab/apputils-extension:themes": {}}',
    "etc/jupyter/labconfig/page_config.json": '{"disabledExtensions": {"x": true}}',
    "etc/jupyter/labconfig/default_setting_overrides.json": '{"a:b": {"c": 1}}',
    "etc/ipython/startup/00-theirs.py": "theirs = 1\n",
    "etc/ipython/ipython_config.py": "c = get_config()\n",
}
OWN = {
    "jupyter/jupyter_lab_config.py": "# c.LabApp.x = 1\n",
    "jupyter/jupyter_server_config.json": '{"ServerApp": {"y": 1}}',
    "jupyter/lab/user-settings/@jupyterlab/apputils-extension/themes.jupyterlab-settings": "{}",
    "ipython/profile_default/startup/00-mine.py": "mine = 1\n",
    "ipython/profile_default/ipython_config.py": "c = get_config()\n",
    "jupyter-data/kernels/mine/kernel.json": '{"argv": ["x"], "language": "x"}',
    "jupyter-data/nbsignatures.db": "",
    ".ollama/models/blobs/sha256-1": "theirs",
}
"""Settings of an environment, and of a user: none of them is ours to touch."""


def everything(peer: Peer) -> Tree:
    """All of the home and of the environment's settings, and what pip knows of it."""
    records = (peer.prefix / "lib").rglob("*.dist-info/RECORD")
    roots = (peer.home, peer.prefix / "etc", peer.prefix / "share" / "jupyter", *records)
    return trees.look(*roots)


def pip_check(peer: Peer) -> str:
    """Return what does not fit together there, as pip sees it."""
    command = [sys.executable, "-m", "uv", "pip", "check", "-q", "--python", peer.python]
    done = subprocess.run(command, capture_output=True, text=True)
    return done.stdout + done.stderr


def doctor(peer: Peer) -> dict[str, dict[str, object]]:
    command = [peer.python, "-m", "local_assistant", "doctor", "--json"]
    done = subprocess.run(
        command, env=peer.environment(), cwd=peer.home, capture_output=True, text=True
    )
    report = json.loads(done.stdout.splitlines()[-1])
    return {check["name"]: check for check in report["checks"]}


class Installed:
    """Tests for the environment of the list ``pins``."""

    pins: str

    @pytest.fixture
    def peer(self, make_peer: Callable[[str], Peer]) -> Iterator[Peer]:
        peer = make_peer(self.pins)
        for root, files in ((peer.prefix, THEIRS), (peer.home, OWN)):
            for name, content in files.items():
                (root / name).parent.mkdir(parents=True, exist_ok=True)
                (root / name).write_text(content)
        yield peer
        for name in THEIRS:
            (peer.prefix / name).unlink()

    def test_our_requirements_and_theirs_are_met(self, peer: Peer) -> None:
        assert pip_check(peer) == ""

    def test_install_suits_the_doctor_and_uninstall_leaves_all_as_it_was(
        self, peer: Peer, figures: Figures
    ) -> None:
        before, fits = everything(peer), pip_check(peer)
        step = peer.step()
        shared = [
            peer.prefix / each[7:] for each in by_id("settings").paths if each[:7] == "PREFIX/"
        ]
        theirs = {path: entry for path, entry in before.items() if Path(path) not in shared}
        there = everything(peer)
        touched = trees.changed(theirs, {path: there[path] for path in theirs}, times=True)
        assert touched == [], "of theirs, but keys in the files that Jupyter shares"
        if peer.prefix.name != "notebook-intelligence":
            assert step["changed"]
            assert "assistant-chat" in peer.settings.read_text(encoding="utf-8")
        checks = doctor(peer)
        assert checks["packages"]["ok"], checks["packages"]
        if peer.prefix.name == "jupyternaut":  # its one complaint: the demo model
            assert "assistant-demo cannot use tools" in checks["jupyter_ai"]["detail"]
        else:
            assert checks["jupyter_ai"]["ok"], checks["jupyter_ai"]
        peer.run("uninstall")
        after = everything(peer)
        assert trees.changed(before, after) == []
        different = trees.bytes_different(before, after)
        figures(f"bytes different after uninstall beside {peer.prefix.name}", different, 0, True)
        assert trees.changed(theirs, {path: after[path] for path in theirs}, times=True) == []
        assert pip_check(peer) == fits
