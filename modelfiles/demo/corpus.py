"""Code to learn from: the running interpreter's standard library and hand-made one-liners.

Contract: ``library_sources`` lists the texts (the Python Software Foundation's, under the PSF
licence); ``code_document`` turns one of them, or a made-up snippet, into a fill-in-the-middle
document. Everything is drawn from the ``random.Random`` that is handed in.
"""

from __future__ import annotations

import random
import sysconfig
from dataclasses import dataclass
from pathlib import Path

from one_liners import snippet
from tokenizer import END_OF_TEXT, FIM_MIDDLE, FIM_PREFIX, FIM_SUFFIX, SPECIAL_TOKENS
from tokenizers import Tokenizer

SKIPPED_FOLDERS = {"site-packages", "dist-packages", "test", "tests", "idle_test", "__pycache__"}
SMALL_WINDOW = (150, 1300)
LARGE_WINDOW = (1800, 3600)
LARGE_SHARE = 0.06
PLAIN_SHARE = 0.12
READ_WEIGHT = 0.5
MIDDLE_WEIGHT = 2.0
PSM_SHARE = 0.65
CLOSERS = ")]}:\"'"


@dataclass(frozen=True)
class Document:
    """Token ids, and how much each of them counts in the loss (0: only read)."""

    ids: list[int]
    weights: list[float]


def library_sources() -> list[str]:
    """Return the standard library's sources in a fixed order, tests left out."""
    root = Path(sysconfig.get_paths()["stdlib"])
    files = sorted(
        path
        for path in root.rglob("*.py")
        if not SKIPPED_FOLDERS.intersection(path.relative_to(root).parts)
    )
    texts = [path.read_text(encoding="utf-8", errors="ignore") for path in files]
    return [text for text in texts if len(text) > 400 and "# -*- coding" not in text[:200]]


def pieces_document(
    tokenizer: Tokenizer, pieces: list[tuple[str, float]], limit: int
) -> Document | None:
    """Encode each piece by itself: special tokens split the text in llama.cpp just so."""
    ids: list[int] = []
    weights: list[float] = []
    for text, weight in pieces:
        special = text in SPECIAL_TOKENS
        new = [SPECIAL_TOKENS.index(text)] if special else tokenizer.encode(text).ids
        ids += new
        weights += [weight] * len(new)
    return Document(ids, weights) if 2 < len(ids) <= limit else None


def code_document(
    rng: random.Random, tokenizer: Tokenizer, library: str, limit: int, snippet_share: float
) -> Document | None:
    """Draw one document: a made-up snippet, or a window of ``library`` (all sources joined)."""
    if rng.random() < snippet_share:
        return pieces_document(tokenizer, _middle(rng, *snippet(rng)), limit)
    low, high = LARGE_WINDOW if rng.random() < LARGE_SHARE else SMALL_WINDOW
    size = rng.randint(low, high)
    start = rng.randrange(len(library) - size)
    start = library.rfind("\n", 0, start) + 1
    lines = library[start : start + size].split("\n")[:-1]
    if len(lines) < 3:
        return None
    if rng.random() < PLAIN_SHARE:
        return pieces_document(tokenizer, [("\n".join(lines) + "\n", 1.0)], limit)
    candidates = [i for i, line in enumerate(lines) if line.strip() and len(line) < 100]
    if not candidates:
        return None
    at = rng.choice(candidates)
    more = rng.randint(1, 3) if rng.random() < 0.15 else 0
    if rng.random() < 0.25:
        lines = lines[: at + more + 1]
    before = "".join(line + "\n" for line in lines[:at])
    after = "".join("\n" + line for line in lines[at + more + 1 :])
    return pieces_document(
        tokenizer, _middle(rng, before, "\n".join(lines[at : at + more + 1]), after), limit
    )


def _middle(rng: random.Random, before: str, line: str, after: str) -> list[tuple[str, float]]:
    """Cut ``line`` somewhere and lay it out in one of the two orders that are used."""
    first = line.split("\n", 1)[0]
    cut = rng.randint(0, len(first))
    if rng.random() < 0.25:
        cut = len(first) - len(first.lstrip())
    typed, rest = line[:cut], line[cut:]
    if rest and rest[-1] in CLOSERS[:3] and "\n" not in rest and rng.random() < 0.25:
        # Editors close brackets by themselves: then the closer stands after the cursor.
        rest, after = rest[:-1], rest[-1] + after
    elif after and rng.random() < 0.1:
        after = after.lstrip("\n")
    read, said = READ_WEIGHT, MIDDLE_WEIGHT
    if rng.random() < PSM_SHARE:
        head = [(FIM_PREFIX, 0.0), (before + typed, read), (FIM_SUFFIX, 0.0), (after, read)]
        return [*head, (FIM_MIDDLE, 0.0), (rest, said), (END_OF_TEXT, said)]
    head = [(FIM_PREFIX, 0.0), (before, read), (FIM_SUFFIX, 0.0), (after, read)]
    return [*head, (FIM_MIDDLE, 0.0), (typed, read), (rest, said), (END_OF_TEXT, said)]
