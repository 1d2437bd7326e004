"""Three hundred damaged model files: each ends in a sentence, none ends the engine."""

from __future__ import annotations

import os
import random
import struct
from collections.abc import Callable
from pathlib import Path

import pytest

from local_assistant.engine.gguf.header import BadGGUF
from tests.integration.engine import tiny_gguf
from tests.integration.engine.conftest import Own, gone
from tests.waiting import until

COUNT = 300
_HUGE = (2**31 - 1, 2**32 - 1, 2**40, 2**62, 2**63, 2**64 - 1)


def _mutated(data: bytes, rng: random.Random) -> bytes:
    """Return a damaged copy; what is damaged, and how, is drawn."""
    out = bytearray(data)
    how = rng.choice(("cut", "counts", "offset", "magic", "flips", "length", "noise", "types"))
    header = data.index(b"output_norm.weight")  # metadata and tensor table lie before it
    if how == "cut":
        del out[rng.choice((rng.randrange(24), rng.randrange(header), rng.randrange(len(out)))) :]
    elif how == "counts":
        struct.pack_into("<Q", out, rng.choice((8, 16)), rng.choice((0, 1, *_HUGE)))
    elif how == "offset":
        # The last eight bytes of a tensor's entry are where its data begins.
        at = data.index(b"blk.0.attn_q.weight") + len(b"blk.0.attn_q.weight") + 4 + 16 + 4
        struct.pack_into("<Q", out, at, rng.choice((7, len(out), *_HUGE)))
    elif how == "magic":
        struct.pack_into("<I", out, rng.choice((0, 4)), rng.choice((0, 1, 99, 2**32 - 1)))
    elif how == "length":
        at = rng.choice([i for i in range(24, 400) if data[i : i + 8].endswith(b"\0" * 6)])
        struct.pack_into("<Q", out, at, rng.choice(_HUGE))
    elif how == "noise":
        at = rng.randrange(24, header)
        out[at : at + 64] = rng.randbytes(64)
    elif how == "types":
        key = rng.choice((b"llama.block_count", b"llama.embedding_length",
                          b"llama.attention.head_count", b"llama.context_length",
                          b"llama.feed_forward_length"))  # fmt: skip
        at = data.index(key) + len(key)
        if rng.random() < 0.5:
            struct.pack_into("<I", out, at, rng.randrange(13))
        else:
            struct.pack_into("<I", out, at + 4, rng.choice((0, 1, 3, 10**6, 2**31, 2**32 - 1)))
    else:
        for _ in range(rng.choice((1, 8, 200))):
            out[rng.randrange(header)] ^= 1 << rng.randrange(8)
    return bytes(out)


@pytest.mark.parametrize("part", range(3))
def test_damaged_files_are_refused_or_answer(
    own_engine: Callable[..., Own], tmp_path: Path, part: int
) -> None:
    own = own_engine()
    whole = tiny_gguf.write(tmp_path / "whole.gguf", context=512).read_bytes()
    rng = random.Random(100 + part)
    refused = loaded = 0
    few = {"num_predict": 2, "num_ctx": 128, "num_thread": 1}
    for number in range(COUNT // 3):
        file = tmp_path / f"{number}.gguf"
        file.write_bytes(_mutated(whole, rng))
        try:
            name = own.store.add_gguf(f"bad{number}", file)
        except BadGGUF as error:
            assert str(error)
            refused += 1
            continue
        body = {"model": name, "prompt": "a", "stream": False, "options": few, "keep_alive": 0}
        reply = own.http.post("/api/generate", json=body, timeout=50)
        if reply.status_code == 200:
            loaded += 1  # the damage lies in what nobody reads
        else:
            assert reply.status_code in (400, 500), reply.text
            assert reply.json()["error"].strip(), reply.text
        file.unlink()
        own.http.request("DELETE", "/api/delete", json={"model": name})
    assert not gone(own.info.pid)
    assert refused > 20
    assert refused + loaded < COUNT // 3  # and some reach llama.cpp, and are refused by it
    until(lambda: not _children(own.info.pid))
    fine = {"model": "tiny", "prompt": "a", "stream": False, "options": few}
    assert own.http.post("/api/generate", json=fine).json()["eval_count"] == 2


def _children(pid: int) -> list[int]:
    """Return the processes that the front has started and that live (Linux)."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            stat = (folder / "stat").read_text(encoding="ascii", errors="replace")
        except OSError:
            continue  # it ended while we looked
        state, parent = stat.rpartition(")")[2].split()[:2]
        if int(parent) == pid and state != "Z":
            found.append(int(folder.name))
    assert os.name != "posix" or gone(pid) is False
    return found
