"""Paths: where they must be the same as somebody else's."""

from __future__ import annotations

from pathlib import Path

import pytest
from jupyter_core import paths as jupyter_paths

from local_assistant import paths


@pytest.mark.parametrize(
    ("name", "value"),
    [("JUPYTER_CONFIG_DIR", "elsewhere"), ("JUPYTER_CONFIG_DIR", "")]
    + [("JUPYTER_PLATFORM_DIRS", value) for value in ("1", "yes", "", "0", "False", "no")],
)
def test_the_config_directory_is_jupyters(
    home: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.delenv("JUPYTER_CONFIG_DIR")
    monkeypatch.setenv(name, value)
    assert str(paths.jupyter_config_dir()) == jupyter_paths.jupyter_config_dir()
