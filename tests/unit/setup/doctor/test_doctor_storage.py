"""Disks and files: rights, damage, locks, network disks."""

from __future__ import annotations

import json
import os
from collections import namedtuple
from collections.abc import Iterator
from pathlib import Path

import pytest

from local_assistant import paths
from local_assistant.engine import runfile
from local_assistant.errors import AssistantError
from local_assistant.server import ollama
from local_assistant.setup.doctor import Failing, storage
from local_assistant.setup.doctor.readings import Readings

Usage = namedtuple("Usage", "total used free")


@pytest.fixture(autouse=True)
def folders(home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    # As on macOS: the commands that are named must take the space.
    monkeypatch.setenv("LOCAL_ASSISTANT_HOME", str(home / "Application Support" / "x"))
    for folder in (paths.run_dir(), paths.state_dir(), paths.logs_dir()):
        folder.mkdir(parents=True)
    return home


def mended(failing: Failing) -> str:
    assert failing.safe_fix is not None
    return failing.safe_fix()


def test_a_home_that_can_be_written() -> None:
    assert storage.check_home(Readings()) == "~/Application Support/x"
    assert [file for file in paths.home().rglob("*") if file.is_file()] == []


def test_a_home_that_cannot_be_written() -> None:
    paths.logs_dir().rmdir()
    paths.logs_dir().write_text("a file in its place")
    with pytest.raises(AssistantError, match=r"Cannot write .*logs") as caught:
        storage.check_home(Readings())
    assert "LOCAL_ASSISTANT_HOME" in (caught.value.fix or "")


@pytest.mark.parametrize(
    ("folder", "disk"),
    [
        ("/home/me/assistant", "nfs4"),
        ("/home/local/assistant", None),
        ("/mnt/my share/x", "cifs"),
        ("/data/x", "fuse.sshfs"),
        ("/homeless", None),
    ],
)
def test_network_disks(tmp_path: Path, folder: str, disk: str | None) -> None:
    mounts = tmp_path / "mounts"
    mounts.write_text(
        "/dev/sda1 / ext4 rw 0 0\n"
        "server:/home /home nfs4 rw 0 0\n"
        "/dev/sdb1 /home/local ext4 rw 0 0\n"
        "//server/my /mnt/my\\040share cifs rw 0 0\n"
        "me@host: /data fuse.sshfs rw 0 0\n"
    )
    assert storage.network_disk(Path(folder), mounts) == disk
    assert storage.network_disk(Path(folder), tmp_path / "none") is None


def test_a_disk_with_room() -> None:
    assert "free for home" in storage.check_disk(Readings())


def test_a_disk_without_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(storage.shutil, "disk_usage", lambda _at: Usage(10**12, 10**12, 10**6))
    with pytest.raises(Failing, match=r"Only 1\.0 MB are free") as caught:
        storage.check_disk(Readings())
    assert "jupyter assistant rm" in (caught.value.fix or "")
    monkeypatch.setattr(storage.shutil, "disk_usage", lambda _at: Usage(0, 0, 0))
    assert storage.check_disk(Readings()) == "the system does not tell"


def test_files_that_others_can_read() -> None:
    token = paths.run_dir() / "token"
    log = paths.logs_dir() / "cli.log"
    for file in (token, log):
        file.write_text("secret")
    token.chmod(0o644)
    log.chmod(0o600)
    with pytest.raises(Failing, match=r"can read .*token") as caught:
        storage.check_secrets(Readings())
    assert caught.value.fix == f"chmod 600 '{token}'"
    assert "1 files" in mended(caught.value)
    assert token.stat().st_mode & 0o777 == 0o600
    assert "2 files, readable by you alone" in storage.check_secrets(Readings())


def test_damaged_files_are_named_and_removed() -> None:
    runfile.run_file().write_text("{half")
    ollama.record_file().write_text("[]")
    with pytest.raises(Failing, match="run file of the engine is damaged") as caught:
        storage.check_leftovers(Readings())
    assert "record of the Ollama" in caught.value.message
    assert f"rm '{runfile.run_file()}'" in (caught.value.fix or "")
    assert "removed the damaged" in mended(caught.value)
    assert not runfile.run_file().exists()
    assert not ollama.record_file().exists()
    assert storage.check_leftovers(Readings()) == "none in the way"


def test_the_run_file_of_an_ended_engine_is_not_in_the_way() -> None:
    record = runfile.describe_self(11435, "t" * 32, "0.0.0", "127.0.0.1")
    runfile.run_file().write_text(json.dumps({**record.__dict__, "started": "long ago"}))
    assert runfile.believed() is None
    assert storage.check_leftovers(Readings()) == "none in the way"


@pytest.fixture
def locked() -> Iterator[None]:
    """An engine's lock, held by this very process."""
    with runfile.single_instance() as ours:
        assert ours
        yield


def test_a_lock_of_an_engine_that_nobody_finds(
    locked: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(storage, "STARTING_S", 0.1)
    with pytest.raises(Failing, match="does not say where it listens") as caught:
        storage.check_leftovers(Readings())
    if Path("/proc/locks").exists():
        assert caught.value.fix == f"kill {os.getpid()}"
    assert caught.value.safe_fix is None


def test_a_lock_of_an_engine_that_runs(locked: None) -> None:
    record = runfile.describe_self(11435, "t" * 32, "0.0.0", "127.0.0.1")
    runfile.write(record)
    assert storage.check_leftovers(Readings()) == "none in the way"
