"""The plugin of long tests: lengths, the table, and what fails where a figure is missed."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

TESTS = """
import pytest

def test_one(figures, lasting):
    figures("length", lasting("short", "whole"), "any", True)

@pytest.mark.long
def test_two(figures):
    figures("missed", 3, "at most 2", False)
"""


def _run(folder: Path, *options: str) -> tuple[int, str, list[dict[str, object]]]:
    (folder / "test_some.py").write_text(TESTS)
    (folder / "pytest.ini").write_text("[pytest]\naddopts = --strict-markers\n")
    command = [sys.executable, "-m", "pytest", "-p", "tests.figures", f"--rootdir={folder}"]
    where = ["-c", str(folder / "pytest.ini"), "--figures", str(folder / "f" / "figures.json")]
    done = subprocess.run(
        [*command, *where, *options, str(folder)], capture_output=True, text=True, timeout=60
    )
    rows = json.loads((folder / "f" / "figures.json").read_text())["figures"]
    return done.returncode, done.stdout, rows


def test_short_leaves_out_what_is_long(tmp_path: Path) -> None:
    status, said, rows = _run(tmp_path)
    assert status == 0, said
    assert "1 passed, 1 deselected" in said
    assert rows == [{"name": "length", "value": "short", "bound": "any", "reached": True}]


def test_whole_runs_all_and_a_missed_figure_fails(tmp_path: Path) -> None:
    status, said, rows = _run(tmp_path, "--long", "-n", "1")
    assert status == 1, said
    assert [(row["value"], row["reached"]) for row in rows] == [("whole", True), ("3", False)]
    assert "figures that were not reached: missed: 3 (bound at most 2)" in said
    assert "seed: " in said
