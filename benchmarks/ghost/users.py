"""Many typists on one engine: each with a completion service of its own, as each has a
Jupyter server of its own on a hub.

Contract: what they type differs from user to user and is the same on every run; a user types
ten keys, waits for ghost text, reads it, and goes on. Latency is from the request to the
first text (to the answer's end where the model has nothing to say).
"""

from __future__ import annotations

import asyncio
import random
import statistics
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from benchmarks.figures import Figure
from benchmarks.ghost.clients import MODEL, configure_ours
from benchmarks.ghost.serving import served
from local_assistant.lab.completion.request import CompletionRequest
from local_assistant.lab.completion.service import Asked, Service
from modelfiles.demo.one_liners import snippet

_TYPING_S = 10 * 0.12
_READING_S = 0.5
_USERS = 50
_ROUNDS = 6
_ALONE_ROUNDS = 24
_MAX_RATIO = 3.0
_SWEEP = (2, 3, 4, 6, 8, 12, 16, 24, 32)


@dataclass(frozen=True)
class Answer:
    text: str
    seconds: float


@dataclass(frozen=True)
class Crowd:
    """What ``len(answers)`` users saw; one list for each."""

    answers: list[list[Answer]]

    @property
    def p95_s(self) -> float:
        seconds = [answer.seconds for user in self.answers for answer in user]
        return statistics.quantiles(seconds, n=20, method="inclusive")[-1]


def requests_of(user: int, rounds: int) -> list[CompletionRequest]:
    """Return what a user asks: two pauses in each of some lines of code."""
    rng = random.Random(user)
    found = []
    for _ in range(rounds):
        before, line, after = snippet(rng)
        blanks = [i + 1 for i, char in enumerate(line) if char in " (."] or [len(line) // 2]
        for cut in sorted({blanks[0], blanks[-1]}):
            found.append(
                CompletionRequest(
                    page=f"user-{user}", trigger="auto", path="", mime="text/x-python",
                    kind="file", cell_type="code", prefix=before + line[:cut], suffix=after,
                )
            )  # fmt: skip
    return found


async def _one_user(user: int, rounds: int, *, pace: bool) -> list[Answer]:
    service, answers = Service(), []
    try:
        if pace:
            await asyncio.sleep(random.Random(-user - 1).uniform(0, _TYPING_S + _READING_S))
        # The page has been open for a while: it has asked for the model when it was loaded.
        first_of_all = requests_of(-user - 1, 1)[0]
        async for _ in service.lines(Asked(first_of_all)):
            pass
        if pace:
            await asyncio.sleep(_TYPING_S + _READING_S)
        for request in requests_of(user, rounds):
            begin, text, first = time.perf_counter(), "", 0.0
            async for line in service.lines(Asked(request)):
                first = first or time.perf_counter() - begin
                text += line.get("text", "")
                if line.get("reason") in ("error", "no_model"):
                    raise RuntimeError(line["message"])
            answers.append(Answer(text, first))
            if pace:
                await asyncio.sleep(_TYPING_S + _READING_S)
    finally:
        await service.close()
    return answers


def crowd(users: int, rounds: int, *, pace: bool = True) -> Crowd:
    """Let ``users`` type at once."""

    async def work() -> Crowd:
        return Crowd(await asyncio.gather(*(_one_user(n, rounds, pace=pace) for n in range(users))))

    return asyncio.run(work())


def fifty(home: Path) -> list[Figure]:
    """Fifty users of the demo model, with a slot for each."""
    with served(home, "--parallel", str(_USERS)) as engine:
        engine.post("/api/copy", {"source": "assistant-demo", "destination": MODEL})
        engine.post("/api/generate", {"model": MODEL, "keep_alive": -1})
        configure_ours(engine.url)
        alone = crowd(1, _ALONE_ROUNDS)
        expected = [crowd_of_one(user) for user in range(_USERS)]
        together = crowd(_USERS, _ROUNDS)
    own = [[answer.text for answer in user] for user in expected]
    pairs = [
        (answer.text, own[user][index], user)
        for user, answers in enumerate(together.answers)
        for index, answer in enumerate(answers)
    ]
    others = {text for texts in own for text in texts if text}
    crossed = sum(text != mine and text in others for text, mine, _ in pairs)
    differing = sum(text != mine for text, mine, _ in pairs)
    ratio = together.p95_s / alone.p95_s
    how = f"p95 {together.p95_s * 1000:.0f} ms, one user's {alone.p95_s * 1000:.0f} ms"
    what = f"of {len(pairs)}; {differing} differ from what the same user gets alone"
    return [
        Figure(f"{_USERS} typists / one, p95, demo model", ratio, _MAX_RATIO, "x", how),
        Figure("answers that are another user's", crossed, 0, "", what),
    ]


def crowd_of_one(user: int) -> list[Answer]:
    """Return what this user gets with nobody else there, without the pauses."""
    return asyncio.run(_one_user(user, _ROUNDS, pace=False))


def how_many(home: Path) -> list[Figure]:
    """The number of users at which the p95 reaches three times one user's."""
    with served(home, "--parallel", str(_SWEEP[-1]), "--max-tokens", "64") as engine:
        engine.post("/api/generate", {"model": MODEL, "keep_alive": -1})
        configure_ours(engine.url)
        alone = crowd(1, _ROUNDS).p95_s
        reached, last = 0, 1.0
        for users in _SWEEP:
            last = crowd(users, _ROUNDS).p95_s / alone
            print(f"{users} typists: p95 {last:.1f}x one user's", file=sys.stderr, flush=True)
            reached = users
            if last >= _MAX_RATIO:
                break
    how = f"p95 {last:.1f}x of one user's {alone * 1000:.0f} ms, 0.5B shape, 64 tokens each"
    return [Figure("typists at which p95 reaches 3x", reached, None, "", how)]
