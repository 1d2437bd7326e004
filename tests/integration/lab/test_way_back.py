"""The stock command turns on what ``install`` turned off, and ``install`` leaves it on."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import local_assistant

NAME = "jupyter_server_mcp"
APP = "from jupyter_server.extension.serverextension import main; main()"
MERGE = """
import sys
from pathlib import Path
from local_assistant.setup import dropins, merging
place = dropins.place(Path(sys.prefix))
for file in dropins.shared_files(place):
    merging.merge(file, place.ledger)
"""


@pytest.fixture
def python(tmp_path: Path, home: Path) -> Callable[..., str]:
    """Python in an environment of its own, with the packages of this one."""
    prefix = tmp_path / "environment"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(prefix)], check=True)
    executable = prefix / ("Scripts" if os.name == "nt" else "bin") / "python"
    where = [str(Path(local_assistant.__file__).parents[1])]
    where += [entry for entry in sys.path if entry.endswith("site-packages")]
    (packages,) = prefix.rglob("site-packages")
    (packages / "these.pth").write_text("\n".join(where))
    folder = prefix / "etc" / "jupyter" / "jupyter_server_config.d"
    folder.mkdir(parents=True)
    shipped = {"ServerApp": {"jpserver_extensions": {NAME: True}}}
    (folder / f"{NAME}.json").write_text(json.dumps(shipped, indent=2))

    def run(code: str, *arguments: str) -> str:
        done = subprocess.run(
            [str(executable), "-c", code, *arguments],
            capture_output=True, text=True, check=False, cwd=tmp_path,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout + done.stderr

    return run


def listed(output: str) -> str:
    """Return whether the list of extensions shows the MCP server as on or off."""
    line = next(line for line in output.splitlines() if line.strip().startswith(f"{NAME} "))
    return "enabled" if "enabled" in line else "disabled"


def test_the_documented_way_back(python: Callable[..., str]) -> None:
    assert listed(python(APP, "list")) == "enabled", "as its package ships it"
    python(MERGE)
    assert listed(python(APP, "list")) == "disabled"
    python(APP, "enable", "--sys-prefix", NAME)
    assert listed(python(APP, "list")) == "enabled"
    python(MERGE)
    assert listed(python(APP, "list")) == "enabled", "install turned off what the user turned on"
