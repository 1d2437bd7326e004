"""docs/changes-to-your-machine.md says what the code does, change by change."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from local_assistant.lab.chat.defaults import SHARED_CONFIG
from local_assistant.setup import tree
from local_assistant.setup.changes import CHANGES, Change
from local_assistant.setup.dropins import LABEXTENSION, OWN_FILES

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "changes-to-your-machine.md").read_text(encoding="utf-8")
SECTIONS = dict(re.findall(r"^## (.+?)\n(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL))


def test_the_page_has_a_section_for_each_change_and_no_other() -> None:
    assert list(SECTIONS) == [change.title for change in CHANGES]


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.id)
def test_each_section_says_where_and_how_to_undo_it(change: Change) -> None:
    section = SECTIONS[change.title]
    assert change.where in section
    undo = section.partition("\nUndo:")[2]
    assert f"`{change.undo}`" in undo


def test_every_shared_key_is_named() -> None:
    section = SECTIONS["Keys in files that Jupyter shares"]
    for name, data in SHARED_CONFIG.items():
        for key, _ in tree.flatten(data):
            assert f"| `{name}` | `{key}` |" in section
    assert section.count("\n| `") == len(SHARED_CONFIG)


_PLACES = "PREFIX|DATA|JUPYTER_CONFIG|JUPYTER_DATA|IPYTHON"


def test_each_path_of_the_list_is_in_its_section_of_the_page() -> None:
    """Of the files that Jupyter shares, by the names of its table."""
    shared = ("PREFIX/etc/jupyter/", "JUPYTER_CONFIG/")
    for change in CHANGES:
        for path in change.paths:
            name = next((path.removeprefix(each) for each in shared if path.startswith(each)), path)
            assert f"`{path}`" in SECTIONS[change.title] or (
                change.id == "settings" and f"| `{name}` |" in SECTIONS[change.title]
            ), path


def test_each_path_of_the_page_is_in_the_list() -> None:
    listed = {path for change in CHANGES for path in change.paths}
    named = set(re.findall(rf"`((?:{_PLACES})/[^`]+)`", PAGE))
    assert named - listed == {"PREFIX/etc/jupyter/"}, "whose files are in the table"


def test_every_drop_in_is_shipped() -> None:
    shipped = {
        str(path.relative_to(ROOT / "jupyter_config").as_posix())
        for path in (ROOT / "jupyter_config").rglob("*")
        if path.is_file()
    }
    assert shipped == {name for name in OWN_FILES if not name.startswith(LABEXTENSION)}
