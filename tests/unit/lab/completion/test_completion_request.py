"""The body of a request: what is refused, what is cut and cleaned."""

from __future__ import annotations

import pytest

from local_assistant.lab.completion.request import BadRequest, parse
from tests.unit.lab.completion.states import code, state

GOOD = {
    "page": "p", "trigger": "auto", "path": "", "mime": "text/x-ipython", "kind": "file",
    "cell_type": "code", "prefix": "x", "suffix": "",
}  # fmt: skip


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"prefix": None}, "prefix"),
        ({"suffix": 3}, "suffix"),
        ({"trigger": "key"}, "trigger"),
        ({"kind": []}, "kind"),
        ({"cell_type": "heading"}, "cell_type"),
        ({"page": {}}, "page"),
        ({"before": "x"}, "before"),
        ({"before": [{"type": "code"}]}, "before"),
        ({"after": [{"type": "x", "source": ""}]}, "after"),
        ({"after": ["x"]}, "after"),
    ],
)
def test_a_bad_body_is_refused_by_name(change: dict[str, object], named: str) -> None:
    with pytest.raises(BadRequest, match=named):
        parse({**GOOD, **change})


@pytest.mark.parametrize("body", [None, [], "x", 3])
def test_a_body_that_is_no_object_is_refused(body: object) -> None:
    with pytest.raises(BadRequest):
        parse(body)


def test_line_ends_and_halves_of_pairs() -> None:
    request = state("a\r\nb\rc\ud83d‸d\r\n")
    assert (request.prefix, request.suffix) == ("a\nb\nc\ufffd", "d\n")


def test_whole_pairs_stay() -> None:
    assert state("s = '🎉‸'").prefix == "s = '🎉"


def test_the_ends_far_from_the_cursor_are_cut() -> None:
    request = state("a" * 70_000 + "b‸c" + "d" * 70_000)
    assert request.prefix.endswith("ab") and len(request.prefix) == 65_536
    assert request.suffix.startswith("cd") and len(request.suffix) == 16_384


def test_the_nearest_cells_stay() -> None:
    cells = code(*(f"{number:05d}" + "x" * 8_000 for number in range(40)))
    request = state("‸", before=cells, after=cells)
    assert request.before[-1].source.startswith("00039")
    assert request.after[0].source.startswith("00000")
    assert sum(len(cell.source) for cell in request.before) <= 131_072
    assert sum(len(cell.source) for cell in request.after) <= 32_768
