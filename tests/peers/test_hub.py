"""``pip install --user`` beside a JupyterLab that the user cannot write: a hub's."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests import environments, trees, unprivileged
from tests.environments import uv
from tests.peers.peer import ROOT, Peer

LAB = ("jupyterlab>=4.2,<4.3", "ipykernel", "pip")
"""The oldest that the base package stands beside."""

_OTHERS = ("jupyterlab", "notebook")

NOT_OURS = ("__pycache__", "certifi")
"""Folders that change without us: a machine's keeper adds certificates to Python's at any time."""

KERNEL = """
from jupyter_client.manager import start_new_kernel
manager, client = start_new_kernel(kernel_name="python3")
client.execute_interactive("%%ai\\nHello", timeout=60)
client.stop_channels()
manager.shutdown_kernel(now=True)
"""
SERVER = """
from jupyterlab.labapp import LabApp
app = LabApp.initialize_server(argv=["--allow-root", "--no-browser"])
found = app.extension_manager.extensions
print(sorted(name for name, each in found.items() if each.enabled and "assistant" in name))
"""


@dataclass
class Hub(Peer):
    """A hub's environment, and a user of it, all of whose files are at their usual places."""

    def environment(self) -> dict[str, str]:
        theirs = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("JUPYTER", "IPYTHON", "LOCAL_ASSISTANT", "XDG", "PYTHON"))
        }
        path = os.pathsep.join([str(self.prefix / "bin"), os.environ["PATH"]])
        # As for every user of a hub but root: the environment is not theirs.
        return {**theirs, "HOME": str(self.home), "PATH": path, "JUPYTER_PREFER_ENV_PATH": "0"}

    def python_says(self, *arguments: str) -> str:
        done = subprocess.run(
            [self.python, *arguments],
            env=self.environment(),
            cwd=self.home,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=180,
            preexec_fn=unprivileged.give_up,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return environments.wheel(tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def hub(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Hub:
    prefix = Path(sys.prefix) / "peers" / "hub"
    if not (prefix / "whole").exists():
        # With a system's packages: only then does Python look into the user's own, as a hub's does.
        uv("venv", "-q", "--clear", "--system-site-packages", "--python", sys.executable,
           str(prefix))  # fmt: skip
        pins = tmp_path_factory.mktemp("pins") / "pins.txt"
        lock = (ROOT / "requirements" / "test.txt").read_text(encoding="utf-8").splitlines()
        pinned = [each.rstrip(" \\") for each in lock if "==" in each]
        pins.write_text("\n".join(each for each in pinned if not each.startswith(_OTHERS)))
        uv("pip", "install", "-q", "--python", str(prefix), "-c", str(pins), *LAB,
           f"jupyter-local-assistant[engine] @ {wheel.as_uri()}")  # fmt: skip
        uv("pip", "uninstall", "-q", "--python", str(prefix), "jupyter-local-assistant")
        (prefix / "whole").touch()
    return Hub(prefix, tmp_path_factory.mktemp("user"))


def test_pip_install_user_then_install_then_back(hub: Hub, wheel: Path) -> None:
    before = trees.look(hub.prefix, without=NOT_OURS)
    # What the package needs is on the hub already, or would come along: no part of Jupyter.
    pip = ("-m", "pip", "--disable-pip-version-check")
    with unprivileged.read_only(hub.prefix):
        hub.python_says(*pip, "install", "-q", "--user", "--no-deps", "--no-index", str(wheel))
        bare = trees.look(hub.home, without=NOT_OURS)
        try:
            said = hub.python_says("-m", "local_assistant", "install")
            assert "~/.ipython/profile_default/startup/zz-local-assistant.py" in said
            assert "hides this machine's" not in said
            smoke = hub.python_says("-m", "local_assistant", "smoke")
            assert "FAILED" not in smoke
            assert "demo model" in hub.python_says("-c", KERNEL)
            assert "local_assistant.lab.extension" in hub.python_says("-c", SERVER)
        finally:
            hub.python_says("-m", "local_assistant", "uninstall")
    after = trees.look(hub.home, without=NOT_OURS)
    assert [each for each in trees.changed(bare, after) if not _of_jupyter(each, hub.home)] == []
    assert trees.changed(before, trees.look(hub.prefix, without=NOT_OURS)) == []


def test_a_jupyterlab_of_the_users_own_that_hides_the_hubs_is_said(hub: Hub, wheel: Path) -> None:
    packages = hub.home / ".local/lib" / f"python{sys.version_info[0]}.{sys.version_info[1]}"
    stray = packages / "site-packages" / "jupyterlab-4.0.0.dist-info" / "METADATA"
    stray.parent.mkdir(parents=True, exist_ok=True)
    stray.write_text("Metadata-Version: 2.1\nName: jupyterlab\nVersion: 4.0.0\n")
    pip = ("-m", "pip", "--disable-pip-version-check")
    hub.python_says(*pip, "install", "-q", "--user", "--no-deps", "--no-index", str(wheel))
    try:
        said = hub.python_says("-m", "local_assistant", "install")
        assert "your own jupyterlab 4.0.0 hides this machine's 4." in said
    finally:
        hub.python_says("-m", "local_assistant", "uninstall")


def _of_jupyter(line: str, home: Path) -> bool:
    """What a kernel and a Jupyter server of anybody's make in a home."""
    own = (
        ".ipython",
        ".jupyter/migrated",
        ".jupyter/lab",
        ".jupyter/labconfig",
        ".local/share/jupyter",
        ".npm",
        ".cache",
    )
    path = Path(line.partition(" ")[2]).relative_to(home)
    return (
        line.startswith("new ")
        and (any(path.is_relative_to(each) for each in own) or path == Path(".jupyter"))
        and "assistant" not in str(path)
    )
