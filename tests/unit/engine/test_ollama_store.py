"""An Ollama store on this machine: listed and used where it lies, never written."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest

from local_assistant import paths
from local_assistant.engine.gguf.header import BadGGUF
from local_assistant.engine.store.blobs import Blobs
from local_assistant.engine.store.layers import (
    ADAPTER,
    CONFIG,
    LICENSE,
    MODEL,
    OLD_TEMPLATE,
    PROJECTOR,
    Layer,
    Manifest,
)
from local_assistant.engine.store.names import parse
from local_assistant.engine.store.store import DEMO_NAME, ReadOnlyModel, Store
from local_assistant.errors import AssistantError
from tests.integration.engine import tiny_gguf


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_gguf.write(tmp_path_factory.mktemp("gguf") / "tiny.gguf")


@pytest.fixture
def theirs(tmp_path: Path, tiny: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Ollama's store in the user's home, with ``big:7b`` in it."""
    root = tmp_path / ".ollama" / "models"
    Store(root, ()).add_gguf("big:7b", tiny)
    monkeypatch.delenv("OLLAMA_MODELS", raising=False)
    for name in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(name, str(tmp_path))
    return root


@pytest.fixture
def store(tmp_path: Path, theirs: Path) -> Store:
    return Store(tmp_path / "models", (theirs,))


def tree(root: Path) -> dict[str, float]:
    return {str(path): path.stat().st_mtime_ns for path in sorted(root.rglob("*"))}


def shown(store: Store) -> set[str]:
    return {model.display for model in store.list_models()}


def test_the_users_store_is_found(theirs: Path, tmp_path: Path) -> None:
    assert paths.ollama_stores()[0] == theirs
    found = Store(tmp_path / "models").find("BIG:7b")
    assert found is not None
    assert found.elsewhere == theirs


def test_the_variable_names_another_place(
    theirs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OLLAMA_MODELS", f'"{tmp_path / "none"}"')
    assert paths.ollama_stores() == []
    monkeypatch.setenv("OLLAMA_MODELS", str(theirs))
    assert paths.ollama_stores() == [theirs]


def test_our_own_store_is_not_another_one(theirs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OLLAMA_MODELS", str(theirs))
    own = Store(theirs)
    assert own.others() == []
    found = own.find("big:7b")
    assert found is not None
    assert found.elsewhere is None
    assert own.remove("big:7b")


def test_models_of_both_are_listed_ours_first(store: Store, theirs: Path, tiny: Path) -> None:
    assert shown(store) == {"big:7b", DEMO_NAME}
    store.add_gguf("big:7b", tiny)
    Store(theirs, ()).add_gguf("assistant-demo", tiny)
    assert shown(store) == {"big:7b", DEMO_NAME}
    for name in ("big:7b", DEMO_NAME):
        found = store.find(name)
        assert found is not None
        assert found.elsewhere is None


def test_another_stores_model_cannot_be_removed(store: Store, theirs: Path) -> None:
    before = tree(theirs)
    with pytest.raises(ReadOnlyModel, match="belongs to Ollama") as refused:
        store.remove("big:7b")
    assert "ollama rm big:7b" in (refused.value.fix or "")
    assert tree(theirs) == before


def test_a_copy_of_another_stores_model_costs_no_bytes(store: Store, theirs: Path) -> None:
    before = tree(theirs)
    store.copy("big:7b", "mine")
    assert tree(theirs) == before
    copied, origin = store.find("mine"), store.find("big:7b")
    assert copied is not None
    assert origin is not None
    assert (copied.elsewhere, copied.digest) == (None, origin.digest)
    assert copied.gguf.samefile(origin.gguf)
    assert store.remove("mine")
    assert tree(theirs) == before


def test_a_copy_whose_blobs_cannot_be_linked_reads_them_there(
    store: Store, theirs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError("another file system")

    monkeypatch.setattr("os.link", refuse)
    store.copy("big:7b", "mine")
    copied = store.find("mine")
    assert copied is not None
    assert copied.gguf.is_relative_to(theirs)
    assert not copied.gguf.is_relative_to(store.root)
    assert store.remove("mine")
    assert copied.gguf.is_file()


def test_a_manifest_without_its_blobs_is_refused(store: Store) -> None:
    with pytest.raises(AssistantError, match=r"A part of a:latest is missing"):
        store.put(parse("a"), Manifest((Layer(MODEL, "1" * 64, 4),)))
    assert store.find("a") is None


def test_every_layer_of_a_model_is_read(store: Store, tiny: Path) -> None:
    store.add_gguf("a", tiny)
    before = store.manifest(parse("a"))
    assert before is not None
    config = store.add_blob(CONFIG, b'{"model_family":"fam","renderer":"r","capabilities":["x"]}')
    extra = (
        store.add_blob(OLD_TEMPLATE, b"{{ .Prompt }}"),
        store.add_blob(ADAPTER, b"GGUF adapter"),
        store.add_blob(PROJECTOR, b"GGUF projector"),
        store.add_blob(LICENSE, b"one"),
        store.add_blob(LICENSE, b"two"),
        store.add_blob("application/vnd.ollama.image.embed", b"old"),
    )
    store.put(parse("b"), Manifest((*before.layers, *extra), config))
    found, plain = store.find("b"), store.find("a")
    assert found is not None
    assert plain is not None
    assert (found.template, found.license) == ("{{ .Prompt }}", ("one", "two"))
    assert [path.read_bytes() for path in found.adapters] == [b"GGUF adapter"]
    assert [path.read_bytes() for path in found.projectors] == [b"GGUF projector"]
    assert (found.config["renderer"], found.config["capabilities"]) == ("r", ["x"])
    assert found.gguf == plain.gguf
    assert found.load_key != plain.load_key


def test_gigabytes_are_no_template(store: Store, tiny: Path) -> None:
    store.add_gguf("a", tiny)
    before = store.manifest(parse("a"))
    assert before is not None
    long = store.add_blob(OLD_TEMPLATE, b"x" * (9 << 20))
    store.put(parse("b"), Manifest((*before.layers, long), before.config))
    assert store.find("b") is None
    assert "b:latest" not in shown(store)


def test_a_new_name_is_spelled_as_what_is_there(store: Store, tiny: Path) -> None:
    store.add_gguf("hf.co/User/Repo:Q8_0", tiny)
    assert store.add_gguf("hf.co/user/other:q8_0", tiny) == "hf.co/User/other:Q8_0"
    assert store.canonical(parse("HF.CO/x/REPO")).full == "hf.co/x/Repo:latest"


def test_a_file_that_changed_under_its_link_is_no_model(tmp_path: Path, tiny: Path) -> None:
    store = Store(tmp_path / "models", ())
    file = tmp_path / "mine.gguf"
    file.write_bytes(tiny.read_bytes())
    store.add_gguf("mine", file)
    with file.open("r+b") as stream:
        stream.seek(-4, 2)
        stream.write(b"\x01\x02\x03\x04")
    os.utime(file, (4e9, 4e9))
    found = store.find("mine")
    assert found is not None
    if not found.gguf.samefile(file):
        assert found.header()  # the disk makes no links: it was copied
        return
    assert found.changed
    with pytest.raises(BadGGUF, match="has been changed since"):
        found.header()
    store.add_gguf("mine", file)
    again = store.find("mine")
    assert again is not None
    assert again.header().architecture == "llama"


def test_a_stub_of_a_model_in_the_cloud_is_not_listed(store: Store) -> None:
    config = store.add_blob(CONFIG, json.dumps({"remote_host": "https://x", "a": 1}).encode())
    path = store.manifests / "registry.ollama.ai" / "library" / "far" / "cloud"
    path.parent.mkdir(parents=True)
    path.write_bytes(Manifest((), config).dump())
    assert "far:cloud" not in shown(store)
    assert store.find("far:cloud") is None


def test_a_closed_store_is_no_obstacle(store: Store, theirs: Path) -> None:
    assert Blobs(store.root, lambda: (theirs / "missing",)).find("1" * 64) is None
    assert Store(store.root, (theirs / "missing",)).find("big:7b") is None


def test_nothing_is_tidied_away_while_a_manifest_is_damaged(
    store: Store, tiny: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.add_gguf("a", tiny)
    path = store.manifests / "registry.ollama.ai" / "library" / "a" / "latest"
    whole = path.read_bytes()
    path.write_bytes(whole[:40])
    later = time.time() + 48 * 3600
    monkeypatch.setattr("time.time", lambda: later)
    store.tidy()
    path.write_bytes(whole)
    assert store.find("a") is not None
    path.unlink()
    store.tidy()
    assert list(store.blobs.iterdir()) == []
