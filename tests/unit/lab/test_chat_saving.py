"""The file of a chat: replaced in one step, kept where that fails, set aside where damaged."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest
from jupyterlab_chat.models import NewMessage
from jupyterlab_chat.websocket_model import WsChatModel

from local_assistant.lab.chat.saving import Saving


def chat_in(folder: Path) -> WsChatModel:
    chat = WsChatModel("room.chat", folder)
    chat.load_from_file()
    return chat


def bodies(folder: Path) -> list[str]:
    held = json.loads((folder / "room.chat").read_text(encoding="utf-8"))
    return [message["body"] for message in held["messages"]]


def test_each_save_is_a_whole_new_file_of_the_same_mode(tmp_path: Path) -> None:
    chat = chat_in(tmp_path)
    Saving(chat)
    chat.add_message(NewMessage(body="one", sender="ada"))
    (tmp_path / "room.chat").chmod(0o640)
    before = (tmp_path / "room.chat").stat().st_ino
    with (tmp_path / "room.chat").open() as reader:
        chat.add_message(NewMessage(body="two", sender="ada"))
        assert len(json.load(reader)["messages"]) == 1, "who reads just now sees the old one"
    after = (tmp_path / "room.chat").stat()
    assert bodies(tmp_path) == ["one", "two"]
    assert (after.st_ino != before, stat.S_IMODE(after.st_mode)) == (True, 0o640)
    assert [path.name for path in tmp_path.iterdir()] == ["room.chat"]


def test_a_linked_chat_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "room.chat").symlink_to(tmp_path / "real" / "far.chat")
    chat = chat_in(tmp_path)
    Saving(chat)
    chat.add_message(NewMessage(body="one", sender="ada"))
    assert (tmp_path / "room.chat").is_symlink()
    assert bodies(tmp_path) == ["one"]


def test_a_full_disk_keeps_the_old_file_and_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chat = chat_in(tmp_path)
    saving = Saving(chat)
    chat.add_message(NewMessage(body="one", sender="ada"))

    def full(*_: object, **__: object) -> int:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(Path, "write_text", full)
        chat.add_message(NewMessage(body="two", sender="ada"))
    assert bodies(tmp_path) == ["one"]
    assert saving.problem is not None
    assert "No space left on device" in saving.problem.message
    assert "room.chat" in saving.problem.message
    chat.add_message(NewMessage(body="three", sender="ada"))
    assert (bodies(tmp_path), saving.problem) == (["one", "two", "three"], None)


@pytest.mark.parametrize("raw", [b"{", b'{"messages": [{"bo', b"\xff\xfe", b"[1]", b"[" * 9999])
def test_a_damaged_file_is_set_aside(tmp_path: Path, raw: bytes) -> None:
    (tmp_path / "room.chat").write_bytes(raw)
    chat = WsChatModel("room.chat", tmp_path)  # as jupyterlab-chat has it where it cannot read
    chat.set_metadata("id", "1")
    saving = Saving(chat)
    chat.add_message(NewMessage(body="one", sender="ada"))
    assert saving.damaged == tmp_path / "room.chat.damaged"
    assert (tmp_path / "room.chat.damaged").read_bytes() == raw
    assert bodies(tmp_path) == ["one"]


@pytest.mark.parametrize("raw", [None, b"", b"\n", b"{}", b'{"messages": []}'])
def test_a_good_or_new_file_is_not(tmp_path: Path, raw: bytes | None) -> None:
    if raw is not None:
        (tmp_path / "room.chat").write_bytes(raw)
    assert Saving(chat_in(tmp_path)).damaged is None
    assert [path.name for path in tmp_path.iterdir()] == ([] if raw is None else ["room.chat"])


def test_a_shared_chat_is_left_alone() -> None:
    class Shared:
        pass

    assert Saving(Shared()).problem is None
