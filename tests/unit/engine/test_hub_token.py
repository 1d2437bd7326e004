"""The user's token for Hugging Face, from wherever its own tools keep it."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from local_assistant.engine.pull.network import Network


@pytest.fixture
def logged_in(home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file that ``hf auth login`` writes, in this test's home."""
    import huggingface_hub.constants  # noqa: F401 - it must not see this home first

    for name in ("HF_HOME", "HF_TOKEN_PATH", "HF_TOKEN", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    file = home / ".cache" / "huggingface" / "token"
    file.parent.mkdir(parents=True)
    file.write_text("hf_file\n")
    return file


def test_the_environment_comes_first(logged_in: Path) -> None:
    assert Network({"HF_TOKEN": " hf_env\n"}).hub_token() == "hf_env"


def test_the_librarys_own_word_counts(logged_in: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_TOKEN_PATH", str(logged_in))
    assert Network({}).hub_token() == "hf_file"


def test_without_the_library_its_files_are_read(
    logged_in: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)  # as where it is not installed
    assert Network({}).hub_token() == "hf_file"
    (tmp_path / "token").write_text("hf_elsewhere")
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    assert Network({}).hub_token() == "hf_elsewhere"
    monkeypatch.setenv("HF_TOKEN_PATH", str(tmp_path / "none"))
    assert Network({}).hub_token() == ""
