"""Which run files are believed, and that secrets are private."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from local_assistant import paths
from local_assistant.engine import runfile
from local_assistant.engine.launch import EngineInfo
from local_assistant.engine.runfile import RunFile
from local_assistant.errors import AssistantError
from tests.waiting import until


@pytest.fixture
def record(home: Path) -> RunFile:
    """A run file of this very process."""
    written = runfile.describe_self(12345, "t" * 43, "1.0", "127.0.0.1")
    runfile.write(written)
    return written


def test_the_token_is_in_no_representation(record: RunFile) -> None:
    assert record.token
    assert record.token not in repr(record)
    assert "secret" not in repr(EngineInfo("http://127.0.0.1:1", "secret", 1, "1"))


def test_our_own_is_believed(record: RunFile) -> None:
    assert runfile.believed() == record
    assert record.url == "http://127.0.0.1:12345"
    assert replace(record, address="::1").url == "http://[::1]:12345"
    if os.name != "nt":
        assert stat.S_IMODE(runfile.run_file().stat().st_mode) == 0o600


@pytest.mark.parametrize(
    "change", [{"started": "0"}, {"host": "other"}, {"boot": "other"}, {"pid": 2**22 + 1}]
)
def test_another_process_host_or_boot_is_not(record: RunFile, change: dict[str, Any]) -> None:
    runfile.write(replace(record, **change))
    assert runfile.read() is not None
    assert runfile.believed() is None


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "null", '{"pid": 1}', "\x00\xff", '{"extra": 1}'],
)
def test_what_is_no_run_file_counts_as_none(record: RunFile, text: str) -> None:
    runfile.run_file().write_text(text, encoding="latin-1")
    assert runfile.read() is None
    runfile.write(record)
    assert runfile.believed() == record


@pytest.mark.parametrize(
    "change",
    [{"pid": "1"}, {"pid": True}, {"port": None}, {"token": 5}, {"host": 1}, {"port": -1}],
)
def test_wrong_types_count_as_none(record: RunFile, change: dict[str, Any]) -> None:
    runfile.run_file().write_text(json.dumps({**asdict(record), **change}))
    assert runfile.read() is None


def test_a_dead_process_and_its_number_given_out_again(home: Path) -> None:
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    started = runfile.process_start(child.pid)
    assert started
    assert started == runfile.process_start(child.pid)
    child.kill()
    if sys.platform == "linux":
        # dead and not yet reaped by its parent
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        assert runfile.process_start(child.pid) is None
    child.communicate()
    assert runfile.process_start(child.pid) is None
    assert runfile.process_start(-1) is None


LETS_GO_LATE = """
import ctypes, fcntl, os, sys, threading
fcntl.flock(os.open(sys.argv[1], os.O_RDWR | os.O_CREAT), fcntl.LOCK_EX)
threading.Thread(target=input).start()
ctypes.CDLL(None).pthread_exit(None)
"""


def test_a_process_is_there_until_its_last_thread_has_ended(tmp_path: Path) -> None:
    """An engine that was killed is a zombie before its lock is free: its threads end later."""
    assert sys.platform == "linux", "this looks into /proc: run it on Linux"
    lock = tmp_path / "lock"
    child = subprocess.Popen([sys.executable, "-c", LETS_GO_LATE, lock], stdin=subprocess.PIPE)
    state = Path(f"/proc/{child.pid}/stat")
    until(lambda: ") Z " in state.read_text(encoding="ascii"), 20)
    assert runfile.process_start(child.pid)
    assert runfile.locked(lock)
    assert child.stdin
    child.stdin.close()
    until(lambda: runfile.process_start(child.pid) is None, 20)
    assert not runfile.locked(lock)
    child.wait()


def test_a_time_zone_makes_no_other_process(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the system has no /proc, ps tells when a process began: in local time."""
    monkeypatch.setattr(sys, "platform", "darwin")
    before = runfile.process_start(os.getpid())
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    assert before
    assert runfile.process_start(os.getpid()) == before


def test_the_token_stays_and_is_private(home: Path) -> None:
    token = runfile.keep_token()
    assert len(token) >= 32
    assert runfile.keep_token() == token
    if os.name != "nt":
        assert stat.S_IMODE(runfile.token_file().stat().st_mode) == 0o600
        assert stat.S_IMODE(paths.run_dir().stat().st_mode) == 0o700


@pytest.mark.parametrize("text", ["", "short", "with space " * 5, "x" * 500, "\xff" * 40])
def test_a_spoiled_token_is_replaced(home: Path, text: str) -> None:
    first = runfile.keep_token()
    runfile.token_file().write_text(text, encoding="latin-1")
    second = runfile.keep_token()
    assert second not in (first, text.strip())
    assert runfile.keep_token() == second


def test_a_token_that_others_could_read_is_replaced(home: Path) -> None:
    first = runfile.keep_token()
    runfile.token_file().chmod(0o644)
    replaced = os.name != "nt"  # Windows has no mode bits: the profile's directory is private
    assert (runfile.keep_token() != first) is replaced


def test_the_lock_is_held_by_one_and_freed_by_death(home: Path) -> None:
    holder = (
        "from local_assistant.engine import runfile\n"
        "with runfile.single_instance() as first:\n"
        "    print(first, flush=True)\n"
        "    input()\n"
    )
    child = subprocess.Popen(
        [sys.executable, "-c", holder], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert child.stdout is not None
    assert child.stdout.readline() == "True\n"
    with runfile.single_instance() as first:
        assert first is False
    child.kill()
    child.communicate()
    with runfile.single_instance() as first:
        assert first is True


def test_a_directory_that_cannot_be_made_is_said(home: Path) -> None:
    paths.home().mkdir()
    paths.run_dir().write_text("a file in its place")
    for act in (runfile.keep_token, lambda: runfile.single_instance().__enter__()):
        with pytest.raises(AssistantError, match="Cannot write"):
            act()
