"""All that the header of a GGUF file holds: arrays in full, and the list of tensors.

Contract: as :mod:`.header`, but for ``/api/show``: read at each call, kept nowhere.
"""

from __future__ import annotations

import math
import mmap
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local_assistant.engine.gguf import header as gguf
from local_assistant.engine.gguf.header import BadGGUF
from local_assistant.engine.wire.goencode import float32

_TYPES = {
    0: "F32", 1: "F16", 2: "Q4_0", 3: "Q4_1", 6: "Q5_0", 7: "Q5_1", 8: "Q8_0", 9: "Q8_1",
    10: "Q2_K", 11: "Q3_K", 12: "Q4_K", 13: "Q5_K", 14: "Q6_K", 15: "Q8_K", 16: "IQ2_XXS",
    17: "IQ2_XS", 18: "IQ3_XXS", 19: "IQ1_S", 20: "IQ4_NL", 21: "IQ3_S", 22: "IQ2_S",
    23: "IQ4_XS", 24: "I8", 25: "I16", 26: "I32", 27: "I64", 28: "F64", 29: "IQ1_M", 30: "BF16",
    34: "TQ1_0", 35: "TQ2_0", 39: "MXFP4", 40: "NVFP4", 41: "Q1_0",
}  # fmt: skip
_MOST_SHOWN = 4_000_000
"""Items of an array; a longer one is left out: a list of it would fill the memory."""
_FLOAT32 = 6
_FLOATS = (_FLOAT32, 12)


@dataclass(frozen=True)
class Details:
    """Metadata in the order of the file, arrays as lists, and the tensors."""

    metadata: dict[str, Any]
    tensors: list[dict[str, Any]]


def read(path: Path, *, arrays: bool) -> Details:
    """Return the details of ``path``; without ``arrays`` each array is ``None``.

    Raises:
        BadGGUF: not a GGUF file, cut short, or with a header that makes no sense.
    """
    try:
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            reader = _Reader(path, data, arrays=arrays)
            return Details(reader.header(0).metadata, reader.found)
    except (struct.error, IndexError, ValueError, MemoryError) as error:
        raise BadGGUF(path, "the file is cut short or damaged") from error
    except OSError as error:
        raise BadGGUF(path, error.strerror or "it cannot be read") from error


class _Reader(gguf.Reader):
    def __init__(self, path: Path, data: mmap.mmap, *, arrays: bool) -> None:
        super().__init__(path, data)
        self._arrays = arrays
        self.found: list[dict[str, Any]] = []

    def value(self, kind: int, key: str = "", depth: int = 0) -> Any:
        if kind != gguf.ARRAY or not self._arrays or depth > gguf.MAX_DEPTH:
            return _shown(kind, super().value(kind, key, depth))
        item, count = self.number("<I", 4), self.number("<Q", 8)
        if count > _MOST_SHOWN:
            self.at -= 12
            return super().value(kind, key, depth)
        if item in gguf.SCALARS:
            form, size = gguf.SCALARS[item]
            start = self.at
            self.skip(count * size)
            items = struct.unpack_from(f"<{count}{form[1]}", self.data, start)
            return [_shown(item, value) for value in items] if item in _FLOATS else list(items)
        return [self.value(item, depth=depth + 1) for _ in range(count)]

    def tensors(self, count: int, alignment: Any) -> tuple[int, int]:
        start = self.at
        answer = super().tensors(count, alignment)
        end, self.at = self.at, start
        for _ in range(count):
            name = self.text()
            shape = [self.number("<Q", 8) for _ in range(self.number("<I", 4))]
            kind = _TYPES.get(self.number("<I", 4), "unknown")
            self.number("<Q", 8)
            self.found.append({"name": name, "type": kind, "shape": shape})
        self.at = end
        return answer


def _shown(kind: int, value: Any) -> Any:
    """Return a number as JSON shows it: the shortest spelling, nothing where it is none."""
    if kind not in _FLOATS:
        return value
    if not math.isfinite(value):
        return None
    return float32(value) if kind == _FLOAT32 else value
