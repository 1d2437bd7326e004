"""uninstall in a data directory that others use, too."""

from __future__ import annotations

from pathlib import Path

import pytest

from local_assistant import paths
from local_assistant.setup.uninstall import UninstallOptions, remove_data

OURS = (
    "run/token",
    "run/engine-host.json",
    "run/.engine-host.json.12.ab",
    "logs/engine.log.1",
    "learned/m.sqlite-wal",
    "downloads/lock",
    f"downloads/sha256-{'a' * 64}-parts",
    "state/install.json",
    "state/.install.json.local-assistant-1-x",
    "models/blobs/sha256-b",
    "models/manifests/h/n/m/t",
)
NOTE = "folders/2"
"""How many folders above were made: stays as long as anything does."""
THEIRS = (
    "run/server.pid",
    "logs/training.txt",
    "learned/notes/a.md",
    "downloads/thesis.pdf",
    "state/checkpoint.bin",
    "models/net.pt",
    "folders/mine/x",
    "data.csv",
)


def write(names: tuple[str, ...]) -> set[Path]:
    files = {paths.home() / name for name in names}
    for file in files:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("x")
    return files


def files() -> set[Path]:
    return {path for path in paths.home().rglob("*") if path.is_file()}


def test_files_of_others_stay_and_are_said(home: Path) -> None:
    write(OURS)
    theirs = write((*THEIRS, NOTE))
    options = UninstallOptions(home, models=True)
    listed = list(remove_data(UninstallOptions(home, models=True, dry_run=True)))
    assert theirs < files()
    done = list(remove_data(options))
    assert done == listed
    assert files() == theirs
    kept = " ".join(item.detail for item in done if item.action == "kept")
    for name in ("server.pid", "training.txt", "thesis.pdf", "net.pt", "data.csv"):
        assert name in kept


def test_ours_alone_go_with_their_folders(home: Path) -> None:
    write((*OURS, "folders/0"))
    done = list(remove_data(UninstallOptions(home, models=True)))
    assert {item.action for item in done} == {"removed"}
    assert not paths.home().exists()


def test_models_stay_unless_asked_for(home: Path) -> None:
    write(OURS)
    done = list(remove_data(UninstallOptions(home)))
    assert [item.id for item in done if item.action == "kept"] == ["models"]
    assert files() == {paths.home() / name for name in OURS if name.startswith("models/")}


def test_make_uninstall_names_a_command_that_it_leaves(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOCAL_ASSISTANT_CHECKOUT", "1")
    write(OURS)
    (kept,) = [each for each in remove_data(UninstallOptions(home)) if each.action == "kept"]
    assert kept.detail.endswith(f"remove them with: rm -r {paths.models_dir()}")


def test_a_store_that_is_ollamas_too_stays(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(OURS)
    monkeypatch.setenv("OLLAMA_MODELS", str(paths.models_dir()))
    done = list(remove_data(UninstallOptions(home, models=True)))
    assert [item.detail for item in done if item.action == "kept"] == [
        "Ollama keeps its models there"
    ]
    assert (paths.home() / "models/blobs/sha256-b").exists()
