"""What a kill leaves beside a file goes; what a living process writes there stays."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from local_assistant import temporary
from local_assistant.setup.files import write_atomically


def test_leftovers_go_with_the_next_write(tmp_path: Path) -> None:
    done = subprocess.Popen([sys.executable, "-c", ""])
    done.wait()
    file = tmp_path / "settings.json"
    names = (f".settings.json.local-assistant-{done.pid}-x", f"{temporary.prefix(file)}y", ".other")
    for name in names:
        (tmp_path / name).write_text("half")
    write_atomically(file, b"{}")
    assert sorted(each.name for each in tmp_path.iterdir()) == sorted([*names[1:], file.name])
    assert f"-{os.getpid()}-" in names[1]


def test_a_folder_that_is_not_there_is_no_error(tmp_path: Path) -> None:
    temporary.sweep(tmp_path / "none" / "file")
