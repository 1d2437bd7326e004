"""The running engine and its own time to a first token, for the benchmarks to compare with."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from local_assistant import paths
from local_assistant.config import load_config
from local_assistant.engine.launch import stop_engine
from local_assistant.lab.prompts import system_prompt
from local_assistant.server import Choice, choose
from local_assistant.server.client import Client

PROMPT = "Write a function that returns all primes up to n"


def first_token_s(choice: Choice, *, to_the_end: bool = False) -> float:
    """Return the seconds from sending the raw call to its first token.

    With ``to_the_end`` the call returns when the answer is whole; else it is broken off.
    """
    body = {
        "model": choice.model,
        "messages": [
            {"role": "system", "content": system_prompt()},
            {"role": "user", "content": PROMPT},
        ],
        "options": {"temperature": 0},
    }
    first = 0.0
    start = time.perf_counter()
    with Client(choice.endpoint).stream("/api/chat", body) as stream:
        for part in stream:
            if part["message"]["content"]:
                first = first or time.perf_counter() - start
                if not to_the_end:
                    break
    if not first:
        raise RuntimeError(f"{choice.model} answered nothing")
    return first


@contextmanager
def running_demo() -> Iterator[Choice]:
    """The engine with the demo model loaded and configured; stopped at the end."""
    path = paths.user_config_file()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text('[server]\nkind = "embedded"\n[models]\npreset = "demo"\n', encoding="utf-8")
    choice = choose("chat", load_config().config)
    try:
        first_token_s(choice)
        yield choice
    finally:
        stop_engine()
