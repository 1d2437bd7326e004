"""Which braces of a prompt are fields, and which are text."""

from __future__ import annotations

from typing import Any

import pytest

from local_assistant.errors import AssistantError
from local_assistant.lab.magics.interpolate import interpolate


class _Row:
    label = "first"
    cells = (1, 2)

    @property
    def broken(self) -> str:
        raise RuntimeError("no such sensor")


NAMESPACE: dict[str, Any] = {
    "n": 5,
    "ratio": 0.12345,
    "word": "it's",
    "row": _Row(),
    "table": {"k": 1, "two words": 2, 3: "three"},
    "items": [10, 20, 30],
    "k": 2,
    "pairs": lambda *numbers, **names: f"{numbers}{names}",
    "näme": "ü",
    "braces": "{n}",
    "In": ["", "x = 1"],
    "Out": {1: 7},
    "_": 9,
}


@pytest.mark.parametrize(
    ("prompt", "sent"),
    [
        ("up to {n}", "up to 5"),
        ("{n}{n}", "55"),
        ("{ratio:.2f}", "0.12"),
        ("{word!r}", '"it\'s"'),
        ("{row.label} of {row.cells[1]}", "first of 2"),
        ("{table[k]} {table['k']} {table[\"two words\"]} {table[3]}", "1 1 2 three"),
        ("{items[-1]} {items[:2]}", "30 [10, 20]"),
        ("{In[1]} gives {Out[1]}, then {_}", "x = 1 gives 7, then 9"),
        ("{näme}", "ü"),
        ("{braces}", "{n}"),
        ("{word.upper()} {word.replace('s', '(')}", "IT'S it'("),
        ("{len(items)} {sorted(items, key=lambda i: -i)[:2]}", "3 [30, 20]"),
        ("{table.get('k')} {table[k]} {table.get(k)}", "1 1 None"),
        ("{pairs(n, [n for i in items], a={1: ')'})}", "(5, [5, 5, 5]){'a': {1: ')'}}"),
        ("{pairs(_, n)}", "(9, 5){}"),
        ("{ratio.__round__(2):.1f}", "0.1"),
    ],
)
def test_a_field_is_replaced(prompt: str, sent: str) -> None:
    assert interpolate(prompt, NAMESPACE) == sent


@pytest.mark.parametrize(
    "text",
    [
        "{}",
        '{"a": {"b": 1}}',
        "x = {1, 2}; y = {'n': n}",
        "{ n }",
        "{n + 1}",
        "{n: int}",
        "{{ n }}",
        "${n} and ${{n}}",
        "def f() {\n  return n;\n}",
        "[x for x in {n, 2}]",
        r"\begin{align*} a^{2} \end{align*}",
        "a lone { and a lone }",
        "{",
        "{{",
        "{n",
        "{pairs(}",
        "{pairs(1) + 1}",
        "{'n'.upper()}",
        "function f() {return g(n)}",
    ],
)
def test_other_braces_are_text(text: str) -> None:
    assert interpolate(text, NAMESPACE) == text


def test_doubled_braces_stand_for_a_literal_field() -> None:
    assert interpolate("{{n}} is {n}; {{unknown.x[0]}}", NAMESPACE) == "{n} is 5; {unknown.x[0]}"


@pytest.mark.parametrize(
    ("prompt", "words"),
    [
        ("{itms}", ("{itms}", "itms is not defined", "Did you mean {items}?", "{{itms}}")),
        ("{len}", ("len is a built-in", "--no-interpolate")),
        ("{row.lable}", ("{row.lable}", "AttributeError", "{{row.lable}}")),
        ("{table[nope]}", ("{table[nope]}", "KeyError")),
        ("{In[99]}", ("{In[99]}", "IndexError")),
        ("{word:.2f}", ("{word:.2f}", "ValueError")),
        ("{row.broken}", ("{row.broken}", "no such sensor")),
        ("{word.uper()}", ("{word.uper()}", "AttributeError")),
        ("{len(itms)}", ("{len(itms)}", "NameError", "itms")),
        ("{lenn(items)}", ("{lenn(items)}", "lenn is not defined")),
        ("{len(items, 1)}", ("TypeError",)),
    ],
)
def test_a_field_without_a_value_is_an_error_that_names_it(
    prompt: str, words: tuple[str, ...]
) -> None:
    with pytest.raises(AssistantError) as caught:
        interpolate(f"before {prompt} after", NAMESPACE)
    for word in words:
        assert word in str(caught.value)
