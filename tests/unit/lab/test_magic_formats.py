"""What becomes of a finished answer in each output format."""

from __future__ import annotations

import html
import re

import pytest

from local_assistant.lab.magics.formats import corrected_cell, parts, render
from local_assistant.lab.magics.schema import shape

FUNCTION = "def double(x):\n    return 2 * x"


@pytest.mark.parametrize(
    "answer",
    [
        FUNCTION,
        f"```python\n{FUNCTION}\n```",
        f"Here it is:\n\n```py\n{FUNCTION}\n```\nRun it with `double(2)`.",
        f"```\n{FUNCTION}\n```",
        f"```python\n{FUNCTION}",
        f"<think>Double?\n```python\nno\n```</think>\n{FUNCTION}",
        f"{FUNCTION}\n```",
        f"~~~~python\n{FUNCTION}\n~~~~",
        f"1. So:\n   ```python\n   {FUNCTION.replace(chr(10), chr(10) + '   ')}\n   ```",
    ],
)
def test_code_goes_to_the_next_cell_without_its_fence(answer: str) -> None:
    rendered = render("code", answer)
    assert rendered.next_cell == FUNCTION
    assert rendered.problem is None


def test_several_blocks_of_python_make_one_cell() -> None:
    answer = "```bash\npip install x\n```\n```python\na = 1\n```\nthen\n```python\nb = 2\n```"
    assert render("code", answer).next_cell == "a = 1\n\nb = 2"


OUTPUT = f"```python\n{FUNCTION}\nprint(double(21))\n```\nIt prints:\n```\n42\n```\n"


def test_what_the_code_prints_is_no_code() -> None:
    source = f"{FUNCTION}\nprint(double(21))"
    assert render("code", OUTPUT).next_cell == source
    assert corrected_cell(OUTPUT, FUNCTION) == source
    assert parts(OUTPUT) == [(True, source), (False, "It prints:\n```\n42\n```")]


def test_a_block_without_a_name_is_code_where_none_has_pythons() -> None:
    answer = "```bash\npip install x\n```\nthen\n```\nx = 2\n```"
    assert render("code", answer).next_cell == "x = 2"
    assert corrected_cell(answer, "x = 1") == "x = 2"
    assert parts(answer)[-1] == (True, "x = 2")


def test_notebook_syntax_is_code_too() -> None:
    rendered = render("code", "%matplotlib inline\nx = 1", lambda source: source.replace("%", "#"))
    assert rendered.next_cell == "%matplotlib inline\nx = 1"


@pytest.mark.parametrize("answer", ["I am a small demo model, I know only a little.", ""])
def test_prose_is_not_put_into_a_code_cell(answer: str) -> None:
    rendered = render("code", answer)
    assert rendered.next_cell is None
    assert "no cell was added" in (rendered.problem or "")
    assert rendered.bundle["text/plain"] == answer


@pytest.mark.parametrize("answer", ['{"a": [1, 2]}', '```json\n{"a": [1, 2]}\n```'])
def test_json_is_parsed(answer: str) -> None:
    rendered = render("json", answer)
    assert rendered.bundle["application/json"] == {"a": [1, 2]}
    assert rendered.problem is None


def test_a_json_number_is_shown_as_text() -> None:
    assert render("json", "42").bundle == {"text/plain": "42"}


def test_an_answer_that_is_not_json_is_shown_and_named() -> None:
    rendered = render("json", "Sure! {a: 1}")
    assert rendered.bundle == {"text/plain": "Sure! {a: 1}"}
    assert "not valid JSON" in (rendered.problem or "")


@pytest.mark.parametrize(
    ("answer", "latex"),
    [
        ("$$x = 1$$", "$$x = 1$$"),
        (r"x = \frac{1}{2}", r"$$x = \frac{1}{2}$$"),
        ("```latex\n$$x$$\n```", "$$x$$"),
        (r"\[x\]", r"\[x\]"),
    ],
)
def test_math_is_latex(answer: str, latex: str) -> None:
    assert render("math", answer).bundle["text/latex"] == latex


def test_prose_is_not_set_as_math() -> None:
    assert "text/latex" not in render("math", "I know only a little.").bundle


def test_html_is_shut_in() -> None:
    evil = '"><script>alert(1)</script><img src="http://far.example/x">'
    rendered = render("html", f"```html\n{evil}\n```")
    frame = rendered.bundle["text/html"]
    # One element, whose only way in is the quoted attribute.
    assert re.fullmatch(r'<iframe sandbox="" srcdoc="[^"<>]*" [^<>]*></iframe>', frame)
    page = html.unescape(frame.split('srcdoc="')[1].split('"')[0])
    assert page.index("Content-Security-Policy") < page.index("<script>")
    assert "default-src 'none'" in page
    assert rendered.bundle["text/plain"] == evil


@pytest.mark.parametrize("name", ["markdown", "text", "code", "json", "math", "html"])
def test_every_form_has_plain_text_for_terminals(name: str) -> None:
    assert render(name, "x = 1").bundle["text/plain"]


@pytest.mark.parametrize(
    ("name", "value"),
    [("markdown", "x = 1"), ("code", "x = 1"), ("text", "x = 1"), ("html", "x = 1")],
)
def test_a_program_gets_the_text(name: str, value: str) -> None:
    assert render(name, f"{value}\n").value == value


def test_a_program_gets_an_object_of_json() -> None:
    assert render("json", '```json\n{"a": [1]}\n```').value == {"a": [1]}
    assert render("json", "[1, 2]", shape=shape(tuple[int, int])).value == (1, 2)


def test_json_of_another_shape_is_shown_and_named() -> None:
    rendered = render("json", '[1, "x"]', shape=shape(list[int]))
    assert rendered.bundle["application/json"] == [1, "x"]
    assert "answer[1]" in (rendered.problem or "")


def test_json_nested_without_end_is_an_answer_of_the_wrong_form() -> None:
    assert "not valid JSON" in (render("json", "[" * 200_000).problem or "")


@pytest.mark.parametrize(
    ("answer", "cell"),
    [
        ("It fails.\n\n```python\nx = 2\n```", "x = 2"),
        ("```python\nx = 1\n```\nbecomes\n```python\nx = 2\n```\nDone.", "x = 2"),
        ("```python\nx = 2\n```\nwas\n```python\nx = 1\n```", "x = 2"),
        ("```bash\npip install x\n```", None),
        ("```python\nx = = 2\n```", None),
        ("```python\nx = 1\n```", None),
        ("Restart the kernel.", None),
        ("", None),
    ],
)
def test_the_corrected_cell_is_found(answer: str, cell: str | None) -> None:
    assert corrected_cell(answer, "x = 1\n") == cell


@pytest.mark.parametrize("tag", ["<link rel=preconnect href=//far>", "<LINK\nrel=dns-prefetch>"])
def test_a_frame_opens_no_connection_ahead(tag: str) -> None:
    """A policy does not forbid that, so the tag is none any more."""
    shown = render("html", f"<p>linked</p>{tag}").bundle["text/html"]
    assert "&lt;link" not in shown.lower() and "linked" in shown
    assert "x-dns-prefetch-control" in shown
