"""Deleting what no list shows: a model of which a part is missing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from local_assistant import paths
from local_assistant.config import AssistantConfig
from local_assistant.engine.store import layers, names
from local_assistant.engine.store.layers import Manifest
from local_assistant.engine.store.store import Store
from local_assistant.models.removal import remove
from local_assistant.server import NotInstalled, find_server
from tests.integration.engine import tiny_gguf

Configure = Callable[..., AssistantConfig]


def test_what_is_left_of_a_model_can_be_deleted(assistant: Configure, tmp_path: Path) -> None:
    find_server(assistant(server__kind="embedded", models__completion="broken"))
    store = Store(paths.models_dir(), others=())
    store.add_gguf("broken", tiny_gguf.write(tmp_path / "broken.gguf"), link=False)
    whole = store.manifest(names.parse("broken"))
    assert whole is not None
    system = store.add_blob(layers.SYSTEM, b"Be brief.")
    store.put(names.parse("broken"), Manifest((*whole.layers, system), whole.config))
    store.files.remove(system.digest)
    assert store.find("broken") is None
    removed = remove("broken")
    assert (removed.model, removed.kind, removed.named_for) == (
        "broken",
        "embedded",
        ("completion",),
    )
    assert store.manifest(names.parse("broken")) is None
    assert not store.files.own(whole.layers[0].digest).exists()
    with pytest.raises(NotInstalled, match="is not installed"):
        remove("broken")
