"""The GGUF header reader: what it finds, and that no bytes bring it down."""

from __future__ import annotations

import random
import struct
from pathlib import Path

import gguf as reference
import pytest

from local_assistant import paths
from local_assistant.engine.gguf import header as gguf
from local_assistant.engine.gguf.header import BadGGUF, read_header
from tests.integration.engine import tiny_gguf


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_gguf.write(tmp_path_factory.mktemp("gguf") / "tiny.gguf")


def test_it_agrees_with_the_reference_reader(tiny: Path) -> None:
    header, read = read_header(tiny), reference.GGUFReader(tiny)
    assert header.architecture == "llama"
    assert header.context_length == tiny_gguf.CONTEXT
    assert header.embedding_length == 64
    assert header.parameters == sum(int(tensor.n_elements) for tensor in read.tensors)
    assert header.size == tiny.stat().st_size
    assert header.quantization == "F32"
    assert header.chat_template == tiny_gguf.CHAT_TEMPLATE
    assert header.fim == {"pre": 259, "suf": 260, "mid": 261}
    assert header.inserts
    assert not header.embeds_only
    plain = {k: v for k, v in header.metadata.items() if v is not None}
    for key, value in plain.items():
        assert read.fields[key].contents() == pytest.approx(value)


def test_the_bundled_model() -> None:
    header = read_header(paths.demo_gguf())
    assert header.architecture == "llama"
    assert header.context_length >= 1024
    assert header.inserts
    assert header.parameter_size.endswith("M")


def test_fim_tokens_are_found_by_their_text(tmp_path: Path, tiny: Path) -> None:
    data = tiny.read_bytes()
    for key in (b"fim_pre_token_id", b"fim_suf_token_id", b"fim_mid_token_id"):
        data = data.replace(key, b"xxx" + key[3:])
    file = tmp_path / "no-ids.gguf"
    file.write_bytes(data)
    assert read_header(file).fim == {"pre": 259, "suf": 260, "mid": 261}


def test_no_fim(tmp_path: Path) -> None:
    header = read_header(tiny_gguf.write(tmp_path / "plain.gguf", fim=False))
    assert header.fim == {}
    assert not header.inserts


def test_a_changed_file_is_read_again(tmp_path: Path) -> None:
    file = tiny_gguf.write(tmp_path / "a.gguf", context=512)
    assert read_header(file).context_length == 512
    tiny_gguf.write(tmp_path / "b.gguf", context=256).replace(file)
    assert read_header(file).context_length == 256


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "the file is empty"),
        (b"GGUF", "no GGUF file"),
        (b"NOPE" + bytes(100), "wrong magic"),
        (b"GGUF" + struct.pack("<IQQ", 9, 0, 0), "version 9"),
        (b"GGUF" + struct.pack("<IQQ", 3, 1 << 60, 1 << 60), "damaged"),
        (b"GGUF" + struct.pack("<IQQ", 3, 0, 5), "cut short"),
        (b"GGUF" + struct.pack("<IQQQ", 3, 0, 1, 1 << 62), "cut short"),
        # an array of arrays of arrays …
        (b"GGUF" + struct.pack("<IQQQ", 3, 0, 1, 1) + b"k" + struct.pack("<IIQ", 9, 9, 1)
         + struct.pack("<IQ", 9, 1) * 50, "cut short"),
    ],
)  # fmt: skip
def test_broken_headers(tmp_path: Path, content: bytes, said: str) -> None:
    file = tmp_path / "broken.gguf"
    file.write_bytes(content)
    with pytest.raises(BadGGUF, match=said) as caught:
        read_header(file)
    assert caught.value.fix


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(BadGGUF, match="No such file"):
        read_header(tmp_path / "nothing.gguf")


def test_every_cut_is_noticed(tiny: Path, tmp_path: Path) -> None:
    data, file = tiny.read_bytes(), tmp_path / "cut.gguf"
    steps = sorted({*range(0, 4000, 37), *range(4000, len(data), 9973), len(data) - 1})
    for size in steps:
        file.write_bytes(data[:size])
        with pytest.raises(BadGGUF):
            read_header(file)


def test_spoiled_bytes_give_a_header_or_a_sentence(tiny: Path, tmp_path: Path) -> None:
    data, file, dice = tiny.read_bytes(), tmp_path / "spoiled.gguf", random.Random(1)
    for _ in range(300):
        spoiled = bytearray(data)
        for _ in range(dice.randint(1, 8)):
            spoiled[dice.randrange(0, 9000)] = dice.randrange(256)
        file.write_bytes(spoiled)
        try:
            gguf._read_cached.__wrapped__(file, len(spoiled), 0)
        except BadGGUF as error:
            assert "cannot be loaded" in error.message
