"""What the chat reads of a notebook: tracebacks, outputs, names, and which cell failed."""

from __future__ import annotations

from typing import Any

import pytest

from local_assistant.lab.chat.names import names_for
from local_assistant.lab.chat.notebooks import Notebook, Unreadable
from local_assistant.lab.chat.tracebacks import failing_line, own_frames

# As IPython 9 writes it, colours and all.
RULE = "\x1b[31m" + "-" * 75 + "\x1b[39m"
HEAD = "\x1b[31mKeyError\x1b[39m                                  Traceback (most recent call last)"
CELL = (
    "\x1b[36mCell\x1b[39m\x1b[36m \x1b[39m\x1b[32mIn[7]\x1b[39m\x1b[32m, line 3\x1b[39m\n"
    "\x1b[32m      1\x1b[39m total = 0\n\x1b[32m      2\x1b[39m for row in rows:\n"
    "\x1b[32m----> \x1b[39m\x1b[32m3\x1b[39m     total += load(row)\n"
)
OWN = (
    "File \x1b[32m~/project/tools.py:12\x1b[39m, in \x1b[36mload\x1b[39m(row)\n---> 12 frame['b']\n"
)
PANDAS = (
    "File \x1b[32m~/env/lib/python3.11/site-packages/pandas/core/frame.py:4107\x1b[39m, in get\n"
    "\x1b[32m   4106\x1b[39m     return engine\n-> 4107 raise KeyError(key)\n"
)
LAST = "\x1b[31mKeyError\x1b[39m: 'b'"


def failed(*traceback: str, count: int = 1) -> dict[str, Any]:
    output = {
        "output_type": "error",
        "ename": "KeyError",
        "evalue": "'b'",
        "traceback": list(traceback),
    }
    return code("load(1)", output, count=count)


def code(source: str, *outputs: dict[str, Any], count: int = 0) -> dict[str, Any]:
    cell = {"cell_type": "code", "source": source, "outputs": list(outputs), "id": source}
    return {**cell, "execution_count": count}


def book(*cells: dict[str, Any], language: str = "python") -> Notebook:
    metadata = {"kernelspec": {"language": language}}
    return Notebook.of("a.ipynb", {"cells": list(cells), "metadata": metadata})


def test_a_traceback_is_the_users_own_frames_and_the_last_words() -> None:
    error = failed(RULE, HEAD, CELL, OWN, PANDAS, PANDAS, LAST)["outputs"][0]
    lines = own_frames(error).splitlines()
    assert lines[0].startswith("KeyError")
    assert "Cell In[7], line 3" in lines
    assert "File ~/project/tools.py:12, in load(row)" in lines
    assert lines[-2:] == ["… 2 frames of other code", "KeyError: 'b'"]
    assert "pandas" not in own_frames(error) and "\x1b" not in own_frames(error)
    assert failing_line(error) == 3


def test_a_plain_traceback_in_one_piece() -> None:
    text = (
        "Traceback (most recent call last):\n"
        '  File "/usr/lib/python3.11/json/decoder.py", line 355, in raw_decode\n'
        "    raise JSONDecodeError\n"
        '  File "/home/ada/tools.py", line 2, in load\n'
        "    return loads(text)\n"
        "ValueError: no JSON\nat all"
    )
    shown = own_frames({"ename": "ValueError", "evalue": "no JSON", "traceback": [text]})
    assert "decoder.py" not in shown
    assert shown.endswith("    return loads(text)\nValueError: no JSON\nat all")


def test_a_syntax_error_and_an_error_without_a_traceback() -> None:
    syntax = ["  Cell In[2], line 1\n    def g(:\n          ^\nSyntaxError: invalid syntax\n"]
    error = {"ename": "SyntaxError", "evalue": "invalid syntax", "traceback": syntax}
    assert own_frames(error) == syntax[0].rstrip("\n")
    assert failing_line(error) == 1
    bare = {"ename": "Interrupted", "evalue": "", "traceback": []}
    assert own_frames(bare) == "Interrupted"
    assert failing_line(bare) is None


def test_many_frames_of_the_user_are_cut_in_the_middle() -> None:
    frames = [f"File ~/a.py:{n}, in f\n---> {n} f()\n" for n in range(1, 51)]
    shown = own_frames({"ename": "E", "evalue": "x", "traceback": [*frames, "E: x"]})
    assert shown.count("File ~/a.py") == 6
    assert "… 44 frames of other code" in shown
    assert "a.py:1," in shown and "a.py:50," in shown


def test_names_are_imports_and_the_last_definitions_of_what_is_used() -> None:
    above = [
        "%matplotlib inline\nimport numpy as np, os\nx = 1",
        "!pip install it\nfrom pandas import read_csv\nx = 2\nunused = 3",
        "def load(path, *, sep=','):\n    return read_csv(path)\nclass Row(dict): pass",
        "this is no Python",
        "%%bash\nx = 9",
        "with open('f') as file:\n    x = file.read()",
    ]
    assert names_for("y = load(x, Row)", above).splitlines() == [
        "import numpy as np, os",
        "from pandas import read_csv",
        "def load(path, *, sep=','): ...",
        "class Row(dict): ...",
        "with open('f') as file:",
    ]
    assert names_for("y = (", above).splitlines() == [
        "import numpy as np, os",
        "from pandas import read_csv",
    ]


def test_a_cell_with_what_belongs_to_it() -> None:
    stream = {"output_type": "stream", "text": ["one\n", "\x1b[1mtwo\x1b[0m" + "x" * 1000]}
    image = {"output_type": "display_data", "data": {"image/png": "AAAA", "text/plain": "<Figure>"}}
    notebook = book(code("import math"), code("print(math.pi)", stream, image))
    cell, output, names = notebook.about(1)
    assert (cell.name, cell.content) == ("a.ipynb, cell 2", "print(math.pi)")
    lines = output.content.splitlines()
    assert lines[0] == "one" and lines[1].startswith("twoxxx") and len(lines[1]) < 400
    assert lines[2] == "<Figure>" and "AAAA" not in output.content
    assert names.content == "import math"


def test_an_error_stands_before_the_output_and_keeps_its_end() -> None:
    (_, cell, error) = (None, *book(failed(RULE, HEAD, CELL, LAST)).about(0))
    assert cell.keep == 2
    assert (error.kind, error.keep) == ("error", -1)


def test_the_cell_that_failed_last_is_the_one_that_ran_last() -> None:
    notebook = book(failed(LAST, count=9), failed(LAST, count=4), code("1", count=10))
    assert notebook.failed_last() == 0
    assert book(code("1")).failed_last() is None


def test_other_languages_have_no_names() -> None:
    notebook = book(code("x <- 1"), code("print(x)"), language="R")
    assert [each.language for each in notebook.about(1)] == ["R"]


@pytest.mark.parametrize("content", [None, [], {"cells": 3}, {"cells": ["x"]}, "text"])
def test_what_is_no_notebook(content: Any) -> None:
    with pytest.raises(Unreadable, match="not a notebook"):
        Notebook.of("a.ipynb", content)
