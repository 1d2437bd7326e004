"""``python -m benchmarks chat`` (part of ``make bench-chat``): the figures of the chat.

Contract: two real Jupyter servers, ours and one with Jupyternaut, on one engine and one model of
qwen2.5-coder-1.5b's shape. They take turns; every answer is in a new chat, whose question begins
with a letter of its own, so that nobody finds its words in the model's cache.
"""

from __future__ import annotations

import asyncio
import statistics
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from string import ascii_letters
from tempfile import TemporaryDirectory

from benchmarks.chat import explain, servers
from benchmarks.chat.turns import Asked, Asker, Conversation
from benchmarks.figures import Figure

ROUNDS = 2
"""Of Jupyternaut: it reads its instructions for minutes. There is no second one where the first
has taken longer than this:"""
_PATIENCE_S = 150
_TIMES_FASTER = 20
_BESIDE_RAW_MS = 50
_EXPLAINED = 4
_READ_AGAIN = 8
"""Tokens of the first message's end that a server may read again: the last one always is, and an
answer's words can be cut into other tokens when they are read than when they were written."""


def measure(runs: int) -> list[Figure]:
    """Measure all; it takes some minutes, most of them Jupyternaut's."""
    with TemporaryDirectory(prefix="assistant-chat-") as name, ExitStack() as stack:
        folder = Path(name)
        _say("chat: starting the engine and two Jupyter servers")
        engine = stack.enter_context(servers.running_engine(folder / "engine"))
        peer = servers.jupyternaut(engine.url, folder / "jupyternaut")
        lab = servers.ours(engine.url, folder / "ours")
        for each in (peer, lab):
            stack.enter_context(each)
        return asyncio.run(_measure(Asker(engine, lab, peer), runs))


async def _measure(asker: Asker, runs: int) -> list[Figure]:
    letters = iter(ascii_letters)
    theirs: list[Conversation] = []
    later: Asked | None = None
    pairs: list[tuple[Conversation, Asked]] = []
    while not theirs or (len(theirs) < ROUNDS and theirs[0].first.first_s < _PATIENCE_S):
        servers.load(asker.engine)
        theirs.append(await asker.jupyternaut(next(letters)))
        _say(f"chat: Jupyternaut {len(theirs)}: {theirs[-1]}")
        if later is None:
            later = await asker.jupyternaut_once(next(letters))
            _say(f"chat: Jupyternaut in a next new chat: {later}")
        servers.load(asker.engine)
        await asker.open_page()
        for _ in range(runs):
            pairs.append((await asker.ours(next(letters)), await asker.raw(next(letters))))
            _say(f"chat: ours {len(pairs)}: {pairs[-1][0]}; raw {pairs[-1][1]}")
    assert later is not None
    return [
        *_first(pairs, theirs, later),
        *_second([ours for ours, _ in pairs], theirs),
        await explain.measure(asker, min(runs, _EXPLAINED)),
    ]


def _first(
    pairs: list[tuple[Conversation, Asked]], theirs: list[Conversation], later: Asked
) -> Iterator[Figure]:
    ours = statistics.median(conversation.first.first_s for conversation, _ in pairs)
    raw = statistics.median(asked.first_s for _, asked in pairs)
    peer = statistics.median(conversation.first.first_s for conversation in theirs)
    read, raw_read = pairs[-1][0].first.evaluated, pairs[-1][1].evaluated
    yield Figure(
        "chat: first token of the first message, ours : Jupyternaut", ours / peer,
        1 / _TIMES_FASTER, "",
        f"{ours:.2f} s ({read} tokens read) : {peer:.1f} s ({theirs[-1].first.evaluated}), "
        f"{len(pairs)} and {len(theirs)} chats",
    )  # fmt: skip
    yield Figure(
        "chat: the same, added to the raw call", 1000 * (ours - raw), _BESIDE_RAW_MS, "ms",
        f"{1000 * ours:.0f} ms ({read} tokens read), raw {1000 * raw:.0f} ms ({raw_read})",
    )  # fmt: skip
    yield Figure(
        "chat: Jupyternaut's next new chat", later.first_s, None, "s",
        f"while its instructions are in the model's cache: {later.evaluated} tokens read",
    )  # fmt: skip


def _second(ours: list[Conversation], theirs: list[Conversation]) -> Iterator[Figure]:
    again = [conversation.read_again for conversation in ours]
    last, peer = ours[-1], theirs[-1]
    yield Figure(
        "chat: second message, tokens read beyond the new ones", max(again), _READ_AGAIN, "",
        f"{last.second.evaluated} read, {last.new} new, {last.second.cached} from the cache; "
        f"the most in {len(ours)} chats",
    )  # fmt: skip
    yield Figure(
        "chat: the same, Jupyternaut", peer.read_again, None, "",
        f"{peer.second.evaluated} read, {peer.new} new, {peer.second.cached} from the cache; "
        f"first token {peer.second.first_s:.1f} s, ours {last.second.first_s:.2f} s",
    )  # fmt: skip


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
