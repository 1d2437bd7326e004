"""A hundred users on one engine: nothing lost or crossed, nothing grows, then it leaves."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from pathlib import Path

from tests.figures import Figures
from tests.integration.engine.conftest import Own, gone
from tests.long import chains_gguf, crowd
from tests.long.watching import Watch, sample
from tests.waiting import until

MIB = 2**20


def test_a_hundred_users(
    own_engine: Callable[..., Own],
    tmp_path: Path,
    figures: Figures,
    lasting: Callable[[float, float], float],
) -> None:
    own = own_engine(idle="15s")  # it is looked at after its last answer
    own.store.add_gguf(crowd.MODEL, chains_gguf.write(tmp_path / "chains.gguf"))
    seconds, warm_up, growth_bound = lasting(35, 1800), lasting(12, 120), lasting(0.25, 0.05)
    token = str(own.info.token)
    asyncio.run(crowd.gather(own.info.url, token, 4, 1))  # the model is loaded, all is imported
    _fill_the_prompt_cache(own, lasting(0, 120))
    pids = [own.info.pid, own.pid_of(crowd.MODEL)]
    before = sample(pids, 0)

    with Watch(lambda: pids, lasting(0.5, 3)) as watch:
        tally = asyncio.run(crowd.gather(own.info.url, token, chains_gguf.USERS, seconds))
    until(lambda: own.status()["loaded"][0]["free_slots"] == 2)
    assert own.pid_of(crowd.MODEL) == pids[1], "the model process was not the same all the time"
    own.http.close()
    files = until(lambda: _back_to(pids, before.files), 30)

    span = min(warm_up, (seconds - warm_up) / 2)
    first = watch.memory(warm_up, warm_up + span)
    last = watch.memory(seconds - span, seconds)
    growth = last / first - 1
    minutes = f"{seconds / 60:.0f} min" if seconds >= 60 else f"{seconds:.0f} s"
    busy = f"{chains_gguf.USERS} users, {minutes}"
    enough = lasting(20, 100)  # the short form runs on machines that do much else
    figures(f"load: answers, {busy}", tally.right, f"> {enough}", tally.right > enough)
    figures("load: left early / refused (503)", f"{tally.left} / {tally.refused}", "any", True)
    figures("load: answers lost", len(tally.lost), 0, not tally.lost)
    figures("load: answers crossed", len(tally.crossed), 0, not tally.crossed)
    figures(
        "load: memory after warm-up → at the end",
        f"{first / MIB:.0f} → {last / MIB:.0f} MiB ({growth:+.1%})",
        f"≤ {growth_bound:+.0%}",
        growth <= growth_bound,
    )
    figures("load: open files before → after", f"{before.files} → {files}", "+5", True)
    threads = max(each.threads for each in watch.samples)
    figures(
        "load: threads, most", threads, f"{before.threads} + 40", threads <= before.threads + 40
    )
    print(*(tally.lost + tally.crossed)[:20], sep="\n")
    for each in watch.samples[:: max(1, len(watch.samples) // 30)]:
        print(f"{each.at_s:6.0f} s", *(f"{size / MIB:6.1f} MiB" for size in each.memory))

    until(lambda: all(gone(pid) for pid in pids), 60)
    figures("load: idle exit, all processes gone", "yes", "yes", True)
    assert os.getpid() not in pids


def _fill_the_prompt_cache(own: Own, prompts: int) -> None:
    """Ask about as much as llama.cpp keeps of prompts (256 MiB): it is meant to fill."""
    options = {"temperature": 0, "num_predict": 1}
    for number in range(prompts):
        body = {"model": crowd.MODEL, "prompt": f"{number} " * 250, "options": options}
        own.http.post("/api/generate", json={**body, "raw": True, "stream": False})


def _back_to(pids: list[int], files: int) -> int:
    now = sample(pids, 0).files
    return now if now <= files + 5 else 0
