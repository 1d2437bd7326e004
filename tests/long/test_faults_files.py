"""Files of ours that are spoiled in every way: all works again, or it is said how to mend it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import httpx
import pytest

import local_assistant
from local_assistant import paths
from local_assistant.config import write_template
from local_assistant.engine import launch, runfile
from local_assistant.engine.launch import EngineInfo
from local_assistant.errors import AssistantError
from tests.figures import Figures
from tests.integration.engine.conftest import Own, gone
from tests.long.processes import kill, living
from tests.waiting import until


def _replace(path: Path, raw: bytes) -> None:
    path.unlink()  # a blob may be linked to the file that it came from
    path.write_bytes(raw)


def _loop(path: Path) -> None:
    path.unlink()
    path.symlink_to(path)


def _folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


SPOILED: dict[str, Callable[[Path], None]] = {
    "empty": lambda path: _replace(path, b""),
    "cut in half": lambda path: _replace(path, path.read_bytes()[: path.stat().st_size // 2]),
    "garbage": lambda path: _replace(path, bytes(range(256)) * 4),
    "JSON of another shape": lambda path: _replace(path, b'[{"pid": []}]'),
    "gone": lambda path: path.unlink(),
    "a folder": _folder,
    "a link to itself": _loop,
}


def _manifest() -> Path:
    return next((paths.models_dir() / "manifests").rglob("tiny/latest"))


def _blob() -> Path:
    layers = json.loads(_manifest().read_text())["layers"]
    name = next(layer["digest"] for layer in layers if layer["mediaType"].endswith("model"))
    return paths.models_dir() / "blobs" / name.replace(":", "-")


def _settings() -> Path:
    write_template()
    return paths.user_config_file()


FILES: dict[str, Callable[[], Path]] = {
    "run file": runfile.run_file,
    "lock": runfile.lock_file,
    "token": runfile.token_file,
    "manifest": _manifest,
    "blob": _blob,
    "log": launch.log_file,
    "assistant.toml": _settings,
}
CASES = [
    # In the short form each file and each way once.
    pytest.param(file, how, marks=[] if at == way else [pytest.mark.long])
    for at, file in enumerate(FILES)
    for way, how in enumerate(SPOILED)
]


@pytest.mark.parametrize(("file", "how"), CASES)
def test_spoiled(own_engine: Callable[..., Own], figures: Figures, file: str, how: str) -> None:
    own_engine()
    launch.stop_engine()
    path = FILES[file]()
    before = path.read_bytes()
    SPOILED[how](path)
    came = "FAILED"
    try:
        came = _works_or_is_said(path)
        status = _command("status")
        assert "Traceback" not in status.stdout + status.stderr, status.stderr
        assert status.returncode in (0, 1)
        launch.stop_engine()
        until(lambda: living(paths.home()) == {}, 20)
        if came.startswith("said"):
            _mend(path, before)
            assert _works_or_is_said(path) == "recovered"
    finally:
        figures(f"fault: {file} is {how}", came, "recovered or said", came != "FAILED")


def _works_or_is_said(path: Path) -> str:
    try:
        info = launch.ensure_engine()
    except AssistantError as error:
        assert error.fix and path.name in str(error), str(error)
        return f"said: {error.message[:60]}"
    assert _ask(info, "assistant-demo").status_code == 200, "another model is not harmed"
    answer = _ask(info, "tiny")
    if answer.status_code == 200:
        return "recovered"
    said = str(answer.json()["error"])
    assert len(said) > 15 and "internal error" not in said and "Traceback" not in said
    return f"said: {said[:60]}"


def _ask(info: EngineInfo, model: str) -> httpx.Response:
    body: dict[str, Any] = {"model": model, "prompt": "a", "stream": False}
    return httpx.post(
        f"{info.url}/api/generate", json={**body, "options": {"num_predict": 1}},
        headers={"Authorization": f"Bearer {info.token}"}, timeout=60, trust_env=False,
    )  # fmt: skip


def _command(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "local_assistant", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=90, check=False)


def _mend(path: Path, before: bytes) -> None:
    """Do what the message says: away with it, and the file back."""
    if path.is_dir() and not path.is_symlink():
        path.rmdir()
    path.unlink(missing_ok=True)
    path.write_bytes(before)


@pytest.mark.parametrize("how", ["empty", "garbage", "gone"])
def test_the_run_file_of_a_running_engine(
    own_engine: Callable[..., Own], figures: Figures, how: str
) -> None:
    own = own_engine()
    SPOILED[how](runfile.run_file())
    info = launch.ensure_engine()
    assert (info.pid, info.url) == (own.info.pid, own.info.url), "it has mended its file"
    figures(f"fault: run file of a running engine is {how}", "recovered", "recovered", True)


def test_a_run_file_that_names_another_program(
    own_engine: Callable[..., Own], figures: Figures
) -> None:
    other = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        own = own_engine()
        kill(own.info.pid)
        record = runfile.read()
        assert record is not None
        started = str(runfile.process_start(other.pid))
        for change in ({"pid": other.pid}, {"pid": other.pid, "started": started}):
            runfile.write(runfile.RunFile(**{**asdict(record), **change}))
            assert launch.stop_engine() is False
            assert not gone(other.pid)
            info = launch.ensure_engine()
            assert info.pid != other.pid
            assert launch.stop_engine() is True
            assert not gone(other.pid)
    finally:
        other.kill()
        other.communicate()
    figures("fault: run file names another program", "not ended", "not ended", True)


def test_two_versions_of_us_on_one_home(
    own_engine: Callable[..., Own], figures: Figures, tmp_path: Path
) -> None:
    """The other one's run file says more; either uses and ends the other's engine."""
    own = own_engine()
    record = asdict(runfile.RunFile(**json.loads(runfile.run_file().read_text())))
    kill(own.info.pid)
    other = _another_version(tmp_path / "other")
    process = subprocess.Popen(
        [sys.executable, "-m", "local_assistant.engine"],
        env={"PYTHONPATH": str(other), **_environment()}, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        info = until(launch.running_engine, 30)
        assert (info.pid, info.version) == (process.pid, "99.0")
        assert info.token == record["token"]
        assert "since" in json.loads(runfile.run_file().read_text())
        assert launch.ensure_engine().pid == process.pid
        assert _ask(info, "tiny").status_code == 200
        assert launch.stop_engine() is True
        assert process.wait(20) == 0
    finally:
        process.kill()
        process.wait()
    figures("fault: two versions of us on one home", "one engine for both", "one", True)


def _another_version(folder: Path) -> Path:
    """Copy the package, with a later version that writes one field more into its run file."""
    package = folder / "local_assistant"
    source = Path(local_assistant.__file__).parent
    shutil.copytree(source, package, ignore=shutil.ignore_patterns("__pycache__"))
    first = package / "__init__.py"
    first.write_text(first.read_text() + '\n__version__ = "99.0"\n')
    run = package / "engine" / "runfile.py"
    text = run.read_text()
    assert "json.dumps(asdict(record), indent=1)" in text
    run.write_text(text.replace("asdict(record), indent", '{**asdict(record), "since": 1}, indent'))
    return folder


def _environment() -> dict[str, str]:
    return {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}


@pytest.mark.parametrize("years", [-30, 30])
def test_files_dated_in_another_time(
    own_engine: Callable[..., Own], figures: Figures, years: int
) -> None:
    """As after a clock that jumped: the times of files say nothing that harms."""
    own = own_engine()
    launch.stop_engine()
    then = time.time() + years * 365 * 86400
    named = [_blob(), _manifest(), runfile.run_file(), runfile.token_file(), launch.log_file()]
    for path in named:
        _date(path, then)
    part = paths.models_dir() / "blobs" / "sha256-".ljust(71, "a")
    part = part.with_name(part.name + "-partial")
    part.write_bytes(b"x" * 100)
    again = own_engine()
    assert again.info.token == own.info.token
    assert _ask(again.info, "tiny").status_code == 200
    assert all(path.exists() for path in named)
    assert part.exists(), "a download of today goes on"
    figures(f"fault: files dated {years:+d} years", "recovered", "recovered", True)


def _date(path: Path, then: float) -> None:
    os.utime(path, (then, then), follow_symlinks=False)
