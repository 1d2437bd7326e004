"""Whether a model fits the disk on which a local Ollama keeps its models."""

from __future__ import annotations

from pathlib import Path

import pytest

from local_assistant.engine.pull.registry import Blob
from local_assistant.errors import AssistantError
from local_assistant.models import room
from local_assistant.server import Endpoint

HUGE = Blob("a" * 64, 10**15)
SMALL = Blob("b" * 64, 1000)


def endpoint(*, local: bool = True) -> Endpoint:
    return Endpoint("ollama", "http://127.0.0.1:1", None, "", local, "")


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("manifests", "blobs"):
        (tmp_path / name).mkdir()
    monkeypatch.setenv("OLLAMA_MODELS", str(tmp_path))
    return tmp_path


def test_what_does_not_fit_is_refused_with_both_numbers(store: Path) -> None:
    with pytest.raises(AssistantError, match=r"m needs 1000000\.0 GB of disk space; .* free in"):
        room.require("m", [SMALL, HUGE], endpoint())
    room.require("m", [SMALL], endpoint())


def test_what_is_there_needs_no_room(store: Path) -> None:
    (store / "blobs" / f"sha256-{HUGE.digest}").touch()
    room.require("m", [HUGE], endpoint())


def test_what_has_come_of_a_part_counts(store: Path) -> None:
    partial = store / "blobs" / f"sha256-{SMALL.digest}-partial"
    partial.write_bytes(bytes(500))
    with partial.open("r+b") as file:
        file.truncate(10**9)  # as Ollama does it: long from the beginning, and empty
    left = room._missing(store, Blob(SMALL.digest, 10**9))
    assert 10**9 - 100_000 < left < 10**9


def test_what_cannot_be_known_is_not_refused(
    store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    room.require("m", [HUGE], endpoint(local=False))
    monkeypatch.setenv("OLLAMA_MODELS", str(tmp_path / "elsewhere"))
    room.require("m", [HUGE], endpoint())
