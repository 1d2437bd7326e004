"""Made-up vocabularies for random weights: valid, of Qwen2.5's size and special tokens.

Contract: :func:`letters` knows two, three and four letters in a row, so that every client can
count on the same token boundaries (a space, a mark and a digit are tokens of their own): about
1.5 characters per token. :func:`words` learns the most frequent words of the standard library's
sources, with the space or mark in front of them as real vocabularies do: about 3.2 characters
per token in English, Python and JSON (real ones: 4.2). Use it where prompts are compared by how
long they take to read.
"""

from __future__ import annotations

import itertools
import re
import string
import sysconfig
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

SIZE = 151_936
FIRST_SPECIAL = 151_643
SPECIAL = (
    "<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|object_ref_start|>", "<|object_ref_end|>",
    "<|box_start|>", "<|box_end|>", "<|quad_start|>", "<|quad_end|>", "<|vision_start|>",
    "<|vision_end|>", "<|vision_pad|>", "<|image_pad|>", "<|video_pad|>", "<tool_call>",
    "</tool_call>", "<|fim_prefix|>", "<|fim_middle|>", "<|fim_suffix|>", "<|fim_pad|>",
    "<|repo_name|>", "<|file_sep|>",
)  # fmt: skip

_PIECE = re.compile(r"[^\r\nA-Za-z0-9]?[A-Za-z]+| ?[^\sA-Za-z0-9]+")
"""What Qwen2's tokenizer never merges across, but spaces and digits."""
_SOURCES = 1500

Vocabulary = tuple[list[str], list[str]]
"""Tokens and merges, as GGUF keeps them."""


def letters() -> Vocabulary:
    """Byte tokens, then two, three and four letters in a row, each merged from the last."""

    def pairs() -> Iterator[tuple[str, str]]:
        for length in (2, 3, 4):
            for each in itertools.product(string.ascii_lowercase, repeat=length):
                word = "".join(each)
                yield word[:-1], word[-1]

    return _filled(pairs())


def words() -> Vocabulary:
    """Byte tokens, runs of spaces, then every beginning of the most frequent words."""
    counts: Counter[str] = Counter()
    for path in sorted(Path(sysconfig.get_path("stdlib")).rglob("*.py"))[:_SOURCES]:
        counts.update(_PIECE.findall(path.read_text(encoding="utf-8", errors="ignore")))
    spelled = _spelling()
    wanted: dict[str, None] = {}
    for piece, _ in counts.most_common():
        word = "".join(spelled[byte] for byte in piece.encode())
        wanted.update((word[:end], None) for end in range(2, len(word) + 1))
        if len(wanted) > FIRST_SPECIAL - 300:
            break
    # A merge that comes first is made first: with the space or mark in front before anything
    # inside of the word, else the word would fall into pieces.
    ordered = sorted(wanted, key=lambda word: word[0].isascii() and word[0].isalpha())
    space = spelled[ord(" ")]
    runs = [(space * half, space * half) for half in (1, 2, 4, 8)]
    return _filled([*runs, *((word[:-1], word[-1]) for word in ordered)])


def _filled(pairs: Iterable[tuple[str, str]]) -> Vocabulary:
    """Return the byte tokens, those merged from ``pairs`` while there is room, special ones."""
    spelled = _spelling()
    tokens = [spelled[byte] for byte in range(256)]
    merges: list[str] = []
    for head, last in itertools.islice(pairs, FIRST_SPECIAL - 256):
        tokens.append(head + last)
        merges.append(f"{head} {last}")
    tokens += [f"[UNUSED{number}]" for number in range(len(tokens), FIRST_SPECIAL)]
    tokens += SPECIAL
    tokens += [f"[PAD{number}]" for number in range(len(tokens), SIZE)]
    return tokens, merges


def _spelling() -> dict[int, str]:
    """Return the visible character that stands for each byte."""
    visible = [*range(33, 127), *range(161, 173), *range(174, 256)]
    spelled = {byte: chr(byte) for byte in visible}
    hidden = [byte for byte in range(256) if byte not in spelled]
    return spelled | {byte: chr(256 + index) for index, byte in enumerate(hidden)}
