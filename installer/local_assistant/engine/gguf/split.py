"""A model in several GGUF files, made one: llama.cpp finds the parts by their file names only.

Contract: headers are read with the checks of :mod:`.header`; tensor data is copied block by
block, never held as a whole. The parts must be all there and fit together.
"""

from __future__ import annotations

import mmap
import re
import struct
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

from local_assistant.engine.gguf import header as gguf
from local_assistant.engine.gguf.header import BadGGUF, Header
from local_assistant.engine.store.blobs import Blobs
from local_assistant.engine.wire.shapes import ApiError

_NAME = re.compile(r"(.*)-(\d{5})-of-(\d{5})\.gguf")
_KEYS = ("split.no", "split.count", "split.tensors.count")
_BLOCK = 1 << 20
_ALIGNMENT = 32
_MOST_ALIGNMENT = 1 << 20
_MOST_HEADER = 256 << 20


def count(header: Header) -> int:
    """Return of how many files this one is a part, by its own word."""
    return _number(header, "split.count") or 1


def group(name: str, header: Header) -> str:
    """Return what the parts of one model share.

    Raises:
        ApiError: the file's name and its header do not agree.
    """
    match = _NAME.fullmatch(PurePosixPath(name).name)
    if match is None:
        raise ApiError(400, f'split GGUF "{name}" must use llama.cpp split filename pattern')
    if int(match[3]) != count(header):
        raise ApiError(
            400,
            f'split GGUF "{name}" filename count {int(match[3])} does not match metadata count '
            f"{count(header)}",
        )
    index = _number(header, "split.no")
    if index != int(match[2]) - 1:
        raise ApiError(
            400,
            f'split GGUF "{name}" filename index {int(match[2]) - 1} does not match metadata '
            f"index {index}",
        )
    return f"{match[1]}:{match[3]}"


def merge(blobs: Blobs, parts: list[tuple[str, Path]]) -> tuple[str, Path]:
    """Write the parts as one blob; return its digest and where it lies.

    Args:
        parts: names and files, in their order.

    Raises:
        ApiError: a part is missing or damaged.
        OSError: it cannot be written.
    """
    name = parts[0][0]
    wanted = int(name[-10:-5])
    if len(parts) != wanted:
        raise ApiError(400, f'split GGUF "{name}" has {len(parts)} shards, expected {wanted}')
    scans = [_scan(path) for _, path in parts]
    upload = blobs.upload()
    try:
        for piece in _pieces(scans):
            upload.add(piece)
        digest = upload.finish()
    finally:
        upload.discard()
    return digest, blobs.own(digest)


class _Part(gguf.Reader):
    """One file: where its pairs, tensors and data lie."""

    def __init__(self, path: Path, data: mmap.mmap) -> None:
        super().__init__(path, data)
        self.pairs: list[bytes] = []
        self.tensor_heads: list[tuple[bytes, int]] = []
        """What stands before the offset of each tensor, and the offset."""
        self.alignment = _ALIGNMENT
        self.version = b""
        self.begin = 0

    def scan(self) -> None:
        header = self.header(0)
        prefixes = ("", f"{header.architecture}.")
        dropped = {f"{prefix}{key}" for prefix in prefixes for key in _KEYS}
        alignment = header.metadata.get("general.alignment")
        if isinstance(alignment, int) and alignment > 0:
            self.alignment = alignment
        if self.alignment > _MOST_ALIGNMENT or self.at > _MOST_HEADER:
            raise ValueError("a header that is none")  # both are held in memory
        self.version = self.data[4:8]
        self.at = 8
        tensors, pairs = self.number("<Q", 8), self.number("<Q", 8)
        for _ in range(pairs):
            start = self.at
            key = self.text()
            self.value(self.number("<I", 4), key)
            if key not in dropped:
                self.pairs.append(self.data[start : self.at])
        for _ in range(tensors):
            start = self.at
            self.text()
            self.skip(8 * self.number("<I", 4) + 4)
            head = self.data[start : self.at]
            self.tensor_heads.append((head, self.number("<Q", 8)))
        self.begin = _aligned(self.at, self.alignment)

    @property
    def length(self) -> int:
        """How many bytes of tensor data the file has."""
        return max(0, self.end - self.begin)


def _scan(path: Path) -> _Part:
    try:
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            part = _Part(path, data)
            part.scan()
            return part
    except (struct.error, IndexError, ValueError) as error:
        raise ApiError(400, str(BadGGUF(path, "the file is cut short or damaged"))) from error


def _pieces(parts: list[_Part]) -> Iterator[bytes]:
    first = parts[0]
    heads, at = [], 0
    for part in parts:
        heads += [head + struct.pack("<Q", at + offset) for head, offset in part.tensor_heads]
        at = _aligned(at + part.length, first.alignment)
    start = b"GGUF" + first.version + struct.pack("<QQ", len(heads), len(first.pairs))
    whole = b"".join([start, *first.pairs, *heads])
    yield whole + bytes(_aligned(len(whole), first.alignment) - len(whole))
    for part in parts:
        with part.path.open("rb") as file:
            file.seek(part.begin)
            while block := file.read(_BLOCK):
                yield block
        yield bytes(_aligned(part.length, first.alignment) - part.length)


def _aligned(value: int, alignment: int) -> int:
    return (value + alignment - 1) // alignment * alignment


def _number(header: Header, key: str) -> int | None:
    value: Any = header.metadata.get(key)
    if value is None:
        value = header.of_architecture(key)
    return value if isinstance(value, int) and not isinstance(value, bool) else None
