"""A GGUF in which each token leads to one other, whatever stands in front of it.

The embedding of each token is a unit vector, attention and feed-forward add nothing, and the
output matrix leads from each token to the next. Every other likelihood is far away, so no
rounding, batch or cache can change an answer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import gguf
import numpy as np

_HEADS, _FEED = 8, 32


def write(
    path: Path,
    tokens: Sequence[str],
    types: Sequence[int],
    following: Mapping[int, int],
    *,
    name: str,
    end: int,
    width: int = 512,
    kv_heads: int = 1,
    template: str | None = None,
    fim: Mapping[str, int] | None = None,
    context: int = 4096,
) -> Path:
    """Write the model to ``path``.

    Args:
        tokens: the vocabulary; the bytes come first, then what begins a text.
        types: of the tokens, as GGUF counts them.
        following: for each token the next one.
        end: the token that ends an answer.
        width: how many tokens there may be.
        kv_heads: of its eight heads, those whose keys and values the caches hold.
        template: the chat template in the GGUF; ``None`` for none.
        fim: token ids by ``pre``, ``suf``, ``mid``.
        context: how many tokens it was "trained" for.
    """
    assert len(following) == len(tokens) <= width
    out = gguf.GGUFWriter(path, "llama")
    out.add_name(name)
    out.add_context_length(context)
    out.add_embedding_length(width)
    out.add_block_count(1)
    out.add_feed_forward_length(_FEED)
    out.add_head_count(_HEADS)
    out.add_head_count_kv(kv_heads)
    out.add_layer_norm_rms_eps(1e-5)
    out.add_rope_dimension_count(width // _HEADS)
    out.add_file_type(0)
    out.add_tokenizer_model("gpt2")
    out.add_tokenizer_pre("gpt-2")
    out.add_token_list(tokens)
    out.add_token_types(types)
    out.add_token_merges(["h e"])
    out.add_eos_token_id(end)
    out.add_bos_token_id(256)
    out.add_add_bos_token(False)
    for kind, token in (fim or {}).items():
        out.add_uint32(f"tokenizer.ggml.fim_{kind}_token_id", token)
    if template is not None:
        out.add_chat_template(template)
    _add_tensors(out, width, width // _HEADS * kv_heads, following)
    out.write_header_to_file()
    out.write_kv_data_to_file()
    out.write_tensors_to_file()
    out.close()
    return path


def _add_tensors(
    out: gguf.GGUFWriter, width: int, kv_width: int, following: Mapping[int, int]
) -> None:
    def zeros(rows: int, columns: int) -> np.ndarray:
        return np.zeros((rows, columns), dtype=np.float32)

    size = len(following)
    ones = np.ones(width, dtype=np.float32)
    out.add_tensor("token_embd.weight", np.eye(size, width, dtype=np.float32))
    head = zeros(size, width)
    for token, after in following.items():
        head[after, token] = 1
    out.add_tensor("output.weight", head)
    for name in ("output_norm", "blk.0.attn_norm", "blk.0.ffn_norm"):
        out.add_tensor(f"{name}.weight", ones)
    for name, rows in (("q", width), ("k", kv_width), ("v", kv_width)):
        out.add_tensor(f"blk.0.attn_{name}.weight", zeros(rows, width))
    out.add_tensor("blk.0.attn_output.weight", zeros(width, width))
    out.add_tensor("blk.0.ffn_gate.weight", zeros(_FEED, width))
    out.add_tensor("blk.0.ffn_up.weight", zeros(_FEED, width))
    out.add_tensor("blk.0.ffn_down.weight", zeros(width, _FEED))
