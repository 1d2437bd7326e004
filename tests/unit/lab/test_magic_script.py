"""local_assistant.ask, as far as no model is needed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import local_assistant
from local_assistant.errors import AssistantError
from local_assistant.lab.magics.script import Conversation


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"prompt": "  "}, "The prompt is empty"),
        ({"format": "image"}, "no format image"),
        ({"format": "jsn"}, "Did you mean json?"),
        ({"temperature": 7}, "from 0 to 2"),
        ({"max_tokens": 0}, "from 1"),
        ({"schema": {"type": "object"}, "format": "text"}, "-f json"),
        ({"schema": 3}, "an int"),
        ({"schema": {"type": "object"}, "stream": True}, "cannot be checked"),
    ],
)
def test_wrong_options_are_refused_before_anything_is_asked(
    options: dict[str, Any], said: str
) -> None:
    with pytest.raises(AssistantError, match=said):
        local_assistant.ask(**{"prompt": "Hi", **options})


def test_a_projects_settings_count_as_for_the_magic(
    home: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path_factory.mktemp("project")
    (folder / "assistant.toml").write_text('[models]\nchat = "theirs:1b"\n')
    monkeypatch.chdir(folder)
    assert Conversation()._dialogue.config.models.chat == "theirs:1b"


def test_it_is_found_in_the_package_and_costs_nothing_before() -> None:
    program = (
        "import sys, local_assistant; before = set(sys.modules); "
        "assert 'local_assistant.lab' not in before and 'pydantic' not in before; "
        "local_assistant.ask; assert callable(local_assistant.ask); "
        "assert issubclass(local_assistant.AssistantError, Exception)"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)
    with pytest.raises(AttributeError, match="no attribute 'aks'"):
        local_assistant.aks  # noqa: B018
