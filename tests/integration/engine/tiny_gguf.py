"""A GGUF of random weights that never ends by itself: for tests of time, not of meaning.

Byte tokens, a long context, ChatML, fill-in-the-middle tokens. Only printable ASCII has
rows other than zero in the output matrix, so that at temperature 0 nothing else is ever the
likeliest: one character per token, and no end. Files of different names differ in their
bytes: two names of the same bytes are one model in memory, which bears the name used first.
"""

from __future__ import annotations

from pathlib import Path

import gguf
import numpy as np

CONTEXT = 16384
_WIDTH, _LAYERS, _HEADS, _FEED = 64, 2, 2, 128
_SPECIAL = (
    "<|endoftext|>",
    "<|im_start|>",
    "<|im_end|>",
    "<|fim_prefix|>",
    "<|fim_suffix|>",
    "<|fim_middle|>",
)
CHAT_TEMPLATE = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\\n' + "
    "message['content'] + '<|im_end|>\\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)


def byte_tokens() -> list[str]:
    """GPT-2's visible spelling of the 256 bytes."""
    visible = [*range(33, 127), *range(161, 173), *range(174, 256)]
    spelled = {byte: chr(byte) for byte in visible}
    hidden = [byte for byte in range(256) if byte not in spelled]
    spelled |= {byte: chr(256 + index) for index, byte in enumerate(hidden)}
    return [spelled[byte] for byte in range(256)]


def write(
    path: Path,
    *,
    seed: int = 0,
    context: int = CONTEXT,
    fim: bool = True,
    split: int = 0,
    add_bos: bool = False,
) -> Path:
    """Write the model to ``path``; with ``split``, in files of so many tensors beside it."""
    out = gguf.GGUFWriter(path, "llama", split_max_tensors=split)
    out.add_name(path.stem)
    out.add_context_length(context)
    out.add_embedding_length(_WIDTH)
    out.add_block_count(_LAYERS)
    out.add_feed_forward_length(_FEED)
    out.add_head_count(_HEADS)
    out.add_head_count_kv(_HEADS)
    out.add_layer_norm_rms_eps(1e-5)
    out.add_rope_dimension_count(_WIDTH // _HEADS)
    out.add_file_type(0)
    special = [token if fim else token.replace("fim", "not") for token in _SPECIAL]
    tokens = [*byte_tokens(), *special]
    first = 256
    out.add_tokenizer_model("gpt2")
    out.add_tokenizer_pre("gpt-2")
    out.add_token_list(tokens)
    out.add_token_types([1] * first + [3] * len(_SPECIAL))
    out.add_token_merges(["h e"])
    out.add_eos_token_id(first + 2)
    out.add_bos_token_id(first)
    out.add_add_bos_token(add_bos)
    if fim:
        out.add_uint32("tokenizer.ggml.fim_pre_token_id", first + 3)
        out.add_uint32("tokenizer.ggml.fim_suf_token_id", first + 4)
        out.add_uint32("tokenizer.ggml.fim_mid_token_id", first + 5)
    out.add_chat_template(CHAT_TEMPLATE)
    _add_tensors(out, len(tokens), np.random.default_rng(seed))
    out.write_header_to_file()
    out.write_kv_data_to_file()
    out.write_tensors_to_file()
    out.close()
    return path


def _add_tensors(out: gguf.GGUFWriter, vocabulary: int, random: np.random.Generator) -> None:
    def matrix(rows: int, columns: int) -> np.ndarray:
        return random.normal(0, 0.2, (rows, columns)).astype(np.float32)

    ones = np.ones(_WIDTH, dtype=np.float32)
    out.add_tensor("token_embd.weight", matrix(vocabulary, _WIDTH))
    head = matrix(vocabulary, _WIDTH)
    head[[*range(32), *range(127, vocabulary)]] = 0
    out.add_tensor("output.weight", head)
    out.add_tensor("output_norm.weight", ones)
    for layer in range(_LAYERS):
        out.add_tensor(f"blk.{layer}.attn_norm.weight", ones)
        out.add_tensor(f"blk.{layer}.ffn_norm.weight", ones)
        for name in ("attn_q", "attn_k", "attn_v", "attn_output"):
            out.add_tensor(f"blk.{layer}.{name}.weight", matrix(_WIDTH, _WIDTH))
        out.add_tensor(f"blk.{layer}.ffn_gate.weight", matrix(_FEED, _WIDTH))
        out.add_tensor(f"blk.{layer}.ffn_up.weight", matrix(_FEED, _WIDTH))
        out.add_tensor(f"blk.{layer}.ffn_down.weight", matrix(_WIDTH, _FEED))


def write_adapter(path: Path, *, rank: int = 4, seed: int = 1, strength: float = 1.0) -> Path:
    """Write a LoRA adapter for the model to ``path``, strong enough to change its words."""
    out = gguf.GGUFWriter(path, "llama")
    out.add_string("general.type", "adapter")
    out.add_string("adapter.type", "lora")
    out.add_float32("adapter.lora.alpha", float(rank))
    random = np.random.default_rng(seed)
    for layer in range(_LAYERS):
        for name in ("attn_q", "attn_v", "attn_output"):
            for part, shape in (("a", (rank, _WIDTH)), ("b", (_WIDTH, rank))):
                tensor = random.normal(0, strength, shape).astype(np.float32)
                out.add_tensor(f"blk.{layer}.{name}.weight.lora_{part}", tensor)
    out.write_header_to_file()
    out.write_kv_data_to_file()
    out.write_tensors_to_file()
    out.close()
    return path
