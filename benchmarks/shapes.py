"""GGUF files of real models' shapes and random weights: for speed, not for meaning.

Contract: :func:`shape` writes ``qwen2.5-coder``'s 0.5b or 1.5b shape once per machine (to
``$LOCAL_ASSISTANT_SHAPES``, else the user's cache directory) and returns the file. Layers,
widths, quantisation mix, vocabulary size and special token ids are the real ones; blocks are
random bytes with fixed small scales; the vocabulary is one of :mod:`.vocabulary`. Nothing is
downloaded.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import gguf
import numpy as np
import platformdirs

from benchmarks import vocabulary

_TEMPLATE = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\\n' + "
    "message['content'] + '<|im_end|>\\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)
Type = gguf.GGMLQuantizationType


@dataclass(frozen=True)
class Shape:
    """What a model's speed depends on."""

    width: int
    layers: int
    heads: int
    kv_heads: int
    feed: int
    table: Type
    """Of the token table, which is the output matrix too."""
    usual: Type
    better: Type
    """Of half of the value and down matrices, as in a Q4_K_M file."""


SHAPES = {
    "0.5b": Shape(896, 24, 14, 2, 4864, Type.Q8_0, Type.Q5_0, Type.Q8_0),
    "1.5b": Shape(1536, 28, 12, 2, 8960, Type.Q6_K, Type.Q4_K, Type.Q6_K),
}


VOCABULARIES = {"letters": vocabulary.letters, "words": vocabulary.words}


def shape(name: str, spelling: str = "letters") -> Path:
    """Return the file of a shape, written if it is not there.

    Args:
        name: ``0.5b`` or ``1.5b``.
        spelling: the vocabulary, ``letters`` or ``words``.
    """
    folder = os.environ.get("LOCAL_ASSISTANT_SHAPES")
    root = Path(folder) if folder else platformdirs.user_cache_path("local-assistant-shapes")
    root.mkdir(parents=True, exist_ok=True)
    mark = "" if spelling == "letters" else f"-{spelling}"
    path = root / f"qwen2.5-coder-{name}-random{mark}.gguf"
    if not path.exists():
        part = path.with_suffix(f".{os.getpid()}.part")
        _write(part, SHAPES[name], VOCABULARIES[spelling])
        part.replace(path)
    return path


def _write(path: Path, of: Shape, vocabulary_of: Callable[[], vocabulary.Vocabulary]) -> None:
    out = gguf.GGUFWriter(path, "qwen2")
    out.add_context_length(32768)
    out.add_embedding_length(of.width)
    out.add_block_count(of.layers)
    out.add_feed_forward_length(of.feed)
    out.add_head_count(of.heads)
    out.add_head_count_kv(of.kv_heads)
    out.add_rope_freq_base(1_000_000.0)
    out.add_layer_norm_rms_eps(1e-6)
    out.add_file_type(gguf.LlamaFileType.MOSTLY_Q4_K_M)
    tokens, merges = vocabulary_of()
    out.add_tokenizer_model("gpt2")
    out.add_tokenizer_pre("qwen2")
    out.add_token_list(tokens)
    plain, special = vocabulary.FIRST_SPECIAL, len(vocabulary.SPECIAL)
    out.add_token_types([1] * plain + [3] * special + [5] * (vocabulary.SIZE - plain - special))
    out.add_token_merges(merges)
    out.add_eos_token_id(tokens.index("<|im_end|>"))
    out.add_pad_token_id(tokens.index("<|endoftext|>"))
    out.add_bos_token_id(tokens.index("<|endoftext|>"))
    out.add_add_bos_token(False)
    for kind, token in (("pre", "prefix"), ("suf", "suffix"), ("mid", "middle")):
        out.add_uint32(f"tokenizer.ggml.fim_{kind}_token_id", tokens.index(f"<|fim_{token}|>"))
    out.add_chat_template(_TEMPLATE)
    _add_tensors(out, of)
    out.write_header_to_file()
    out.write_kv_data_to_file()
    out.write_tensors_to_file()
    out.close()


def _add_tensors(out: gguf.GGUFWriter, of: Shape) -> None:
    rng = np.random.default_rng(1)

    def matrix(name: str, rows: int, columns: int, kind: Type) -> None:
        out.add_tensor(f"{name}.weight", _random(rng, rows, columns, kind), raw_dtype=kind)

    def vector(name: str, size: int, value: float) -> None:
        out.add_tensor(name, np.full(size, value, dtype=np.float32))

    head = of.width // of.heads
    matrix("token_embd", vocabulary.SIZE, of.width, of.table)
    vector("output_norm.weight", of.width, 1.0)
    for layer in range(of.layers):
        at = f"blk.{layer}"
        # A Q4_K_M file keeps half of the layers' value and down matrices in a better type.
        kind = of.better if layer % 2 else of.usual
        vector(f"{at}.attn_norm.weight", of.width, 1.0)
        vector(f"{at}.ffn_norm.weight", of.width, 1.0)
        for name, rows, its in (
            ("attn_q", of.heads * head, of.usual),
            ("attn_k", of.kv_heads * head, of.usual),
            ("attn_v", of.kv_heads * head, kind),
        ):
            matrix(f"{at}.{name}", rows, of.width, its)
            vector(f"{at}.{name}.bias", rows, 0.0)
        matrix(f"{at}.attn_output", of.width, of.heads * head, of.usual)
        matrix(f"{at}.ffn_gate", of.feed, of.width, of.usual)
        matrix(f"{at}.ffn_up", of.feed, of.width, of.usual)
        down = Type.Q6_K if kind is of.better else Type.Q4_K
        matrix(f"{at}.ffn_down", of.width, of.feed, down)


def _random(rng: np.random.Generator, rows: int, columns: int, kind: Type) -> np.ndarray:
    """Return random blocks whose values have about the spread of trained weights."""
    elements, size = gguf.GGML_QUANT_SIZES[kind]
    blocks = rng.integers(0, 256, (rows * columns // elements, size), dtype=np.uint8)

    def scale(at: int, value: float) -> None:
        blocks[:, at : at + 2] = np.frombuffer(np.float16(value).tobytes(), dtype=np.uint8)

    if kind is Type.Q4_K:
        scale(0, 1e-4)
        scale(2, 7.5e-4)
    elif kind is Type.Q6_K:
        scale(size - 2, 1.5e-5)
    elif kind is Type.Q8_0:
        scale(0, 2.7e-4)
    elif kind is Type.Q5_0:
        scale(0, 2.2e-3)
    else:
        raise ValueError(f"no random blocks of {kind.name}")
    return blocks.reshape(rows, columns // elements * size)
