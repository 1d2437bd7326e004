"""The demo model's tokenizer: byte-level BPE with the ``qwen2`` pre-tokenizer.

Contract: ``train_tokenizer`` learns the merges from text; ``load`` reads the saved JSON. The
splitting expression is the one that llama.cpp runs for ``tokenizer.ggml.pre = "qwen2"``; a
different one here would give other ids in training than in use (the integration test compares
both on thousands of strings).
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

VOCABULARY_SIZE = 4096
PRE_TOKENIZER = "qwen2"
SPLIT = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)

END_OF_TEXT = "<|endoftext|>"
TURN_START = "<|im_start|>"
TURN_END = "<|im_end|>"
FIM_PREFIX = "<|fim_prefix|>"
FIM_SUFFIX = "<|fim_suffix|>"
FIM_MIDDLE = "<|fim_middle|>"
SPECIAL_TOKENS = (END_OF_TEXT, TURN_START, TURN_END, FIM_PREFIX, FIM_SUFFIX, FIM_MIDDLE)
"""Their ids are 0 to 5, in this order."""

CHAT_TEMPLATE = (
    "{% for message in messages %}"
    "{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>\\n' }}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)
"""ChatML without a default system message: what is sent is all that the model sees."""


def train_tokenizer(texts: Iterable[str], target: Path) -> Tokenizer:
    """Learn a vocabulary from ``texts`` and save it as ``target``."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(SPLIT), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY_SIZE,
        special_tokens=list(SPECIAL_TOKENS),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    if tokenizer.get_vocab_size() != VOCABULARY_SIZE:
        raise ValueError(f"too little text: only {tokenizer.get_vocab_size()} tokens")
    tokenizer.save(str(target))
    return tokenizer


def load(path: Path) -> Tokenizer:
    """Read a saved tokenizer."""
    return Tokenizer.from_file(str(path))


def vocabulary_and_merges(path: Path) -> tuple[list[str], list[str]]:
    """Return the tokens in id order and the merges as GGUF wants them ("left right")."""
    model = json.loads(path.read_text(encoding="utf-8"))["model"]
    tokens = [token for token, _ in sorted(model["vocab"].items(), key=lambda item: item[1])]
    merges = [m if isinstance(m, str) else " ".join(m) for m in model["merges"]]
    return tokens, merges
