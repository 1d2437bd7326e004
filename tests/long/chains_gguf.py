"""A GGUF whose answer tells who asked: each of many users has a round of words of their own.

The last token of a prompt decides all: after ``mark(7)`` comes user 7's first word, after that
the second, and after the last one the first again, without end. No rounding, batch or cache can
change an answer (:mod:`tests.integration.engine.following_gguf`); only another's prompt can. The
fill-in-the-middle prompt is one of a family that wants the prefix last.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from tests.integration.engine import following_gguf
from tests.integration.engine.tiny_gguf import byte_tokens

USERS, WORDS = 100, 6
_SPECIAL = ("<|endoftext|>", "<|end|>", "<|pre|>", "<|suf|>")
_TEMPLATE = "{% for message in messages %}{{ message['content'] }}{% endfor %}"


def mark(user: int) -> str:
    """Return what a prompt of this user ends with."""
    return f"<u{user}>"


def answer(user: int, tokens: int) -> str:
    """Return what so many tokens of an answer to this user are."""
    return "".join(islice(_round(user), tokens))


def _round(user: int) -> Iterator[str]:
    while True:
        for word in range(WORDS):
            yield _word(user, word)


def _word(user: int, word: int) -> str:
    return f" {user}.{word}"


def write(path: Path) -> Path:
    spelled = byte_tokens()
    marks = [mark(user) for user in range(USERS)]
    words = [
        "".join(spelled[byte] for byte in _word(user, word).encode())
        for user in range(USERS)
        for word in range(WORDS)
    ]
    tokens = [*spelled, *_SPECIAL, *marks, *words]
    first_mark = 256 + len(_SPECIAL)
    first_word = first_mark + USERS
    following = dict.fromkeys(range(len(tokens)), 257)  # whatever else is asked: the end
    for user in range(USERS):
        begin = first_word + user * WORDS
        following[first_mark + user] = begin
        for word in range(WORDS):
            following[begin + word] = begin + (word + 1) % WORDS
    return following_gguf.write(
        path,
        tokens,
        [1] * 256 + [3] * len(_SPECIAL) + [4] * USERS + [1] * len(words),
        following,
        name="codestral chains",
        end=257,
        width=1024,
        kv_heads=8,  # large, so that prompts soon fill llama.cpp's cache of them
        template=_TEMPLATE,
        fim={"pre": 258, "suf": 259},
    )
