"""The pure part of the labextension, by node's own test runner, and the package's facts."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import local_assistant
from labextension.build import program
from local_assistant.setup.dropins import LABEXTENSION, OWN_FILES

ROOT = Path(__file__).parents[3]
FOLDER = ROOT / "labextension"


def test_decide() -> None:
    tests = sorted(map(str, (FOLDER / "tests").glob("*.test.mjs")))
    assert tests
    done = subprocess.run(
        [program("node"), "--test", *tests], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stdout[-4000:]
    passed = re.search(r"pass (\d+)", done.stdout)
    assert passed and int(passed[1]) >= 50, done.stdout[-400:]


def test_the_versions_are_one() -> None:
    package = json.loads((FOLDER / "package.json").read_text())
    version = local_assistant.__version__
    assert package["version"] == version
    assert package["jupyterlab"]["_build"]["load"] == f"static/remoteEntry.js?v={version}"


def test_what_is_installed_is_all_that_a_browser_needs() -> None:
    files = [FOLDER / "package.json", FOLDER / "install.json"]
    files += (FOLDER / "static").iterdir()
    files += (path for path in (FOLDER / "schemas").rglob("*") if path.is_file())
    wanted = {f"{LABEXTENSION}/{path.relative_to(FOLDER).as_posix()}" for path in files}
    assert wanted == {name for name in OWN_FILES if name.startswith(LABEXTENSION)}


def loaded_at_start() -> set[str]:
    """Return the modules that are loaded before anybody opens anything."""
    found: set[str] = set()
    waiting = ["remoteEntry.js", "wire.js"]
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            text = (FOLDER / "static" / name).read_text(encoding="utf-8")
            waiting += re.findall(r"^(?:import|export) [^;]*?'\./([\w.]+)';", text, re.MULTILINE)
    return found


def test_the_ghost_text_part_is_small() -> None:
    names = loaded_at_start()
    assert "ghost.js" in names
    assert not names & {"panel.js", "popup.js"}
    assert sum((FOLDER / "static" / name).stat().st_size for name in names) <= 40_000


def test_the_lock_names_no_host() -> None:
    assert "://" not in (FOLDER / "package-lock.json").read_text(encoding="utf-8")
