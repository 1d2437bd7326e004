"""What no model should say, and some do: for tests of what chat and ``%%ai`` make of it."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator

from tests.integration.magics.odd_server import Reply, Request


def noise(request: Request) -> None:
    request.raw(bytes(range(256)) * 8 + b"\n")


def other_json(request: Request) -> None:
    for value in ([1, 2], "text", 3, None):
        request.line(value)


def wrong_types(request: Request) -> None:
    request.line({"message": ["no", "object"], "done": False})
    request.line({"message": {"content": {"not": "text"}}, "done": False})
    request.line({"message": None, "done_reason": 7, "done": True})


def hangs_up(request: Request) -> None:
    request.say("The answer is")


def error_within(request: Request) -> None:
    request.say("The answer is")
    request.line({"error": "the model's process ended"})


def thinks_only(request: Request) -> None:
    for _ in range(20):
        request.say("", thinking="Hmm. ")
    request.done()


def never_ends(request: Request) -> None:
    while True:
        request.say("again and again, ")


def never_ends_fast(request: Request) -> None:
    while True:
        request.say("again and again, " * 100)


@contextlib.contextmanager
def held_back() -> Iterator[tuple[Reply, Callable[[], None]]]:
    """Give a reply that is not at its end before the function beside it is called."""
    go_on = threading.Event()

    def reply(request: Request) -> None:
        request.say("Well.")
        assert go_on.wait(60)
        request.done()

    try:
        yield reply, go_on.set
    finally:
        go_on.set()


def silent(request: Request) -> None:
    request.server.odd.left.wait(60)


REFUSED: list[tuple[Reply, str]] = [
    ("", "gave an empty answer"),
    (" \n\n\t", "gave an empty answer"),
    ("<think>So much to say.</think>", "gave an empty answer"),
    (thinks_only, "gave an empty answer"),
    (noise, "not a model server"),
    (other_json, "not a model server"),
    (hangs_up, "stopped in the middle of the answer"),
    (error_within, "the model's process ended"),
]
"""Replies, and what is said of each in a sentence."""
