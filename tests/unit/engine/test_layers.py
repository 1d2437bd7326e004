"""Manifests, blobs and values as Ollama writes them: the same bytes, so the same digests."""

from __future__ import annotations

import hashlib
import json
import os
import time
from pathlib import Path

import pytest

from local_assistant.engine.store import layers
from local_assistant.engine.store.blobs import Blobs, DigestMismatch
from local_assistant.engine.store.layers import Layer, Manifest
from local_assistant.engine.wire import goencode

D1, D2 = "1" * 64, "a" * 64


def blobs(root: Path, *others: Path) -> Blobs:
    return Blobs(root, lambda: others)


def test_a_manifest_is_written_as_ollama_does() -> None:
    manifest = Manifest(
        (Layer(layers.MODEL, D1, 5, origin="base:latest"), Layer(layers.SYSTEM, D2, 3)),
        Layer(layers.CONFIG, D2, 7),
    )
    raw = manifest.dump()
    assert raw == (
        b'{"schemaVersion":2,'
        b'"mediaType":"application/vnd.docker.distribution.manifest.v2+json",'
        b'"config":{"mediaType":"application/vnd.docker.container.image.v1+json",'
        b'"digest":"sha256:' + D2.encode() + b'","size":7},"layers":['
        b'{"mediaType":"application/vnd.ollama.image.model","digest":"sha256:'
        + D1.encode()
        + b'","size":5,"from":"base:latest"},'
        b'{"mediaType":"application/vnd.ollama.image.system","digest":"sha256:'
        + D2.encode()
        + b'","size":3}]}\n'
    )
    assert layers.read(raw) == manifest
    assert (manifest.size, manifest.digests) == (15, {D1, D2})


@pytest.mark.parametrize(
    "raw",
    [b"", b"[]", b"{", b"7", b'{"layers":3}', b'{"layers":[1,null,{"digest":"../../x"}]}',
     b'{"config":[]}', b"[" * 100_000],
)  # fmt: skip
def test_what_is_no_manifest_has_no_layers(raw: bytes) -> None:
    assert layers.read(raw) == Manifest()


@pytest.mark.parametrize(
    ("digest", "found"),
    [(f"sha256:{D1}", D1), (f"sha256-{D2.upper()}", D2), (D1, None), ("sha256:12", None),
     (f"sha256:{D1}\n", None), (f"md5:{D1}", None), ("", None), (f"sha256:../{D1[3:]}", None)],
)  # fmt: skip
def test_only_a_sha256_names_a_blob(digest: str, found: str | None) -> None:
    assert layers.hex_of(digest) == found


@pytest.mark.parametrize(
    ("value", "json_text", "printed"),
    [
        (4096, "4096", "4096"),
        (1e6, "1000000", "1e+06"),
        (2097152, "2097152", "2.097152e+06"),
        (1e20, "100000000000000000000", "1e+20"),
        (1e21, "1e+21", "1e+21"),
        (0.00001, "0.00001", "1e-05"),
        (1e-7, "1e-7", "1e-07"),
        (123456789.5, "123456789.5", "1.234567895e+08"),
        (10**400, "null", "+Inf"),
        (float("nan"), "null", "NaN"),
        (True, "true", "true"),
        (None, "null", "<nil>"),
        ("a<b>&é\n", '"a\\u003cb\\u003e\\u0026é\\n"', "a<b>&é\n"),
        ({"b": 1, "a": [1.0, "x"]}, '{"a":[1,"x"],"b":1}', "map[a:[1 x] b:1]"),
    ],
)
def test_values_are_written_as_go_writes_them(value: object, json_text: str, printed: str) -> None:
    assert goencode.dumps(value).decode() == json_text + "\n"
    assert goencode.text(value) == printed


def test_a_32_bit_float_is_shown_short() -> None:
    assert goencode.float32(9.999999747378752e-06) == 1e-05
    assert goencode.float32(10000.0) == 10000
    assert json.dumps(goencode.float32(1000000.0)) == "1000000"


def test_an_upload_is_a_blob_only_when_its_digest_is_right(tmp_path: Path) -> None:
    store = blobs(tmp_path)
    digest = hashlib.sha256(b"onetwo").hexdigest()
    wrong = store.upload()
    wrong.add(b"one")
    with pytest.raises(DigestMismatch, match=hashlib.sha256(b"one").hexdigest()):
        wrong.finish(digest)
    wrong.discard()
    assert store.find(digest) is None
    right = store.upload()
    right.add(b"one")
    right.add(b"two")
    assert right.finish(digest) == digest
    right.discard()
    assert store.own(digest).read_bytes() == b"onetwo"
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [store.own(digest)]


def test_what_a_killed_upload_has_left_goes_after_a_day(tmp_path: Path) -> None:
    store = blobs(tmp_path)
    old, new = store.upload(), store.upload()
    old.add(b"x" * 10)
    for upload in (old, new):
        upload._file.close()
    files = sorted((tmp_path / "uploads").iterdir())
    os.utime(files[0], (0, 0))
    store.upload().discard()
    assert list((tmp_path / "uploads").iterdir()) == files[1:]


def test_another_stores_blob_is_found_and_linked_not_copied(tmp_path: Path) -> None:
    theirs, ours = blobs(tmp_path / "theirs"), blobs(tmp_path / "ours", tmp_path / "theirs")
    digest, new = theirs.write(b"weights")
    assert new
    assert ours.find(digest) == theirs.own(digest)
    ours.adopt(digest)
    assert ours.find(digest) == ours.own(digest)
    assert ours.own(digest).samefile(theirs.own(digest))
    ours.remove(digest)
    assert theirs.own(digest).read_bytes() == b"weights"


def test_the_old_spelling_of_a_blob_is_found(tmp_path: Path) -> None:
    if os.name == "nt":
        return  # a colon cannot be in a file's name there
    store = blobs(tmp_path)
    store.folder.mkdir()
    (store.folder / f"sha256:{D1}").write_bytes(b"x")
    assert store.find(D1) == store.folder / f"sha256:{D1}"


def test_a_linked_file_that_changes_is_noticed(tmp_path: Path) -> None:
    store = blobs(tmp_path)
    file = tmp_path / "model.gguf"
    file.write_bytes(b"first")
    digest = hashlib.sha256(b"first").hexdigest()
    assert store.take(file, digest, link=True)
    assert not store.changed(store.own(digest))
    assert not store.take(file, digest, link=True)
    file.write_bytes(b"other")
    os.utime(file, ns=(10**18, 10**18))
    assert store.changed(store.own(digest))
    file.unlink()
    file.write_bytes(b"first")
    assert store.take(file, digest, link=True)
    assert not store.changed(store.own(digest))
    assert store.own(digest).read_bytes() == b"first"


def test_blobs_that_nobody_names_go_after_a_day(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = blobs(tmp_path)
    kept, left = (store.write(data)[0] for data in (b"kept", b"left"))
    partial = store.folder / f"sha256-{D1}-partial"
    partial.write_bytes(b"x")
    store.remove_unused({kept})
    assert store.find(left) is not None
    now = time.time()
    monkeypatch.setattr("time.time", lambda: now + 25 * 3600)
    store.remove_unused({kept})
    assert (store.find(kept), store.find(left)) == (store.own(kept), None)
    assert partial.is_file()
