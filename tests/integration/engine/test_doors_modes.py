"""What only the user may read is so whatever the umask, also when it is made anew."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from local_assistant import paths
from local_assistant.engine import runfile
from tests.doors.secrets import is_private

SCRIPT = """
import os, sys
os.umask(int(sys.argv[1], 8))
from local_assistant import log, paths
from local_assistant.engine.launch import ensure_engine, stop_engine
from local_assistant.lab.learn.index import Index, index_file
from local_assistant.server.client import Client
from local_assistant.server.endpoint import Endpoint

info = ensure_engine()
engine = Client(Endpoint("embedded", info.url, info.token, info.version, True, ""))
engine.post("/api/generate", {"model": "assistant-demo", "stream": False})
log.logger("jupyterlab").info("a line")
Index(index_file("assistant-demo")).close()
stop_engine()
"""


def run(umask: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, umask], capture_output=True, text=True, env=os.environ
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("umask", ["000", "077"])
def test_what_is_private_is_so_under_every_umask(home: Path, umask: str) -> None:
    if os.name == "nt":
        return  # the user's own folder is private there
    run(umask)
    top = paths.home()
    for folder in (paths.run_dir(), paths.logs_dir(), paths.learned_dir()):
        found = [path for path in folder.rglob("*") if path.is_file()]
        assert found, folder
        assert [str(path) for path in found if not is_private(path, top)] == []
    for file in (runfile.token_file(), runfile.run_file(), paths.logs_dir() / "engine.log"):
        assert file.stat().st_mode & 0o777 == 0o600
    everything = [top, *(path for path in top.rglob("*") if not path.is_symlink())]
    assert [str(path) for path in everything if path.stat().st_mode & 0o022] == []


def test_a_token_that_others_could_read_is_replaced(home: Path) -> None:
    if os.name == "nt":
        return
    run("000")
    before = runfile.token_file().read_text()
    runfile.token_file().chmod(0o644)
    runfile.run_file().unlink()
    run("000")
    assert runfile.token_file().read_text() != before
    for file in (runfile.token_file(), runfile.run_file()):
        assert file.stat().st_mode & 0o777 == 0o600
