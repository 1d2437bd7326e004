"""The store: Ollama's layout, whole or absent, with the bundled model always in it."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

import pytest

from local_assistant.engine.gguf.header import BadGGUF
from local_assistant.engine.store import names
from local_assistant.engine.store.store import DEMO_NAME, Store, bundled_demo
from local_assistant.errors import AssistantError
from tests.integration.engine import tiny_gguf


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_gguf.write(tmp_path_factory.mktemp("gguf") / "tiny.gguf")


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "models")


def shown(store: Store) -> list[str]:
    return [model.display for model in store.list_models()]


def test_an_empty_store_has_the_bundled_model(store: Store) -> None:
    assert shown(store) == [DEMO_NAME]
    found = store.find("Assistant-Demo")
    assert found == bundled_demo()
    assert not store.root.exists()


def test_a_gguf_is_stored_as_ollama_would(store: Store, tiny: Path) -> None:
    assert store.add_gguf("hf.co/User/Repo:Q8_0", tiny) == "hf.co/User/Repo:Q8_0"
    manifest = store.manifests / "hf.co" / "User" / "Repo" / "Q8_0"
    data = json.loads(manifest.read_text())
    assert data["schemaVersion"] == 2
    (layer,) = data["layers"]
    digest = hashlib.sha256(tiny.read_bytes()).hexdigest()
    assert layer == {
        "mediaType": "application/vnd.ollama.image.model",
        "digest": f"sha256:{digest}",
        "size": tiny.stat().st_size,
    }
    config = store.blobs / data["config"]["digest"].replace(":", "-")
    assert hashlib.sha256(config.read_bytes()).hexdigest() == config.name.partition("-")[2]
    assert json.loads(config.read_text())["model_family"] == "llama"
    found = store.find("hf.co/user/repo:q8_0")
    assert found is not None
    assert found.gguf == store.blobs / f"sha256-{digest}"
    assert found.digest == hashlib.sha256(manifest.read_bytes()).hexdigest()
    assert found.size == tiny.stat().st_size + config.stat().st_size
    assert sorted(path.name[:7] for path in store.blobs.iterdir()) == ["sha256-", "sha256-"]


def test_linked_or_copied(store: Store, tiny: Path) -> None:
    store.add_gguf("a", tiny)
    linked = store.find("a")
    assert linked is not None
    assert linked.gguf.samefile(tiny)
    other = Store(store.root.with_name("other"))
    other.add_gguf("a", tiny, link=False)
    copied = other.find("a")
    assert copied is not None
    assert not copied.gguf.samefile(tiny)


def test_copy_writes_a_manifest_only(store: Store, tiny: Path) -> None:
    store.add_gguf("a", tiny)
    before = sorted(store.blobs.iterdir())
    store.copy("a", "user/b:c")
    assert sorted(store.blobs.iterdir()) == before
    a, b = store.find("a"), store.find("user/b:c")
    assert a is not None
    assert b is not None
    assert (a.gguf, a.digest) == (b.gguf, b.digest)


def test_copying_the_bundled_model_gives_a_stored_one(store: Store) -> None:
    store.copy("assistant-demo", "assistant-chat")
    assert set(shown(store)) == {DEMO_NAME, "assistant-chat:latest"}
    with pytest.raises(AssistantError, match="no model"):
        store.copy("nothing", "b")


def test_remove_keeps_what_others_use(store: Store, tiny: Path) -> None:
    store.add_gguf("a", tiny)
    store.copy("a", "b")
    assert store.remove("A") is True
    assert store.find("b") is not None
    assert store.remove("b") is True
    assert list(store.blobs.iterdir()) == []
    assert tiny.is_file()
    assert store.remove("b") is False
    with pytest.raises(AssistantError, match="part of this installation"):
        store.remove("assistant-demo")


def test_a_name_that_moves_on_leaves_no_blob_behind(
    store: Store, tiny: Path, tmp_path: Path
) -> None:
    longer = tmp_path / "longer.gguf"
    longer.write_bytes(tiny.read_bytes() + bytes(64))
    store.add_gguf("a", tiny)
    store.add_gguf("a", longer)
    store.copy("assistant-demo", "b")
    store.copy("a", "b")
    moved = store.find("b")
    assert moved is not None
    assert moved.gguf.read_bytes() == longer.read_bytes()
    assert [blob for blob in store.blobs.iterdir() if blob.stat().st_size > 1000] == [moved.gguf]


def test_newest_first(store: Store, tiny: Path) -> None:
    for age, name in enumerate(("new", "old")):
        store.add_gguf(name, tiny)
        path = store.manifests / "registry.ollama.ai" / "library" / name / "latest"
        os.utime(path, (4e9 - age, 4e9 - age))
    assert shown(store)[:2] == ["new:latest", "old:latest"]


def test_damaged_manifests_are_left_out(store: Store, tiny: Path) -> None:
    store.add_gguf("good", tiny)
    good = store.manifests / "registry.ollama.ai" / "library" / "good" / "latest"
    bad = {
        "cut": good.read_text()[:50],
        "list": "[]",
        "empty": "",
        "escape": json.dumps({"layers": [{"mediaType": "x.model", "digest": "../../../x"}]}),
        "missing": good.read_text()
        .replace("sha256:", "sha256:")
        .replace(
            str(store.find("good").gguf.name)[7:],
            "0" * 64,  # type: ignore[union-attr]
        ),
        "strange": json.dumps({"layers": [1, {"digest": 5}], "config": 3}),
    }
    for name, text in bad.items():
        path = good.parent.parent / name / "latest"
        path.parent.mkdir()
        path.write_text(text)
    (good.parent.parent / "stray").write_text("too shallow")
    assert set(shown(store)) == {"good:latest", DEMO_NAME}
    assert store.find("cut") is None


def test_layers_of_a_modelfile_are_read(store: Store, tiny: Path) -> None:
    store.add_gguf("a", tiny)
    path = store.manifests / "registry.ollama.ai" / "library" / "a" / "latest"
    data = json.loads(path.read_text())
    for kind, content in (
        ("params", '{"temperature": 0.5, "stop": ["x"]}'),
        ("system", "Be brief."),
        ("messages", '[{"role": "user", "content": "hi"}]'),
    ):
        digest = hashlib.sha256(content.encode()).hexdigest()
        (store.blobs / f"sha256-{digest}").write_text(content)
        layer = {"mediaType": f"application/vnd.ollama.image.{kind}", "digest": f"sha256:{digest}"}
        data["layers"].append(layer)
    path.write_text(json.dumps(data))
    found = store.find("a")
    assert found is not None
    assert found.params == {"temperature": 0.5, "stop": ["x"]}
    assert found.system == "Be brief."
    assert found.messages == ({"role": "user", "content": "hi"},)


def test_nothing_is_stored_of_a_bad_file(store: Store, tmp_path: Path) -> None:
    bad = tmp_path / "bad.gguf"
    bad.write_bytes(b"not a model")
    with pytest.raises(BadGGUF):
        store.add_gguf("a", bad)
    with pytest.raises(names.InvalidName):
        store.add_gguf("../a", bad)
    assert not store.root.exists()


def test_an_unwritable_store_is_said(tmp_path: Path, tiny: Path) -> None:
    blocked = tmp_path / "models"
    blocked.write_text("")
    with pytest.raises(AssistantError, match="Cannot write"):
        Store(blocked).add_gguf("a", tiny)
    assert shown(Store(blocked)) == [DEMO_NAME]


def test_a_copy_of_the_bundled_model_has_its_digest_and_its_process(tmp_path: Path) -> None:
    store = Store(tmp_path, others=())
    store.copy(DEMO_NAME, "copied")
    bundled, copied = store.find(DEMO_NAME), store.find("copied")
    assert bundled is not None
    assert copied is not None
    assert copied.digest == bundled.digest
    assert copied.load_key == bundled.load_key
    assert copied.gguf != bundled.gguf  # the installation's file may be replaced
