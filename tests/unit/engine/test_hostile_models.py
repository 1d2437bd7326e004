"""Models that mean harm, or are odd: they cost themselves, never the list or the memory."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import struct
import time
from pathlib import Path
from typing import Any

import pytest

from local_assistant.engine import gotemplate
from local_assistant.engine.gguf import details as gguf_details
from local_assistant.engine.gguf import split as gguf_split
from local_assistant.engine.gguf.header import BadGGUF, read_header
from local_assistant.engine.gotemplate import runtime
from local_assistant.engine.http import json_reply
from local_assistant.engine.store import layers
from local_assistant.engine.store.blobs import Blobs
from local_assistant.engine.store.catalog import Catalog
from local_assistant.engine.store.layers import Layer, Manifest
from local_assistant.engine.store.names import parse
from local_assistant.engine.store.store import Store
from local_assistant.engine.store.stored import StoredModel
from local_assistant.engine.text import rendering
from local_assistant.engine.text.tool_calls import ToolParser
from local_assistant.engine.wire.shapes import ApiError
from tests.integration.engine import tiny_gguf

TEXT, ARRAY, BYTE = 8, 9, 0


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_gguf.write(tmp_path_factory.mktemp("gguf") / "tiny.gguf")


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "models", ())


def text(value: bytes) -> bytes:
    return struct.pack("<Q", len(value)) + value


def with_pair(path: Path, key: bytes, value: bytes, size: int) -> Path:
    """A GGUF of one pair and, to the size, nothing: as sparse as the disk can have it."""
    path.write_bytes(b"GGUF" + struct.pack("<IQQ", 3, 0, 1) + text(key) + value)
    with path.open("r+b") as file:
        file.truncate(size)
    return path


def test_a_text_of_gigabytes_is_no_text(tmp_path: Path) -> None:
    value = struct.pack("<IQ", TEXT, 3 << 30)
    file = with_pair(tmp_path / "m.gguf", b"tokenizer.chat_template", value, (3 << 30) + 200)
    with pytest.raises(BadGGUF, match="cut short or damaged"):
        read_header(file)


def test_a_vocabulary_of_hundreds_of_millions_is_none(tmp_path: Path) -> None:
    value = struct.pack("<IIQ", ARRAY, TEXT, 200_000_000)
    file = with_pair(tmp_path / "m.gguf", b"tokenizer.ggml.tokens", value, 1_700_000_000)
    with pytest.raises(BadGGUF, match="cut short or damaged"):
        read_header(file)


def test_an_array_of_gigabytes_is_not_shown(tmp_path: Path) -> None:
    value = struct.pack("<IIQ", ARRAY, BYTE, 3 << 30)
    file = with_pair(tmp_path / "m.gguf", b"x", value, (3 << 30) + 200)
    assert gguf_details.read(file, arrays=True).metadata == {"x": None}


def test_a_part_with_a_header_of_gigabytes_is_none(tmp_path: Path) -> None:
    value = struct.pack("<IIQ", ARRAY, BYTE, 3 << 30)
    file = with_pair(tmp_path / "m.gguf", b"x", value, (3 << 30) + 200)
    blobs = Blobs(tmp_path, lambda: ())
    with pytest.raises(ApiError, match="cut short or damaged"):
        gguf_split.merge(blobs, [("m-00001-of-00001.gguf", file)])


@pytest.mark.parametrize(
    "odd",
    [
        {"model_type": float("nan")}, {"file_type": 7}, {"model_family": {"a": 1}},
        {"model_families": [1]}, {"model_format": ["gguf", None]}, {"capabilities": [{}]},
    ],
)  # fmt: skip
def test_an_odd_configuration_does_not_spoil_the_list(
    store: Store, tiny: Path, odd: dict[str, Any]
) -> None:
    store.add_gguf("good", tiny)
    manifest = store.manifest(parse("good"))
    assert manifest is not None
    config = store.add_blob(layers.CONFIG, json.dumps({"model_type": "1B", **odd}).encode())
    store.put(parse("odd"), Manifest(manifest.layers, config))
    answer = json.loads(json_reply({"models": Catalog(store).tags()}).body)
    found = {each["name"]: each["details"] for each in answer["models"]}
    assert {"good:latest", "odd:latest"} <= set(found)
    details = found["odd:latest"]
    assert all(isinstance(each, str) for each in details["families"])
    texts = ("format", "family", "parameter_size", "quantization_level")
    assert all(isinstance(details[key], str) for key in texts)


def test_a_size_beyond_all_disks_is_none() -> None:
    layer = {"mediaType": layers.MODEL, "digest": "sha256:" + "1" * 64, "size": 10**30}
    assert layers.read(json.dumps({"layers": [layer]}).encode()).size == 0


def test_a_file_that_was_only_touched_has_not_changed(store: Store, tmp_path: Path) -> None:
    file = tiny_gguf.write(tmp_path / "mine.gguf")
    store.add_gguf("mine", file)
    os.utime(file, (4e9, 4e9))
    found = store.find("mine")
    assert found is not None
    assert not found.changed
    assert found.header().architecture == "llama"


def test_another_link_to_a_blob_is_no_change(store: Store, tmp_path: Path) -> None:
    file = tiny_gguf.write(tmp_path / "mine.gguf")
    store.add_gguf("mine", file)
    found = store.find("mine")
    assert found is not None
    (tmp_path / "other.gguf").hardlink_to(found.gguf)
    again = Store(store.root, ()).find("mine")
    assert again is not None
    assert not again.changed


def test_a_blob_that_takes_a_lost_link_s_place_has_not_changed(tmp_path: Path) -> None:
    blobs = Blobs(tmp_path / "models", lambda: ())
    file = tmp_path / "m"
    file.write_bytes(b"weights")
    digest = hashlib.sha256(b"weights").hexdigest()
    blobs.take(file, digest, link=True)
    blobs.own(digest).unlink()
    upload = blobs.upload()
    upload.add(b"weights")
    upload.finish(digest)
    assert list((tmp_path / "models" / "linked").iterdir()) == []
    assert not blobs.changed(blobs.own(digest))


@pytest.mark.parametrize("place", ["host/ns/model/tag/deeper", "host/stray", "host/ns/m/-x"])
def test_nothing_is_tidied_away_beside_what_is_not_understood(
    store: Store, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    layer = store.add_blob(layers.MODEL, b"named by whom?")
    path = store.manifests / place
    path.parent.mkdir(parents=True)
    path.write_bytes(Manifest((layer,)).dump())
    later = time.time() + 48 * 3600
    monkeypatch.setattr("time.time", lambda: later)
    store.tidy()
    assert store.files.find(layer.digest) is not None
    path.unlink()
    store.tidy()
    assert store.files.find(layer.digest) is None


def test_a_store_that_is_ollamas_too_is_left_to_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store(tmp_path / "models", (tmp_path / "models",))
    store.manifests.mkdir(parents=True)
    layer: Layer = store.add_blob(layers.MODEL, b"about to be used")
    later = time.time() + 48 * 3600
    monkeypatch.setattr("time.time", lambda: later)
    store.tidy()
    assert store.files.find(layer.digest) is not None


def test_a_template_without_calls_is_bounded_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runtime, "MAX_SECONDS", 0.0)
    template = gotemplate.parse("{{range .N}}{{end}}")
    with pytest.raises(gotemplate.TemplateError, match="more than 0 seconds"):
        template.render({"N": 900_000})


def test_a_template_as_long_as_a_book_is_none() -> None:
    with pytest.raises(gotemplate.TemplateError, match="more than 262144 characters"):
        gotemplate.parse("x" * 262145)


def test_others_are_answered_while_a_template_is_run(
    tiny: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runtime, "MAX_SECONDS", 200.0)
    template = "{{range $.Messages}}" * 3 + "{{end}}" * 3
    model = StoredModel(parse("m"), tiny, "1" * 64, 1, 0.0, template=template)
    roles = ("user", "assistant") * 30  # two of one role would be joined
    messages = [{"role": role, "content": "x"} for role in roles]
    turns = 0

    async def others() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    async def both() -> str:
        watch = asyncio.ensure_future(others())
        header = read_header(tiny)
        prompt = await rendering.go_chat_prompt(model, header, messages, [], None)
        watch.cancel()
        return prompt

    asyncio.run(both())
    assert turns > 3


def test_a_template_keeps_no_gigabytes_in_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runtime, "MAX_SECONDS", 200.0)  # the text ends it, on any machine
    doubled = "".join(f'{{{{$v{n + 1} := printf "%s%s" $v{n} $v{n}}}}}' for n in range(19))
    kept = "".join(f'{{{{$w{n} := print $v19 "{n}"}}}}' for n in range(60))
    template = gotemplate.parse('{{$v0 := "aaaaaaaaaaaaaaaa"}}' + doubled + kept)
    with pytest.raises(gotemplate.TemplateError, match="characters of text by functions"):
        template.render({})


def test_a_long_call_is_found_without_a_look_at_all_of_it_each_time() -> None:
    tools = [{"type": "function", "function": {"name": "write", "parameters": {}}}]
    parser = ToolParser("{", tools)
    whole = json.dumps({"name": "write", "arguments": {"text": "a {b} " + "x " * 10_000}})
    before = time.process_time()
    found = [call for char in whole for call in parser.add(char)[0]]
    assert found[0]["function"]["arguments"]["text"].endswith("x x ")
    assert time.process_time() - before < 10  # it was 20 s
