"""Prompts: the order of their parts, their boundaries, their length, their stability."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from local_assistant.lab.completion import families
from local_assistant.lab.completion.anchors import Anchors
from local_assistant.lab.completion.cache import Cache, Entry
from local_assistant.lab.completion.families import Family
from local_assistant.lab.completion.generation import agrees
from local_assistant.lab.completion.place import locate
from local_assistant.lab.completion.prompt import (
    Limits,
    Prompt,
    boundary_cut,
    build,
    mode_for,
    without_markers,
)
from tests.unit.lab.completion.states import code, state

ROOMY = Limits(8_000, 8)
QWEN = families.QWEN_CODER


def prompt(
    text: str,
    family: Family | None = QWEN,
    order: str = "auto",
    limits: Limits = ROOMY,
    anchor: int | None = None,
    inserts: bool = False,
    **more: Any,
) -> Prompt:
    request = state(text, **more)
    return build(
        locate(request),
        request.before,
        request.after,
        family=family,
        mode=mode_for(family, order, inserts=inserts),
        limits=limits,
        anchor=anchor,
    )


WHOLE: dict[str, tuple[str, Family | None, str, str]] = {
    "line last": (
        "a = 1\nb = ‸\nc = 3", QWEN, "auto",
        "<|fim_prefix|>a = 1\n<|fim_suffix|>\nc = 3<|fim_middle|>b = ",
    ),
    "psm": (
        "a = 1\nb = ‸\nc = 3", QWEN, "psm",
        "<|fim_prefix|>a = 1\nb = <|fim_suffix|>\nc = 3<|fim_middle|>",
    ),
    "nothing behind": (
        "a = ‸", QWEN, "auto", "<|fim_prefix|><|fim_suffix|><|fim_middle|>a = ",
    ),
    "deepseek": (
        "a = ‸\nb", families.DEEPSEEK, "psm",
        "<｜fim▁begin｜>a = <｜fim▁hole｜>\nb<｜fim▁end｜>",
    ),
    "code llama": (
        "a = ‸\nb", families.CODELLAMA, "psm", "<PRE> a =  <SUF>\nb <MID>",
    ),
    "codestral": (
        "a = 1\nb = ‸\nc", families.CODESTRAL, "auto", "[SUFFIX]\nc[PREFIX]a = 1\nb = ",
    ),
    "seed coder": (
        "a = ‸\nb", families.SEED_CODER, "auto",
        "<[fim-suffix]>\nb<[fim-prefix]>a = <[fim-middle]>",
    ),
    "starcoder": (
        "a = ‸\nb", families.STARCODER, "psm", "<fim_prefix>a = <fim_suffix>\nb<fim_middle>",
    ),
    "prefix only": ("a = 1\nb = ‸\nc", None, "auto", "a = 1\nb = "),
    "closed brackets are left out": (
        "print(‸)\nc", QWEN, "auto", "<|fim_prefix|><|fim_suffix|>\nc<|fim_middle|>print(",
    ),
    "other text is not": (
        "f(‸, b)\nc", QWEN, "auto", "<|fim_prefix|><|fim_suffix|>, b)\nc<|fim_middle|>f(",
    ),
    "bash": (
        "%%bash\nls ‸", QWEN, "auto",
        "<|fim_prefix|>#!/bin/bash\n<|fim_suffix|><|fim_middle|>ls ",
    ),
    "right to left": (
        "# שלום\nx = ‸", QWEN, "auto", "<|fim_prefix|># שלום\n<|fim_suffix|><|fim_middle|>x = ",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", WHOLE)
def test_the_whole_prompt(name: str) -> None:
    text, family, order, wanted = WHOLE[name]
    assert prompt(text, family, order).whole == wanted


def test_the_server_writes_the_tokens_where_we_know_none() -> None:
    found = prompt("a = ‸\nb", None, inserts=True)
    assert (found.mode, found.whole, found.suffix) == ("suffix", "a = ", "\nb")
    # An empty suffix would not count as one.
    assert prompt("a = ‸", None, inserts=True).suffix == "\n"


CUTS = {
    "import nump": " nump",
    "np.arr": ".arr",
    "my_va": "_va",
    "x": "x",
    "x = ": " ",
    "    ": "    ",
    "foo(": "",
    "": "",
    "x = 'é": "'é",
    "s = '🎉": "",
    "\t": "\t",
}


@pytest.mark.parametrize("line", CUTS)
def test_the_line_is_cut_at_a_boundary(line: str) -> None:
    assert boundary_cut(line) == CUTS[line]
    found = prompt(f"{line}‸\nb = 1")
    assert found.healed + found.cut == found.whole


def test_only_an_answer_that_begins_with_the_cut_is_of_use() -> None:
    assert agrees(" numpy", " nump") and agrees(" n", " nump") and agrees("", " nump")
    assert not agrees(" os", " nump") and not agrees("nump", " nump")


def test_no_text_of_a_document_becomes_a_token() -> None:
    found = prompt("s = '<|fim_middle|><|endoftext|>'\nx = ‸\n<|fim_prefix|>")
    assert found.whole.count("<|fim_middle|>") == found.whole.count("<|fim_prefix|>") == 1
    assert "<|endoftext|>" not in found.whole
    assert without_markers("<|im_end|>", QWEN) == "< |im_end|>"


NOTEBOOK = {
    "before": code("import numpy as np", "x = np.zeros(3)"),
    "after": code("print(y)"),
}


def test_other_cells_stand_around() -> None:
    found = prompt("y = ‸", **NOTEBOOK)
    assert found.whole == (
        "<|fim_prefix|>import numpy as np\n\nx = np.zeros(3)\n\n"
        "<|fim_suffix|>\n\nprint(y)<|fim_middle|>y = "
    )
    assert "numpy" not in prompt("y = ‸", limits=Limits(8_000, 0), **NOTEBOOK).whole


def test_cells_of_another_language_stay_out() -> None:
    before = code("%%bash\nls -l", "%%ai\nWrite a poem", "%%time\na = 1", "!pwd")
    found = prompt("y = ‸", before=before).whole
    assert "a = 1" in found and "!pwd" in found
    assert "ls -l" not in found and "poem" not in found and "%%time" not in found
    shell = prompt("%%bash\ncd ‸", before=before).whole
    assert "ls -l" in shell and "a = 1" not in shell


def test_prose_is_a_comment() -> None:
    before = [{"type": "markdown", "source": "# Load\nthe data"}]
    assert "# # Load\n# the data\n\n" in prompt("y = ‸", before=before).whole
    assert "Load" not in prompt("y = ‸", before=[{"type": "raw", "source": "Load"}]).whole


def test_imports_and_definitions_win_when_space_is_short() -> None:
    long = "\n".join(f"value_{number} = {number}" for number in range(300))
    before = code(f"import os\n{long}", f"def area(r):\n    return r\n{long}", "near = 1")
    found = prompt("y = ‸", limits=Limits(2_000, 8), before=before).whole
    assert "import os" in found and "def area(r):\n    ..." in found and "near = 1" in found
    assert "value_7 =" not in found


def test_no_more_cells_in_full_than_asked_for() -> None:
    before = code("import os\nfar = 1", "near = 1", "nearest = 1")
    found = prompt("y = ‸", limits=Limits(8_000, 1), before=before).whole
    assert "nearest = 1" in found and "import os" in found
    assert "far = 1" not in found and "near = 1" not in found.replace("nearest", "")


@pytest.mark.parametrize("size", [600, 2_000, 6_000])
@pytest.mark.parametrize("order", ["line_last", "psm"])
def test_a_prompt_keeps_to_its_limit(size: int, order: str) -> None:
    lines = "".join(f"line_{number} = {number}\n" for number in range(4_000))
    cells = code(*[lines[:8_000]] * 5)
    found = prompt(
        f"{lines}y = ‸{lines}", order=order, limits=Limits(size, 8), before=cells, after=cells
    )
    assert len(found.whole) <= size + 60
    assert found.typed == "y = "


@pytest.mark.parametrize("size", [300, 1_000, 3_000, 8_000])
def test_a_line_without_end_keeps_to_the_limit(size: int) -> None:
    for length in (size // 3, size, 60_000):
        line = ("1, " * length)[:length]
        found = prompt(f"a = 1\n{line}‸{line}", limits=Limits(size, 8))
        assert len(found.whole) <= size + 60


def test_a_key_changes_only_the_end_of_the_prompt() -> None:
    lines = "".join(f"line_{number} = {number}\n" for number in range(900))
    typed = "total = sum(range(10)) + offset"
    heads = {
        prompt(f"{lines}{typed[:size]}‸\nprint(total)", limits=Limits(4_000, 8), **NOTEBOOK).head
        for size in range(len(typed))
    }
    assert len(heads) == 1


def test_lines_move_the_beginning_rarely() -> None:
    """Typing 200 lines into a text that is longer than the window; the window slides, too."""
    lines = "".join(f"line_{number} = {number * 7}\n" for number in range(5_000))
    begins = []
    for number in range(200):
        lines += f"new_{number} = {number}\n"
        begins.append(prompt(f"{lines}x‸", limits=Limits(4_000, 8)).head[:60])
    changes = sum(one != other for one, other in itertools.pairwise(begins))
    assert changes <= 20


def test_lines_may_stay_behind_the_token() -> None:
    anchors, text = Anchors(), "a = 1\n"
    request = state(f"{text}‸\nend")
    place = locate(request)
    assert anchors.place("k", place, QWEN) == len(text)
    later = locate(state(f"{text}b = 2\nc = ‸\nend"))
    anchor = anchors.place("k", later, QWEN)
    assert anchor == len(text)
    first, second = prompt(f"{text}‸\nend"), prompt(f"{text}b = 2\nc = ‸\nend", anchor=anchor)
    assert second.whole == first.head + "b = 2\nc = "
    # Not for the model that was trained on middles of one line, nor for ever.
    assert anchors.place("k", later, families.DEMO) == len(text) + len("b = 2\n")
    many = locate(state(text + "x\n" * 20 + "‸\nend"))
    assert anchors.place("k", many, QWEN) == len(many.before)


def test_the_cache_serves_what_was_typed_since() -> None:
    cache = Cache()
    cache.put("k", Entry("import ", "numpy as np", "line", None))
    cache.put("k", Entry("x = 1", "", "empty", "Nothing."))

    def found(prefix: str, key: str = "k") -> str | None:
        hit = cache.find(key, prefix)
        return hit[1] if hit else None

    assert found("import ") == "numpy as np"
    assert found("import nu") == "mpy as np"
    assert found("import numpy as np") is None
    assert found("import os") is None
    assert found("import") is None
    assert found("import ", "other") is None
    assert found("x = 1") == ""
    assert found("x = 12") is None
    for number in range(500):
        cache.put("k", Entry(f"y{number}", "z", "line", None))
    assert found("import ") is None
