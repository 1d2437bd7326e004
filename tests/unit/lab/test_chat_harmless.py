"""A model's words in the chat fetch nothing, and code in them stays as it is."""

from __future__ import annotations

import random

import pytest

from local_assistant.lab.chat.harmless import Harmless

CODE = """Use the `<div>` tag, `![x](u)`, or:

```html
<img src="http://here/x"> ![x](u) $HOME
```

1. a list | `<b>` |
   ```rust
   println![x](u); a < b
   ```

End: a < b, wow! [link](https://a.example)!
"""
PIECES = [
    "`", "``", "```", "```\n", "```py\n", "```mermaid\n", "\n```\n", "\n  ```\n", "~~~\n", "~~",
    "$", "$$", "\n", "\n\n", "    ", "> ", "- ", "|", "\\", "![x](u)", "<img src=x>", "![x][r]",
    "\n[r]: u\n", "\\begin{a}", "\\end{a}", "[x](", ")", "](", "[", "]", "![", "!", "<", "a", "*",
    "https://a.example/b", "\\`",
]  # fmt: skip


def shown(text: str, size: int = 1000) -> str:
    harmless = Harmless()
    pieces = [harmless.add(text[i : i + size]) for i in range(0, len(text), size)]
    return "".join(pieces) + harmless.end()


@pytest.mark.parametrize("size", [1, 2, 7, 1000])
def test_code_and_plain_words_stay_as_they_are(size: int) -> None:
    assert shown(CODE, size) == CODE


@pytest.mark.parametrize(
    ("evil", "safe"),
    [
        ("![x](http://far/x)", "! [x](http://far/x)"),
        (r"\![x](http://far/x)", r"\! [x](http://far/x)"),
        ("![x][r]\n\n[r]: http://far/x", "! [x][r]\n\n[r]\\: http://far/x"),
        ("<img src=x>", "&lt;img src=x>"),
        (
            "<div style='background:url(http://far/x)'>",
            "&lt;div style='background:url(http://far/x)'>",
        ),
        ("```mermaid\nA[<img src='x'>]\n```", "```text\nA[<img src='x'>]\n```"),
        ("- a\n  ```\n![x](u)", "- a\n  ```\n! [x](u)"),
        ("[a](b`) ![x](u) `", "[a](b`) ! [x](u) `"),
        ("~~`~~x ![x](u) `", "~~`~~x ! [x](u) `"),
        ("a ` b\n`![x](u)` c", "a ` b\n`! [x](u)` c"),
        ("| `a | ![x](u)` |", "| `a | ! [x](u)` |"),
        ("```\n\\begin{a}\n```\n\\end{a}\n```\n![x](u)\n```", None),
        ("\\begin{a}\n```\n\\end{a}\n![x](u)\n```", None),
        ("$$\n```\n$$\n![x](u)", None),
    ],
)
def test_what_would_be_fetched_is_a_link_or_text(evil: str, safe: str | None) -> None:
    assert shown(evil) == safe or safe is None
    assert "![" not in shown(evil)


@pytest.mark.parametrize("seed", range(20))
def test_it_does_not_matter_where_the_pieces_are_parted(seed: int) -> None:
    dice = random.Random(seed)
    for _ in range(100):
        text = "".join(dice.choice(PIECES) for _ in range(dice.randint(2, 20)))
        assert shown(text) == shown(text, 1) == shown(text, dice.randint(2, 9))


def test_words_do_not_wait() -> None:
    harmless = Harmless()
    assert harmless.add("Hel") == "Hel"
    assert harmless.add("lo, see `so") == "lo, see "
    assert harmless.add("rted` and") == "`sorted` and"
    assert harmless.add("\n\n```python\npri") == "\n\n```python\npri"


@pytest.mark.parametrize("size", [1, 3, 1000])
@pytest.mark.parametrize(
    ("open_block", "end"),
    [
        ("So:\n\n```python\nx = 1", "\n```\n"),
        ("So:\n\n```python\nx = 1\n", "```\n"),
        ("1. So:\n   ~~~~\n   x = 1", "\n   ~~~~\n"),
        ("```python\nx = 1\n```", ""),
        ("So `it` is", ""),
    ],
)
def test_what_is_said_below_is_not_in_a_block_left_open(
    open_block: str, end: str, size: int
) -> None:
    """As an answer has it that was stopped, or cut at its longest."""
    assert shown(open_block, size) == open_block + end
