"""``/explain``, ``/fix``, ``/test``, ``/doc``: which cell is meant, what is asked, what changes."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from local_assistant.errors import AssistantError
from local_assistant.lab import prompts
from local_assistant.lab.chat import tasks
from local_assistant.lab.chat.beside import Open
from local_assistant.lab.chat.context import context_of
from local_assistant.lab.chat.notebooks import Notebook
from local_assistant.lab.chat.notes import without_notes
from local_assistant.lab.chat.question import Question
from local_assistant.lab.chat.seen import read_seen
from tests.unit.lab.test_chat_notebooks import CELL, LAST, code, failed

FAILED = {**failed(CELL, LAST, count=2), "source": "x = 1\ntotal(x)", "id": "bad"}


def asked(text: str, opened: Open | None) -> Question:
    return tasks.about_open(SimpleNamespace(body=text, attachments=None), opened)


def attached(root: Path, text: str, **entry: Any) -> Question:
    message = SimpleNamespace(body=text, attachments=["1"])
    return asyncio.run(tasks.question(message, root, {"1": entry}))


def beside(*cells: dict[str, Any], active: int = 0) -> Open:
    return Open(Notebook.of("a.ipynb", {"cells": list(cells)}), active)


def content(question: Question) -> str:
    assert question.turn is not None
    return question.turn.content()


def test_the_cell_in_use_is_explained() -> None:
    question = asked("/explain", beside(code("x = 1"), code("y = x + 1"), active=1))
    assert question.said == ("About a.ipynb, cell 2.",)
    assert content(question) == (
        "a.ipynb, cell 2:\n```python\ny = x + 1\n```\n\n"
        "a.ipynb, imports and names above:\n```python\nx = 1\n```\n\n" + prompts.EXPLAIN
    )


def test_after_shift_enter_the_cell_above_is_meant() -> None:
    text = {"cell_type": "markdown", "source": "# Title"}
    question = asked("/test for edge cases", beside(code("x = 1"), text, code(" "), active=2))
    assert question.said == ("About a.ipynb, cell 1.",)
    assert content(question).endswith(f"{prompts.TEST}\nfor edge cases")


def test_the_failed_cell_is_fixed_with_its_traceback() -> None:
    cells = (code("import math"), FAILED, code("y = 2", count=1), code(""))
    question = asked("/fix", beside(*cells, active=3))
    assert question.said == ("About a.ipynb, cell 2.",)
    assert "Cell In[7], line 3" in content(question)
    assert content(question).endswith(prompts.FIX)


def test_without_an_error_the_words_say_what_is_wrong() -> None:
    opened = beside(code("x = 1"))
    with pytest.raises(AssistantError, match="No cell of a"):
        asked("/fix", opened)
    question = asked("/fix it should be 2", opened)
    assert content(question).endswith(f"{prompts.FIX_CODE}\nit should be 2")


def test_with_nothing_at_hand_it_says_what_to_attach() -> None:
    for command in tasks.TASKS:
        with pytest.raises(AssistantError, match="nothing to work on") as raised:
            asked(command, None)
        assert "Attach" in (raised.value.fix or "")
    with pytest.raises(AssistantError, match="are empty"):
        asked("/explain", beside(code("")))


def test_the_diff_stands_under_the_answer_and_is_not_read_again() -> None:
    question = asked("/fix", beside(FAILED))
    answer = "Call sum.\n\n```python\nx = 1\nsum([x])\n```"
    closing = question.closing(answer)
    assert "```diff\n@@ -1,2 +1,2 @@\n x = 1\n-total(x)\n+sum([x])\n```" in closing
    assert closing.startswith("<details open>")
    assert without_notes(f"{answer}\n\n{closing}") == answer


@pytest.mark.parametrize("answer", ["", "I cannot.", "```python\nx = (\n```"])
def test_an_answer_without_a_corrected_cell_is_said(answer: str) -> None:
    assert "no corrected code" in asked("/fix", beside(FAILED)).closing(answer)


def test_the_same_cell_again_is_no_correction() -> None:
    same = f"```python\n{FAILED['source']}\n```"
    assert "no corrected code" in asked("/fix", beside(FAILED)).closing(same)


def in_file(path: str, text: str) -> Question:
    """Return what ``/fix`` asks about the lines of a file that is in front."""
    shown = context_of(read_seen({"kind": "file", "path": path, "text": text}))
    return tasks.about_lines(SimpleNamespace(body="/fix", attachments=None), shown)


@pytest.mark.parametrize(
    ("path", "before", "answer", "after"),
    [
        ("a.js", "let x = 1", "```js\nlet x = 2\n```\nIt shows:\n```\n2\n```", "let x = 2"),
        ("a.sql", "selec 1", "```sql\nselec 1\n```\nmust be\n```sql\nselect 1\n```", "select 1"),
        ("a.sh", "ech 1", "```bash\necho 1\n```\nRun it:\n```bash\n\n```", "echo 1"),
        ("a.txt", "Helo", "```\nHello\n```", "Hello"),
        ("a.py", "else:\n    x = 1", "```python\nelse:\n    x = 2\n```", "    x = 2"),
    ],
)
def test_of_a_file_the_last_block_that_differs_is_the_correction(
    path: str, before: str, answer: str, after: str
) -> None:
    closing = in_file(path, before).closing(answer)
    assert f"\n+{after}\n" in closing
    assert "select these lines in the file, then click on *Replace*" in closing
    assert "click into the cell" not in closing


def test_lines_from_inside_of_a_function_are_compared_without_their_indent() -> None:
    question = in_file("a.py", "    for x in rows:\n        tota += x\n")
    closing = question.closing("```python\nfor x in rows:\n    total += x\n```")
    assert " for x in rows:\n-    tota += x\n+    total += x\n" in closing
    assert "indent them as before" in closing
    same = question.closing("```python\nfor x in rows:\n    tota += x\n```")
    assert "no corrected code" in same


@pytest.mark.parametrize(
    ("language", "source", "answer", "line"),
    [
        ("R", "x <- men(y)", "```r\nx <- mean(y)\n```", "x <- mean(y)"),
        ("julia", "x = sin.(y", "```julia\nx = sin.(y)\n```", "x = sin.(y)"),
        ("python", "%%sql\nselec 1", "```sql\n%%sql\nselect 1\n```", "select 1"),
    ],
)
def test_a_cell_of_another_language_is_corrected_too(
    language: str, source: str, answer: str, line: str
) -> None:
    content = {"cells": [code(source)], "metadata": {"kernelspec": {"language": language}}}
    question = asked("/fix it", Open(Notebook.of("a.ipynb", content), 0))
    closing = question.closing(answer)
    assert f"\n+{line}\n" in closing and "click into the cell" in closing


@pytest.mark.parametrize("command", [*tasks.TASKS, "/fix the sum"])
def test_a_notebook_of_secrets_is_not_read_unasked(command: str) -> None:
    opened = Open(Notebook.of("conf/secrets.ipynb", {"cells": [FAILED]}), 0)
    with pytest.raises(AssistantError, match=r"^secrets\.ipynb is not read unasked") as raised:
        asked(command, opened)
    assert "Attach it" in (raised.value.fix or "")


def test_what_is_attached_wins(tmp_path: Path) -> None:
    (tmp_path / "tools.py").write_text("def add(a, b):\n    return a - b\n")
    question = attached(tmp_path, "/doc", type="file", value="tools.py")
    assert question.said == ()
    assert content(question).startswith("tools.py:\n```python\ndef add(a, b):")
    assert content(question).endswith(prompts.DOC)
    question = attached(tmp_path, "/fix", type="file", value="tools.py")
    assert content(question).endswith(prompts.FIX_CODE)
    assert "+    return a + b" in question.closing("```\ndef add(a, b):\n    return a + b\n```")


def test_of_an_attached_notebook_the_failed_cell_is_fixed(tmp_path: Path) -> None:
    file = tmp_path / "a.ipynb"
    file.write_text(json.dumps({"cells": [code("y = 1"), FAILED]}))
    question = attached(tmp_path, "/fix", type="notebook", value="a.ipynb")
    assert content(question).startswith("a.ipynb, cell 2:")
    assert "KeyError: 'b'" in content(question)
    file.write_text(json.dumps({"cells": [code("y = 1")]}))
    with pytest.raises(AssistantError, match="none of its saved cells shows an error"):
        attached(tmp_path, "/fix", type="notebook", value="a.ipynb")
