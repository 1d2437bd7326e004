"""A thinking model's answer: thoughts are folded away, whoever tells them apart."""

from __future__ import annotations

import pytest

from local_assistant.lab.chat.notes import without_notes
from local_assistant.lab.chat.thoughts import Folding

SHOWN = "<details>\n<summary>» Thoughts</summary>\n\nTwo and\n\ntwo.\n\n</details>\n\nFour."


def test_thoughts_that_the_server_tells_apart() -> None:
    folding = Folding()
    pieces = [folding.add("", "\nTwo and"), folding.add("", "\n\ntwo.")]
    assert folding.thinking
    pieces += [folding.add("Fo"), folding.add("ur."), folding.end()]
    assert "".join(pieces) == SHOWN
    assert folding.answer == without_notes(SHOWN) == "Four."
    assert not folding.thinking


@pytest.mark.parametrize("size", [1, 3, 100])
def test_thoughts_between_tags(size: int) -> None:
    text = "<think>\nTwo and\n\ntwo.</think>\n\nFour."
    folding = Folding()
    shown = "".join(folding.add(text[i : i + size]) for i in range(0, len(text), size))
    assert shown + folding.end() == SHOWN
    assert folding.answer == "Four."


def test_an_answer_without_thoughts_is_as_it_was() -> None:
    folding = Folding()
    assert folding.add("a < b, ") + folding.add("<think> is a tag.") + folding.end() == (
        "a < b, &lt;think> is a tag."
    )
    assert folding.answer == "a < b, <think> is a tag."


def test_thoughts_without_an_answer_are_closed() -> None:
    folding = Folding()
    shown = folding.add("", "Hm </details> <b>") + folding.end()
    assert shown.count("</details>") == 1 and shown.rstrip().endswith("</details>")
    assert without_notes(shown) == ""


def test_nothing_is_fetched_by_thoughts_or_words() -> None:
    folding = Folding()
    image = "![x](http://far.example/x)"
    shown = folding.add("", f"Look: {image}") + folding.add(f"Here: {image}!") + folding.end()
    assert shown.count("! [x](http://far.example/x)") == 2
    assert "![" not in shown and shown.endswith("!")
