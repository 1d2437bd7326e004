"""Files, cells and selections that a user attached."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from local_assistant.lab.chat.attachments import read_attachments


def read(root: Path, **entry: Any) -> tuple[list[Any], list[str]]:
    return read_attachments(root, ["1"], {"1": entry})


@pytest.fixture
def notebook(tmp_path: Path) -> Path:
    cells = [
        {"id": "a", "cell_type": "code", "source": ["import math\n", "math.pi"], "outputs": []},
        {"id": "b", "cell_type": "markdown", "source": "# Title"},
    ]
    path = tmp_path / "nb.ipynb"
    path.write_text(json.dumps({"cells": cells, "metadata": {}, "nbformat": 4}))
    return path


def test_a_file(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "a.sql").write_text("select 1;")
    (found,), missing = read(tmp_path, type="file", value="sub/a.sql")
    assert (found.name, found.content, found.language) == ("sub/a.sql", "select 1;", "sql")
    assert missing == []


def test_a_selection_in_a_file_is_taken_as_it_was(tmp_path: Path) -> None:
    selection = {"start": [0, 0], "end": [1, 0], "content": "x = 1"}
    (found,), _ = read(tmp_path, type="file", value="gone.py", selection=selection)
    assert found.content == "x = 1"
    assert "selection" in found.name


def test_chosen_cells(tmp_path: Path, notebook: Path) -> None:
    cells = [{"id": "a", "input_type": "code"}]
    (found,), _ = read(tmp_path, type="notebook", value=notebook.name, cells=cells)
    assert (found.name, found.content) == ("nb.ipynb, cell 1", "import math\nmath.pi")


def test_a_selection_in_a_cell_needs_no_saved_notebook(tmp_path: Path) -> None:
    cells = [{"id": "z", "input_type": "code", "selection": {"content": "y = 2"}}]
    (found,), _ = read(tmp_path, type="notebook", value="unsaved.ipynb", cells=cells)
    assert found.content == "y = 2"


@pytest.mark.parametrize("kind", ["notebook", "file"])
def test_a_whole_notebook_is_its_cells(tmp_path: Path, notebook: Path, kind: str) -> None:
    found, _ = read(tmp_path, type=kind, value=notebook.name)
    assert [(f.content, f.language) for f in found] == [
        ("import math\nmath.pi", "python"),
        ("# Title", "markdown"),
    ]


def test_a_cell_that_is_not_saved_yet_is_named(tmp_path: Path, notebook: Path) -> None:
    cells = [{"id": "new", "input_type": "code"}]
    found, missing = read(tmp_path, type="notebook", value=notebook.name, cells=cells)
    assert found == []
    assert "save it first" in missing[0]


@pytest.mark.parametrize("path", ["../secret.txt", "sub/../../secret.txt"])
def test_nothing_outside_the_root_is_read(tmp_path: Path, path: str) -> None:
    root = tmp_path / "root"
    (root / "sub").mkdir(parents=True)
    (tmp_path / "secret.txt").write_text("secret")
    found, missing = read(root, type="file", value=path)
    assert found == []
    assert "outside" in missing[0]


def test_an_absolute_path_is_read_below_the_root(tmp_path: Path) -> None:
    found, missing = read(tmp_path, type="file", value="/etc/hostname")
    assert found == []
    assert "/etc/hostname" in missing[0]


def test_a_link_out_of_the_root_is_not_followed(tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    (tmp_path / "secret.txt").write_text("secret")
    (root / "link.txt").symlink_to(tmp_path / "secret.txt")
    found, missing = read(root, type="file", value="link.txt")
    assert found == []
    assert "outside" in missing[0]


def test_what_is_not_text_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.bin").write_bytes(b"\xff\xfe\x00\x01")
    (tmp_path / "big.csv").write_text("1,2\n" * 300_000)
    found, missing = read_attachments(
        tmp_path,
        ["1", "2", "3"],
        {
            "1": {"type": "file", "value": "a.bin"},
            "2": {"type": "file", "value": "big.csv"},
        },
    )
    assert found == []
    assert "not a text file" in missing[0]
    assert "larger than" in missing[1]
    assert "no longer" in missing[2]


OUTSIDE = ("../secret.txt", "a/../../secret.txt", "/../secret.txt", "link.txt", "folder/secret.txt")


@pytest.mark.parametrize("path", OUTSIDE)
@pytest.mark.parametrize("kind", ["file", "notebook"])
def test_nothing_outside_of_the_folder_is_read(tmp_path: Path, path: str, kind: str) -> None:
    root = tmp_path / "root"
    root.mkdir()
    (tmp_path / "secret.txt").write_text("the secret")
    (root / "link.txt").symlink_to(tmp_path / "secret.txt")
    (root / "folder").symlink_to(tmp_path)
    found, (reason,) = read(root, type=kind, value=path)
    assert found == [] and "outside" in reason


@pytest.mark.parametrize("path", [r"\\far.example\share\x", "//far.example/share/x", "C:/x"])
def test_a_path_of_another_machine_is_one_of_this(tmp_path: Path, path: str) -> None:
    assert read(tmp_path, type="file", value=path)[0] == []


@pytest.mark.parametrize("name", [".env", "id_rsa", ".git/config", "link.py", "../x"])
def test_a_chat_from_elsewhere_attaches_no_secrets(tmp_path: Path, name: str) -> None:
    """Its earlier messages can say that the reader attached anything; a new one is the reader's."""
    (tmp_path / ".git").mkdir()
    for each in (".env", "id_rsa", ".git/config", "plain.py"):
        (tmp_path / each).write_text("x = 1")
    (tmp_path / "link.py").symlink_to(tmp_path / ".env")
    known = {"1": {"type": "file", "value": name}, "2": {"type": "file", "value": "plain.py"}}
    found, missing = read_attachments(tmp_path, ["1", "2"], known, earlier=True)
    assert [each.name for each in found] == ["plain.py"] and len(missing) == 1
    if name != "../x":
        assert len(read_attachments(tmp_path, ["1"], known)[0]) == 1
