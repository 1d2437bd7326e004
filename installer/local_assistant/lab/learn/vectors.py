"""Vectors and their short codes.

Contract: pure, on numpy. A code is the signs of a vector, one bit for each dimension, padded
to whole 64-bit words. Two codes differ in few bits where the angle of their vectors is small,
so the nearest codes hold the nearest vectors, and those few are compared exactly: a hundred
thousand vectors of 768 dimensions are 9.6 MB of codes instead of 307 MB.
(Charikar 2002, "Similarity estimation techniques from rounding algorithms".)
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Codes = NDArray[np.uint64]


def unit(rows: Sequence[Sequence[float]]) -> Floats:
    """Return ``rows`` (n, d) with length 1 each; a row of zeros stays one."""
    matrix = np.asarray(rows, dtype=np.float32)
    lengths = np.linalg.norm(matrix, axis=1, keepdims=True)
    return (matrix / np.where(lengths > 0, lengths, 1)).astype(np.float32)


def codes_of(matrix: Floats) -> Codes:
    """Return the codes (n, ceil(d / 64)) of vectors (n, d)."""
    bits = np.packbits(matrix > 0, axis=1)
    padding = -bits.shape[1] % 8
    padded = np.ascontiguousarray(np.pad(bits, ((0, 0), (0, padding))))
    return padded.view(np.uint64)


def nearest(codes: Codes, wanted: Codes, count: int) -> NDArray[np.intp]:
    """Return the rows of the ``count`` codes nearest to ``wanted`` (w,), in no order."""
    if len(codes) <= count:
        return np.arange(len(codes))
    differing: Any = np.bitwise_count(codes ^ wanted).sum(axis=1, dtype=np.uint16)
    rows: NDArray[np.intp] = np.argpartition(differing, count)[:count]
    return rows
