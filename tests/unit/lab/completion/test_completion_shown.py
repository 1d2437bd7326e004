"""What of a model's answer is shown: a table of places and answers."""

from __future__ import annotations

import pytest

from local_assistant.lab.completion.judge import judge
from local_assistant.lab.completion.place import locate
from local_assistant.lab.completion.postprocess import Settled, Surroundings, settle
from tests.unit.lab.completion.states import state


def shown(text: str, answer: str) -> Settled:
    """Feed ``answer`` character by character; nothing that was shown is taken back."""
    request = state(text, trigger="enter")
    place = locate(request)
    shape = judge(request, place).shape
    assert shape is not None
    around = Surroundings.of(place, shape)
    seen = ""
    for size in range(len(answer) + 1):
        now = settle(answer[:size], around, final=False)
        assert now.shown.startswith(seen), (seen, now)
        seen = now.shown
        if now.reason is not None:
            return now
    last = settle(answer, around, final=True)
    assert last.shown.startswith(seen), (seen, last)
    return last


CASES = {
    # one line
    "plain": ("x = ‸", "1 + 2", "1 + 2", "stop"),
    "the line's end": ("x = ‸", "1\ny = 2", "1", "line"),
    "blanks behind": ("x = ‸", "1   \n", "1", "line"),
    "nothing": ("x = 1‸", "", "", "empty"),
    "only a line end": ("x = 1‸", "\n", "", "empty"),
    "only blanks": ("x = 1‸", "    ", "", "empty"),
    "a second blank": ("return ‸", " x", "x", "stop"),
    "indent that is there": ("if a:\n    x = 1\n    ‸", "    y = 2", "y = 2", "stop"),
    "carriage returns": ("x = ‸", "1\r\n", "1", "line"),
    "emoji": ("s = '🎉‸'", "🥳'", "🥳", "suffix"),
    "right to left": ("name = 'שלום‸'", " עולם'", " עולם", "suffix"),
    # brackets
    "closes its own": ("foo(‸)", "(x), y)", "(x), y", "suffix"),
    "closes what nobody closes": ("foo(‸", "x)", "x)", "stop"),
    "no bracket twice": ("foo(bar(‸))", "x)), y", "x", "suffix"),
    "one of two is missing": ("foo(bar(‸)", "x))", "x", "suffix"),
    "no more than is open": ("foo(‸", "x))", "x)", "suffix"),
    "no wrong bracket": ("foo(‸", "x]", "x", "suffix"),
    "nothing is open": ("x = 1‸", ")", "", "suffix"),
    "closed on a later line": ("foo(\n    a‸\n)", ", b)", ", b", "suffix"),
    "square": ("v = xs[‸]", "0]", "0", "suffix"),
    "a bracket in a string": ("f(‸)", "':)')", "':)'", "suffix"),
    "a bracket in a comment": ("x = 1  # (‸", "see)", "see)", "stop"),
    "own brackets open": ("x = ‸", "[1, (2, 3)]", "[1, (2, 3)]", "stop"),
    "dictionary": ("d = {‸}", "'a': {}}", "'a': {}", "suffix"),
    # strings
    "closing quote": ('print("‸")', 'hello")', "hello", "suffix"),
    "argument behind a string": ('print("‸")', 'hello", end="")', 'hello", end="', "suffix"),
    "quote is missing": ('print("‸', 'hello")', 'hello")', "stop"),
    "escaped quote": ('print("‸")', 'a\\"b")', 'a\\"b', "suffix"),
    "other quote inside": ('print("‸")', "it's\")", "it's", "suffix"),
    "f-string": ('f"{‸}"', 'name}"', "name", "suffix"),
    # what follows on the line
    "rest of the line": ("foo(‸, b)", "a, b)", "a", "suffix"),
    "beginning of the rest": ("foo(‸, b)", "a,", "a", "suffix"),
    "not the rest": ("foo(‸, b)", "a, c", "a, c", "stop"),
    "colon that is there": ("if x‸:", " > 1:", " > 1", "suffix"),
    "operator": ("y = ‸ + b", "a + b", "a", "suffix"),
    # lines that are there already
    "the next line": ("‸\nimport os", "import os", "", "repeat"),
    "the line above": ("import os\n‸", "import os\n", "", "repeat"),
    "typed into the next line": ("imp‸\nimport os", "ort os", "", "repeat"),
    "longer than the next line": ("‸\nx = 1", "x = 10", "x = 10", "stop"),
    "shorter than the next line": ("‸\nx = 10", "x = 1\n", "x = 1", "line"),
    "a bracket below is no line": ("foo(\n    ‸\n)", "a", "a", "stop"),
    # blocks
    "a block": ("def f(x):‸", "\n    return x", "\n    return x", "stop"),
    "ends with the block": (
        "def f(x):‸",
        "\n    y = x\n    return y\n\nprint(1)",
        "\n    y = x\n    return y",
        "block",
    ),
    "body on an empty line": (
        "def f(x):\n    ‸",
        "y = x\n    return y\nprint(f)",
        "y = x\n    return y",
        "block",
    ),
    "no dedent": ("def f():\n    if a:\n        ‸", "b()\n    c()", "b()", "block"),
    "one blank line": (
        "class A:\n    ‸",
        "x = 1\n\n    y = 2\n",
        "x = 1\n\n    y = 2",
        "stop",
    ),
    "two blank lines": ("class A:\n    ‸", "x = 1\n\n\n    y = 2\n", "x = 1", "block"),
    "the next line in a block": (
        "for i in x:\n    ‸\n    print(i)",
        "y = i\n    print(i)\n",
        "y = i",
        "suffix",
    ),
    "the same again and again": (
        "def f():\n    ‸",
        "a()\n    b()\n    b()\n    b()\n    b()",
        "a()\n    b()\n    b()",
        "repeat",
    ),
    "list over lines": ("x = [‸", "\n    1,\n    2,\n]\nprint(x)", "\n    1,\n    2,\n]", "block"),
    "list on one line": ("x = [‸", "1, 2]", "1, 2]", "stop"),
    "call over lines": ("foo(\n    ‸\n)", "a,\n    b,\n)", "a,\n    b,", "suffix"),
    "no block mid-line": ("if ‸ x:", "a\n    b", "a", "line"),
    "no block in a string": ('print("if x:‸', ' yes")\nmore', ' yes")', "line"),
    "no block after a lambda": ("f = lambda x:‸", " x\ny = 1", " x", "line"),
    "decorator": ("@‸\ndef f(): ...", "cache\ndef f(): ...", "cache", "line"),
    "under a decorator": ("@cache\n‸", "def f(x):\n    return x", "def f(x):", "line"),
    "tabs": ("if a:\n\t‸", "b()\n\tc()\nd()", "b()\n\tc()", "block"),
    "else is not this block's": ("if a:\n    ‸", "b()\nelse:\n    c()", "b()", "block"),
    "body after a docstring": (
        'def f(x):\n    """Say it."""\n    ‸',
        "y = x\n    return y\n\n\nz",
        "y = x\n    return y",
        "block",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_what_is_shown(name: str) -> None:
    text, answer, wanted, reason = CASES[name]
    found = shown(text, answer)
    assert (found.shown, found.reason) == (wanted, reason)


def test_nothing_shown_comes_with_a_sentence() -> None:
    for text, answer, wanted, _ in CASES.values():
        if not wanted:
            assert shown(text, answer).message


def test_a_long_text_is_quick_to_judge() -> None:
    """Work is bounded by what is looked at, not by the cell: the count of scanned marks."""
    text = "x = (1, 2)\n" * 500_000
    request = state(f"{text}y = ‸\n{text}")
    assert len(request.prefix) == 65_536 and len(request.suffix) == 16_384
    assert shown(f"{text}y = ‸\n{text}", "3\n").shown == "3"
