"""A question with the passages that answer it, and where these stand.

Contract: pure. The passages go in front of the question, numbered, as many as fit into the
tokens given; :func:`sources` lists the same numbers with file and place, so that an answer
can be checked.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path

from local_assistant.lab.learn.index import Hit

INSTRUCTION = (
    "Answer from the numbered passages, and name the numbers you used, like [1]. "
    "If they do not hold the answer, say so."
)


def question_text(
    question: str, hits: Sequence[Hit], root: Path, room: int, cost: Callable[[str], int]
) -> tuple[str, list[Hit]]:
    """Return the message for the model, and the passages that it holds.

    Args:
        question: what the user asked.
        hits: passages, the best first.
        root: names of files are shown from here.
        room: tokens for the passages.
        cost: how many tokens a text has.
    """
    blocks: list[str] = []
    used: list[Hit] = []
    for hit in hits:
        block = f"[{len(used) + 1}] {shown(hit, root)}\n{hit.passage.text}\n\n"
        room -= cost(block)
        if room < 0:
            break
        blocks.append(block)
        used.append(hit)
    return f"{''.join(blocks)}{INSTRUCTION}\n\nQuestion: {question}", used


def sources(used: Sequence[Hit], root: Path) -> list[str]:
    """Return a line for each passage, with the number that the model saw."""
    return [f"[{number}] {shown(hit, root)}" for number, hit in enumerate(used, 1)]


def shown(hit: Hit, root: Path) -> str:
    """Return where a passage stands: file and place."""
    return f"{shown_path(hit.path, root)}, {hit.passage.place}"


def shown_path(path: str, root: Path) -> str:
    """Return a path as the file browser shows it, or whole where it lies elsewhere."""
    file = Path(path)
    return str(file.relative_to(root)).replace(os.sep, "/") if file.is_relative_to(root) else path
