"""Write the trained weights as GGUF, at Q8_0 or F16.

Contract: ``write_gguf(state, shape, tokenizer_path, target, quantization)``; the file appears
under its name only when whole. Norms stay F32, as llama.cpp wants them.
"""

from __future__ import annotations

import zlib
from pathlib import Path

import gguf
import numpy as np
import torch
from data import tokenizer_samples
from model import Shape
from tokenizer import (
    CHAT_TEMPLATE,
    END_OF_TEXT,
    FIM_MIDDLE,
    FIM_PREFIX,
    FIM_SUFFIX,
    PRE_TOKENIZER,
    SPECIAL_TOKENS,
    TURN_END,
    vocabulary_and_merges,
)
from tokenizers import Tokenizer

NAME = "assistant-demo"
DESCRIPTION = (
    "A tiny demo model of the local Jupyter assistant. It knows only a few examples; "
    "get a better model with: jupyter assistant pull"
)
FILE_TYPES = {"Q8_0": gguf.LlamaFileType.MOSTLY_Q8_0, "F16": gguf.LlamaFileType.MOSTLY_F16}
TENSOR_TYPES = {
    "Q8_0": gguf.GGMLQuantizationType.Q8_0,
    "F16": gguf.GGMLQuantizationType.F16,
}


def write_gguf(
    state: dict[str, torch.Tensor],
    shape: Shape,
    tokenizer_path: Path,
    target: Path,
    quantization: str = "Q8_0",
) -> Path:
    """Write ``state`` (a ``Llama.state_dict()``) to ``target`` and return it."""
    part = target.with_name(target.name + ".part")
    writer = gguf.GGUFWriter(part, "llama")
    writer.add_name(NAME)
    writer.add_description(DESCRIPTION)
    writer.add_license("BSD-3-Clause")
    writer.add_file_type(FILE_TYPES[quantization])
    writer.add_quantization_version(gguf.GGML_QUANT_VERSION)
    writer.add_vocab_size(shape.vocabulary)
    writer.add_context_length(shape.context)
    writer.add_embedding_length(shape.width)
    writer.add_block_count(shape.layers)
    writer.add_feed_forward_length(shape.feed_forward)
    writer.add_head_count(shape.heads)
    writer.add_head_count_kv(shape.heads)
    writer.add_layer_norm_rms_eps(shape.epsilon)
    writer.add_rope_dimension_count(shape.head_width)
    writer.add_rope_freq_base(shape.rope_base)
    _add_tokenizer(writer, tokenizer_path)
    for name, values in _tensors(state, shape):
        if values.ndim == 1:
            writer.add_tensor(name, values)
        else:
            kind = TENSOR_TYPES[quantization]
            writer.add_tensor(name, gguf.quants.quantize(values, kind), raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return part.replace(target)


def _add_tokenizer(writer: gguf.GGUFWriter, tokenizer_path: Path) -> None:
    tokens, merges = vocabulary_and_merges(tokenizer_path)
    types = [
        gguf.TokenType.CONTROL if token in SPECIAL_TOKENS else gguf.TokenType.NORMAL
        for token in tokens
    ]
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre(PRE_TOKENIZER)
    writer.add_token_list(tokens)
    writer.add_token_types(types)
    writer.add_token_merges(merges)
    writer.add_eos_token_id(tokens.index(TURN_END))
    writer.add_eot_token_id(tokens.index(END_OF_TEXT))
    writer.add_pad_token_id(tokens.index(END_OF_TEXT))
    writer.add_add_bos_token(False)
    for key, token in (("pre", FIM_PREFIX), ("suf", FIM_SUFFIX), ("mid", FIM_MIDDLE)):
        writer.add_uint32(f"tokenizer.ggml.fim_{key}_token_id", tokens.index(token))
    writer.add_chat_template(CHAT_TEMPLATE)


def write_tokenizer_check(tokenizer: Tokenizer, target: Path) -> None:
    """Leave a checksum of our ids per sample, to be compared with llama.cpp's in the tests."""
    lines = [
        f"{zlib.crc32(repr(tokenizer.encode(text).ids).encode()):08x}"
        for text in tokenizer_samples()
    ]
    target.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _tensors(state: dict[str, torch.Tensor], shape: Shape) -> list[tuple[str, np.ndarray]]:
    """Rename and split the weights as llama.cpp names them."""
    plain = {name: value.detach().float().cpu().numpy() for name, value in state.items()}
    tensors = [
        ("token_embd.weight", plain["embedding.weight"]),
        ("output_norm.weight", plain["norm.weight"]),
    ]
    for layer in range(shape.layers):
        ours, theirs = f"blocks.{layer}", f"blk.{layer}"
        query, key, value = np.split(plain[f"{ours}.qkv.weight"], 3)
        gate, up = np.split(plain[f"{ours}.gate_up.weight"], 2)
        tensors += [
            (f"{theirs}.attn_norm.weight", plain[f"{ours}.attention_norm.weight"]),
            (f"{theirs}.attn_q.weight", query),
            (f"{theirs}.attn_k.weight", key),
            (f"{theirs}.attn_v.weight", value),
            (f"{theirs}.attn_output.weight", plain[f"{ours}.attention_out.weight"]),
            (f"{theirs}.ffn_norm.weight", plain[f"{ours}.feed_norm.weight"]),
            (f"{theirs}.ffn_gate.weight", gate),
            (f"{theirs}.ffn_up.weight", up),
            (f"{theirs}.ffn_down.weight", plain[f"{ours}.down.weight"]),
        ]
    return tensors
