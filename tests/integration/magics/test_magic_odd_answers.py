"""A model that answers garbage, nothing, or for ever: a sentence each, and the kernel lives on."""

from __future__ import annotations

import pytest

from tests.integration.magics.kernel import Kernel
from tests.integration.magics.odd_replies import REFUSED, never_ends, silent, wrong_types
from tests.integration.magics.odd_server import OddServer, Reply, Request
from tests.waiting import until


def _never_ends_a_line(request: Request) -> None:
    while True:
        request.raw(b"x" * 65536)


@pytest.mark.parametrize("form", ["markdown", "code", "text", "json", "math", "html"])
@pytest.mark.parametrize(("reply", "said"), REFUSED)
def test_it_is_said_in_a_sentence(
    odd_kernel: Kernel, odd: OddServer, reply: Reply, said: str, form: str
) -> None:
    odd.will_say(reply)
    cell = odd_kernel.run(f"%%ai -f {form}\nSay something")
    assert (cell.status, cell.stderr, cell.next_cells) == ("error", "", [])
    assert said in cell.error
    assert "Traceback" not in cell.error
    assert len(cell.error) < 300


@pytest.mark.parametrize(
    "reply",
    [
        "```" * 3_000,
        "[" * 50_000,
        "$" * 9_999,
        "\\" * 20_000,
        "](" * 20_000,
        "\x1b[2J\x00\x07\u202e\ufeff",
        "<script>" * 2_000,
        wrong_types,
    ],
    ids=range(8),
)
@pytest.mark.parametrize("form", ["markdown", "code", "json", "math", "html"])
def test_garbage_is_shown_or_refused_and_never_trips_anything(
    odd_kernel: Kernel, odd: OddServer, reply: Reply, form: str
) -> None:
    odd.will_say(reply)
    cell = odd_kernel.run(f"%%ai --no-history -f {form}\nSay something", timeout=60)
    assert cell.stderr == ""
    assert "not foreseen" not in cell.error
    for bundle in cell.outputs:
        assert "<script" not in str(bundle.get("text/markdown", "")).replace("```", "")
        assert "<script" not in str(bundle.get("text/html", ""))


def test_an_answer_without_end_is_stopped(odd_kernel: Kernel, odd: OddServer) -> None:
    odd.will_say(never_ends)
    cell = odd_kernel.run("%%ai -f text\nGo on")
    assert "did not end, so it was stopped" in cell.text
    assert len(cell.text) < 1_100_000
    assert odd.left.wait(10)


def test_an_answer_without_end_costs_few_updates(odd_kernel: Kernel, odd: OddServer) -> None:
    """Each one shows everything so far; too many of them would choke the page."""
    odd.will_say(never_ends)
    cell = odd_kernel.run("%%ai --no-history\nGo on")
    assert "did not end" in cell.text
    sent = sum(len(state["text/plain"]) for state in cell.states)
    assert sent < 100 * len(cell.outputs[0]["text/plain"])


def test_a_line_without_end_is_refused(odd_kernel: Kernel, odd: OddServer) -> None:
    odd.will_say(_never_ends_a_line)
    cell = odd_kernel.run("%%ai\nGo on")
    assert cell.status == "error"
    assert "not a model server" in cell.error
    assert odd.left.wait(10)


@pytest.mark.parametrize(
    ("reply", "begun"), [(never_ends, True), (silent, False)], ids=["talks", "is silent"]
)
def test_an_interrupt_ends_what_never_ends(
    odd_kernel: Kernel, odd: OddServer, reply: Reply, begun: bool
) -> None:
    odd.will_say(reply)
    message = odd_kernel.send("%%ai --no-history\nGo on")
    if begun:
        odd_kernel.collect(message, until_output=True)
    until(lambda: odd.asked)
    odd_kernel.interrupt()
    cell = odd_kernel.collect(message, timeout=20)
    assert cell.error.startswith("Interrupted")
    if begun:
        assert odd.left.wait(10)
        assert odd_kernel.run("_ai[:9]").result == "'again and'"
    odd.left.set()
    odd.will_say("Fine.")
    assert odd_kernel.run("%%ai\nStill there?").status == "ok"


def test_thoughts_are_told_of_and_then_replaced(odd_kernel: Kernel, odd: OddServer) -> None:
    def thinks(request: Request) -> None:
        for _ in range(20):
            request.say("", thinking="Hmm. ")
        request.say("42")
        request.done()

    odd.will_say(thinks)
    cell = odd_kernel.run("%%ai\nWhat is it?")
    assert cell.status == "ok"
    assert "thinks" in cell.states[0]["text/plain"]
    assert [bundle["text/plain"] for bundle in cell.outputs] == ["42"]
