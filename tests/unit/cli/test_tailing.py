"""Following files by path: rotation, cutting, half lines, files that come and go."""

from __future__ import annotations

from pathlib import Path

from local_assistant.cli.tailing import Followed, mark, tail


def followed(path: Path) -> Followed:
    return Followed(path, mark(path))


def test_the_tail_ends_where_the_mark_is(tmp_path: Path) -> None:
    file = tmp_path / "a.log"
    file.write_text("one\ntwo\nthree\n")
    end = mark(file)
    with file.open("a") as stream:
        stream.write("later\n")
    assert tail(file, end, 2) == ["two", "three"]
    assert tail(file, end, 0) == []
    assert tail(tmp_path / "none.log", mark(tmp_path / "none.log"), 5) == []


def test_half_a_line_waits_for_its_end(tmp_path: Path) -> None:
    file = tmp_path / "a.log"
    file.write_text("one\n")
    log = followed(file)
    with file.open("a") as stream:
        stream.write("two\nthr")
    assert log.added() == ["two"]
    assert log.added() == []
    with file.open("a") as stream:
        stream.write("ee\n")
    assert log.added() == ["three"]


def test_rotation_loses_nothing_even_where_the_new_file_is_longer(tmp_path: Path) -> None:
    file = tmp_path / "a.log"
    file.write_text("one\n")
    log = followed(file)
    with file.open("a") as stream:
        stream.write("last of the old\n")
    file.rename(tmp_path / "a.log.1")
    file.write_text("first of the new, which is longer than all of the old one was\n")
    assert log.added() == [
        "last of the old",
        "first of the new, which is longer than all of the old one was",
    ]
    assert log.added() == []


def test_between_the_two_halves_of_a_rotation(tmp_path: Path) -> None:
    file = tmp_path / "a.log"
    file.write_text("one\n")
    log = followed(file)
    with file.open("a") as stream:
        stream.write("two\n")
    file.rename(tmp_path / "a.log.1")
    assert log.added() == []
    file.write_text("three\n")
    assert log.added() == ["two", "three"]


def test_a_file_that_is_cut_in_place_is_read_from_its_start(tmp_path: Path) -> None:
    file = tmp_path / "a.log"
    file.write_text("one\ntwo\n")
    log = followed(file)
    file.write_text("3\n")
    assert log.added() == ["3"]


def test_a_file_that_is_not_there_yet(tmp_path: Path) -> None:
    file = tmp_path / "a.log"
    log = followed(file)
    assert log.added() == []
    file.write_text("one\n")
    assert log.added() == ["one"]


def test_bytes_that_are_no_text(tmp_path: Path) -> None:
    file = tmp_path / "a.log"
    file.write_bytes(b"one\n")
    log = followed(file)
    with file.open("ab") as stream:
        stream.write(b"\xff\xfe\n")
    assert log.added() == ["\ufffd\ufffd"]
