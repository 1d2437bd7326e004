"""The next command that ``pull`` names."""

from __future__ import annotations

import sys

import pytest

from local_assistant.cli.commands import pull
from local_assistant.config import load_config
from local_assistant.server import Endpoint
from local_assistant.server.installed import InstalledModel

HERE = Endpoint("ollama", "http://127.0.0.1:1", None, "", True, "")


@pytest.mark.parametrize(
    ("asked", "came", "abilities", "use"),
    [
        ("small", "nomic-embed-text", ("embedding",), "small"),
        ("auto", "nomic-embed-text", ("embedding",), "auto"),
        ("nomic-embed-text", "nomic-embed-text", ("embedding",), "nomic-embed-text --for embed"),
        ("gemma3", "gemma3", ("completion", "vision"), "gemma3"),
        ("old", "old", (), "old"),
        ("", "nomic-embed-text", ("embedding",), "nomic-embed-text --for embed"),
    ],
)
def test_it_works(
    home: object,
    monkeypatch: pytest.MonkeyPatch,
    asked: str,
    came: str,
    abilities: tuple[str, ...],
    use: str,
) -> None:
    there = [InstalledModel(f"{came}:latest", capabilities=abilities)]
    module = sys.modules["local_assistant.server.installed"]  # its package exports that function
    monkeypatch.setattr(module, "installed", lambda _server: there)
    said = pull._use(asked, came, load_config().config, HERE).text
    assert said.startswith(f"Use it with: jupyter assistant use {use}")
    assert ("--for embedding" in said) == ("--for" in use)
