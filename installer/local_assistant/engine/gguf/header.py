"""A small reader of GGUF headers: enough to list, describe and refuse a model file.

Contract: standard library only; never reads tensor data; every malformed file ends in
:class:`BadGGUF` with a sentence, whatever its bytes (sizes are checked before they are
believed). Arrays are skipped, except that the vocabulary is looked through for the
fill-in-the-middle tokens, as llama.cpp does for files without their ids.
"""

from __future__ import annotations

import functools
import math
import mmap
import struct
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from local_assistant.errors import AssistantError

SCALARS = {
    0: ("<B", 1), 1: ("<b", 1), 2: ("<H", 2), 3: ("<h", 2), 4: ("<I", 4), 5: ("<i", 4),
    6: ("<f", 4), 7: ("<?", 1), 10: ("<Q", 8), 11: ("<q", 8), 12: ("<d", 8),
}  # fmt: skip
_STRING, ARRAY = 8, 9
MAX_DEPTH = 4
_MOST_ITEMS = 5_000_000
"""Strings and arrays within arrays in a whole header; the largest vocabularies have a fifth."""
_MOST_TEXT = 64 << 20
"""Bytes of all texts that are kept of a header."""

# block size in elements, block size in bytes, by ggml type
_TENSOR_BLOCKS = {
    0: (1, 4), 1: (1, 2), 2: (32, 18), 3: (32, 20), 6: (32, 22), 7: (32, 24), 8: (32, 34),
    9: (32, 36), 10: (256, 84), 11: (256, 110), 12: (256, 144), 13: (256, 176),
    14: (256, 210), 15: (256, 292), 24: (1, 1), 25: (1, 2), 26: (1, 4), 27: (1, 8),
    28: (1, 8), 30: (1, 2),
}  # fmt: skip

_FILE_TYPES = {
    0: "F32", 1: "F16", 2: "Q4_0", 3: "Q4_1", 7: "Q8_0", 8: "Q5_0", 9: "Q5_1", 10: "Q2_K",
    11: "Q3_K_S", 12: "Q3_K_M", 13: "Q3_K_L", 14: "Q4_K_S", 15: "Q4_K_M", 16: "Q5_K_S",
    17: "Q5_K_M", 18: "Q6_K", 19: "IQ2_XXS", 20: "IQ2_XS", 21: "Q2_K_S", 22: "IQ3_XS",
    23: "IQ3_XXS", 24: "IQ1_S", 25: "IQ4_NL", 26: "IQ3_S", 27: "IQ3_M", 28: "IQ2_S",
    29: "IQ2_M", 30: "IQ4_XS", 31: "IQ1_M", 32: "BF16", 36: "TQ1_0", 37: "TQ2_0",
    38: "MXFP4",
}  # fmt: skip

_FIM_KEYS = {
    "pre": ("tokenizer.ggml.fim_pre_token_id", "tokenizer.ggml.prefix_token_id"),
    "suf": ("tokenizer.ggml.fim_suf_token_id", "tokenizer.ggml.suffix_token_id"),
    "mid": ("tokenizer.ggml.fim_mid_token_id", "tokenizer.ggml.middle_token_id"),
}
_FIM_TEXTS = {
    "pre": ("<|fim_prefix|>", "<fim-prefix>", "<fim_prefix>", "<PRE>", "▁<PRE>",
            "<｜fim▁begin｜>", "<|code_prefix|>", "<[fim-prefix]>"),
    "suf": ("<|fim_suffix|>", "<fim-suffix>", "<fim_suffix>", "<SUF>", "▁<SUF>",
            "<｜fim▁hole｜>", "<|code_suffix|>", "<[fim-suffix]>"),
    "mid": ("<|fim_middle|>", "<fim-middle>", "<fim_middle>", "<MID>", "▁<MID>",
            "<｜fim▁end｜>", "<|code_middle|>", "<[fim-middle]>"),
}  # fmt: skip
_FIM_BY_BYTES = {text.encode(): kind for kind, texts in _FIM_TEXTS.items() for text in texts}
_CODESTRAL_FIM = {b"[PREFIX]": "pre", b"[SUFFIX]": "suf"}
"""In the vocabulary of every newer Mistral model; only Codestral was trained with them."""


class BadGGUF(AssistantError):
    """The file is no GGUF, or not all of one."""

    def __init__(self, path: Path, what: str) -> None:
        super().__init__(
            f"{path.name} cannot be loaded: {what}.",
            "Get the file again, or choose another model.",
        )


@dataclass(frozen=True)
class Header:
    """Metadata of one GGUF file."""

    path: Path
    size: int
    metadata: dict[str, Any]
    """Scalars and strings; an array is there as ``None``."""
    parameters: int
    changed: int = 0
    """When the file was last changed (ns): another file in its place is another model."""
    fim: dict[str, int] = field(default_factory=dict)
    """Token ids by ``pre``, ``suf``, ``mid``, as far as the model has them."""

    @property
    def architecture(self) -> str:
        return str(self.metadata.get("general.architecture", "unknown"))

    def of_architecture(self, key: str) -> Any:
        return self.metadata.get(f"{self.architecture}.{key}")

    @property
    def context_length(self) -> int:
        value = self.of_architecture("context_length")
        return value if isinstance(value, int) and value > 0 else 0

    @property
    def embedding_length(self) -> int:
        value = self.of_architecture("embedding_length")
        return value if isinstance(value, int) else 0

    @property
    def kind(self) -> Literal["model", "adapter", "projector"]:
        """What the file is: a model, or a part that goes with one."""
        said = self.metadata.get("general.type")
        if said == "adapter":
            return "adapter"
        blocks, vision = (self.of_architecture(f"{each}block_count") for each in ("", "vision."))
        eyes_only = bool(vision and not blocks)
        if said in ("projector", "mmproj") or self.architecture == "clip" or eyes_only:
            return "projector"
        return "model"

    @property
    def embeds_only(self) -> bool:
        """Whether this is an embedding model, which cannot write text."""
        return self.of_architecture("pooling_type") is not None

    @property
    def chat_template(self) -> str:
        return str(self.metadata.get("tokenizer.chat_template") or "")

    @property
    def quantization(self) -> str:
        return _FILE_TYPES.get(self.metadata.get("general.file_type", -1), "unknown")

    @property
    def parameter_size(self) -> str:
        return shown_count(self.parameters)

    @property
    def inserts(self) -> bool:
        """Whether the model knows fill-in-the-middle."""
        return "pre" in self.fim and "suf" in self.fim

    def kv_bytes(self, tokens: int) -> int:
        """Return about how much memory ``tokens`` take in an F16 KV cache."""
        layers = self.of_architecture("block_count") or 0
        heads = self.of_architecture("attention.head_count") or 1
        kv_heads = self.of_architecture("attention.head_count_kv") or heads
        per_head = self.of_architecture("attention.key_length")
        if not per_head:
            per_head = self.embedding_length // heads if isinstance(heads, int) else 128
        if not all(isinstance(v, int) for v in (layers, kv_heads, per_head)):
            return 0
        return int(layers * kv_heads * per_head * 2 * 2 * tokens)


def shown_count(count: int) -> str:
    """Return a number of parameters as Ollama shows it."""
    for limit, unit, digits in ((1e9, "B", 1), (1e6, "M", 2), (1e3, "K", 2)):
        if count >= limit:
            return f"{count / limit:.{digits}f}{unit}"
    return str(count)


def read_header(path: Path) -> Header:
    """Return the header of ``path``, from a cache while the file has not changed.

    Raises:
        BadGGUF: not a GGUF file, cut short, or with a header that makes no sense.
    """
    try:
        stat = path.stat()
    except OSError as error:
        raise BadGGUF(path, error.strerror or "it cannot be read") from error
    return _read_cached(path, stat.st_size, stat.st_mtime_ns)


@functools.lru_cache(maxsize=256)
def _read_cached(path: Path, size: int, mtime_ns: int) -> Header:
    if size < 24:
        raise BadGGUF(path, "it is no GGUF file" if size else "the file is empty")
    try:
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            return Reader(path, data).header(mtime_ns)
    except (struct.error, IndexError, ValueError, MemoryError) as error:
        raise BadGGUF(path, "the file is cut short or damaged") from error
    except OSError as error:
        raise BadGGUF(path, error.strerror or "it cannot be read") from error


class Reader:
    """Reads a header once, front to back."""

    def __init__(self, path: Path, data: mmap.mmap) -> None:
        self.path = path
        self.data = data
        self.end = len(data)
        self.at = 0
        self.vocabulary_fim: dict[str, int] = {}
        self.codestral_fim: dict[str, int] = {}
        self._items = 0
        self._text = 0

    def header(self, changed: int) -> Header:
        if self.data[:4] != b"GGUF":
            raise BadGGUF(self.path, "it is no GGUF file (wrong magic)")
        self.at = 4
        version = self.number("<I", 4)
        if version not in (2, 3):
            raise BadGGUF(self.path, f"GGUF version {version} is not known here")
        tensors, pairs = self.number("<Q", 8), self.number("<Q", 8)
        if pairs > 1_000_000 or tensors > 1_000_000:
            raise BadGGUF(self.path, "the file is damaged")
        metadata: dict[str, Any] = {}
        for _ in range(pairs):
            key = self.text()
            metadata[key] = self.value(self.number("<I", 4), key)
        parameters, need = self.tensors(tensors, metadata.get("general.alignment", 32))
        if need > self.end:
            raise BadGGUF(self.path, f"the file is cut short ({self.end} of at least {need} bytes)")
        fim = _fim_ids(metadata) or self.vocabulary_fim
        if not fim and "codestral" in str(metadata.get("general.name", "")).lower():
            fim = self.codestral_fim
        return Header(self.path, self.end, metadata, parameters, changed, fim)

    def number(self, form: str, size: int) -> Any:
        (value,) = struct.unpack_from(form, self.data, self.at)
        self.at += size
        return value

    def skip(self, size: int) -> None:
        if size < 0 or self.at + size > self.end:
            raise ValueError("beyond the end")
        self.at += size

    def text(self) -> str:
        size = self.number("<Q", 8)
        start = self.at
        self.skip(size)
        self._text += size
        if self._text > _MOST_TEXT:
            raise ValueError("too much text")
        return self.data[start : start + size].decode("utf-8", errors="replace")

    def value(self, kind: int, key: str = "", depth: int = 0) -> Any:
        if kind in SCALARS:
            return self.number(*SCALARS[kind])
        if kind == _STRING:
            return self.text()
        if kind != ARRAY or depth > MAX_DEPTH:
            raise ValueError(f"value type {kind}")
        item, count = self.number("<I", 4), self.number("<Q", 8)
        self._items += 0 if item in SCALARS else count
        if self._items > _MOST_ITEMS:
            raise ValueError("too many items")
        if item in SCALARS:
            self.skip(count * SCALARS[item][1])
        elif item == _STRING:
            self.strings(count, look=key == "tokenizer.ggml.tokens")
        else:
            for _ in range(count):
                self.value(item, depth=depth + 1)
        return None

    def strings(self, count: int, *, look: bool) -> None:
        """Pass over an array of strings; remember the tokens for fill-in-the-middle."""
        data, at, end, unpack = self.data, self.at, self.end, struct.Struct("<Q").unpack_from
        for index in range(count):
            (size,) = unpack(data, at)
            at += 8 + size
            if at > end:
                raise ValueError("beyond the end")
            if look and 5 <= size <= 20:
                kind = _FIM_BY_BYTES.get(data[at - size : at])
                if kind:
                    self.vocabulary_fim.setdefault(kind, index)
                elif data[at - size : at] in _CODESTRAL_FIM:
                    self.codestral_fim.setdefault(_CODESTRAL_FIM[data[at - size : at]], index)
        self.at = at

    def tensors(self, count: int, alignment: Any) -> tuple[int, int]:
        """Return the number of parameters and the least size the file must have."""
        parameters, last = 0, 0
        for _ in range(count):
            self.text()
            dimensions = self.number("<I", 4)
            if dimensions > 8:
                raise ValueError("too many dimensions")
            elements = math.prod(self.number("<Q", 8) for _ in range(dimensions))
            kind, offset = self.number("<I", 4), self.number("<Q", 8)
            parameters += elements
            block, size = _TENSOR_BLOCKS.get(kind, (1, 0))
            last = max(last, offset + elements // block * size)
        align = alignment if isinstance(alignment, int) and alignment > 0 else 32
        return parameters, (self.at + align - 1) // align * align + last


def _fim_ids(metadata: dict[str, Any]) -> dict[str, int]:
    found: dict[str, int] = {}
    for kind, keys in _FIM_KEYS.items():
        for key in keys:
            if isinstance(metadata.get(key), int):
                found.setdefault(kind, metadata[key])
    return found


def sha256_of(path: Path) -> str:
    """Return the hex digest of a file."""
    import hashlib

    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
