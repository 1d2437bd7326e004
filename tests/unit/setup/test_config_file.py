"""The user's assistant.toml: written by install, and removed again where nobody changed it."""

from __future__ import annotations

from pathlib import Path

import pytest

from local_assistant import paths
from local_assistant.config import TEMPLATE
from local_assistant.errors import AssistantError
from local_assistant.setup import record
from local_assistant.setup.steps import InstallOptions, ensure_config
from local_assistant.setup.uninstall import UninstallOptions, remove_config


def removed(home: Path) -> str:
    (item,) = remove_config(UninstallOptions(home), record.load())
    return item.action


@pytest.mark.parametrize("preset", [None, "small"])
def test_as_install_left_it_it_goes(home: Path, preset: str | None) -> None:
    ensure_config(InstallOptions(home, preset=preset))
    assert paths.user_config_file().is_file()
    assert removed(home) == "removed"
    assert not paths.user_config_file().exists()


def test_edited_after_an_install_that_failed_it_stays(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OLLAMA_HOST", "my host")
    with pytest.raises(AssistantError):
        ensure_config(InstallOptions(home))
    file = paths.user_config_file()
    file.write_text(file.read_text() + "\n# mine\n")
    monkeypatch.delenv("OLLAMA_HOST")
    ensure_config(InstallOptions(home))
    assert removed(home) == "kept"
    assert "# mine" in file.read_text()


def test_an_empty_one_of_the_users_stays(home: Path) -> None:
    file = paths.user_config_file()
    file.parent.mkdir(parents=True)
    file.touch()
    assert removed(home) == "kept"
    assert file.exists()


def test_a_template_whose_writing_was_broken_off_goes(home: Path) -> None:
    ensure_config(InstallOptions(home))
    paths.user_config_file().write_text(TEMPLATE[:100])
    assert removed(home) == "removed"
