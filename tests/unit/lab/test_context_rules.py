"""What goes along with a question by itself: which cell, which lines, in which words."""

from __future__ import annotations

from typing import Any

import pytest

from local_assistant.lab.chat.context import Context, cell_in_use, context_of, is_attached
from local_assistant.lab.chat.prompt import Attachment, Turn, build_prompt, context_cost
from local_assistant.lab.chat.seen import Malformed, SeenNotebook, read_seen

ERROR = {
    "output_type": "error",
    "ename": "NameError",
    "evalue": "name 'sort' is not defined",
    "traceback": ["Cell In[2], line 1\n----> 1 sort(rows)\n", "NameError: name 'sort'"],
}


def cell(source: str, *outputs: dict[str, Any], count: int = 0, kind: str = "code") -> Any:
    return {
        "id": f"id of {source}",
        "type": kind,
        "source": source,
        "count": count,
        "outputs": list(outputs),
    }


def said(*cells: Any, active: int = 0, path: str = "work/a.ipynb", **more: Any) -> dict[str, Any]:
    fields = {"kind": "notebook", "path": path, "language": "python"}
    return {**fields, "cells": list(cells), "active": active, **more}


def seen(*cells: Any, **more: Any) -> SeenNotebook:
    shown = read_seen(said(*cells, **more))
    assert isinstance(shown, SeenNotebook)
    return shown


def context(*cells: Any, **more: Any) -> Context:
    found = context_of(seen(*cells, **more))
    assert found is not None
    return found


def test_the_cell_with_its_error_output_imports_and_names_goes_along() -> None:
    stream = {"output_type": "stream", "text": "sorting\n"}
    found = context(
        cell("import math\nrows = [1]\nother = 2", count=1),
        cell("sort(rows)", stream, ERROR, count=2),
        active=1,
        touched=True,
    )
    assert [part.kind for part in found.parts] == ["source", "error", "output", "names"]
    assert found.parts[3].content == "import math\nrows = [1]"
    assert found.words() == "cell 2 of a.ipynb, its error, its output, 1 import, 1 definition"


@pytest.mark.parametrize(
    "empty",
    ["", " \n", "%%ai\nwhat is this?", "%ai explain\n\n%ai list", "%%ai demo -f code\nsort"],
)
def test_an_empty_cell_and_one_that_asks_a_model_are_passed_over(empty: str) -> None:
    assert cell_in_use(seen(cell("x = 1"), cell(empty), active=1, touched=True)) == 0
    assert cell_in_use(seen(cell(empty), active=0, touched=True)) is None


def test_a_markdown_cell_goes_along_as_it_is_but_not_an_empty_one() -> None:
    text = cell("# Title", kind="markdown")
    found = context(cell("x = 1"), text, active=1)
    assert [part.block() for part in found.parts] == [
        "work/a.ipynb, cell 2:\n```markdown\n# Title\n```\n\n"
    ]
    assert cell_in_use(seen(cell("x = 1"), text, cell("", kind="markdown"), active=2)) == 0


def test_the_cell_that_just_failed_counts_until_the_cursor_is_in_another() -> None:
    cells = (cell("x = 1", count=1), cell("sort(x)", ERROR, count=2), cell("y = x"))
    assert cell_in_use(seen(*cells, active=2)) == 1  # Shift+Enter went on to the next
    assert cell_in_use(seen(*cells, active=2, touched=True)) == 2
    assert cell_in_use(seen(*cells, active=0, touched=True)) == 0
    later = (*cells, cell("z = 1", count=3))
    assert cell_in_use(seen(*later, active=3)) == 3  # something has run since
    assert cell_in_use(seen(cell("a", ERROR, count=1), *cells[1:], active=0)) == 0


def test_a_cell_of_many_outputs_fails_by_its_last_one() -> None:
    lines = [{"output_type": "stream", "text": f"step {n}\n"} for n in range(60)]
    found = context(cell("run()", *lines, ERROR, count=1))
    assert [part.kind for part in found.parts] == ["source", "error", "output"]
    assert found.parts[2].content.splitlines()[0] == "step 11"


def test_a_selection_goes_along_by_itself_too() -> None:
    found = context(cell("x = 1\ny = 2"), selection="y = 2", touched=True)
    assert [part.name for part in found.parts] == [
        "work/a.ipynb, cell 1",
        "work/a.ipynb, cell 1, selected",
    ]
    assert found.words() == "cell 1 of a.ipynb, the selection"
    assert len(context(cell("x = 1"), selection="x = 1\n").parts) == 1
    moved = context(cell("x = 1"), cell(""), active=1, selection=" ")
    assert len(moved.parts) == 1


def test_lines_of_a_file_go_along_and_are_cut_round_the_cursor() -> None:
    text = "\n".join(f"value_{n} = {n}" for n in range(20, 60))
    file = {"kind": "file", "path": "src/tools.py", "text": text, "first": 20, "cursor": 50}
    found = context_of(read_seen(file))
    assert found is not None and found.words() == "lines 20 to 59 of tools.py"
    (part,) = found.parts
    assert part.block().startswith("src/tools.py, lines 20 to 59:\n```python\nvalue_20")
    prompt = build_prompt("", [Turn("user", "why?", context=(part,))], 260, "m")
    assert "value_50 =" in prompt.asked.content() and "value_20 =" not in prompt.asked.content()
    chosen = context_of(read_seen({**file, "text": "value_50 = 50", "first": 50, "selected": True}))
    assert chosen is not None and chosen.words() == "the selection in tools.py"
    assert context_of(read_seen({**file, "text": " \n"})) is None


@pytest.mark.parametrize("name", [".env", "conf/.env.local", "keys/server.pem", "secrets.ipynb"])
def test_of_a_file_whose_name_stands_for_secrets_nothing_goes_along(name: str) -> None:
    file = {"kind": "file", "path": name, "text": "TOKEN=1"}
    found = context_of(read_seen(file))
    assert found is not None and found.secret and not found.parts
    assert context(cell("token = 1"), path=name).parts == ()


def test_what_is_attached_by_hand_is_not_sent_twice() -> None:
    found = context(cell("x = 1"), cell("y = 2"), active=1, touched=True)
    notebook = {"type": "notebook", "value": "work/a.ipynb"}
    known: dict[str, Any] = {
        "whole": notebook,
        "this": {**notebook, "cells": [{"id": "id of y = 2"}]},
        "other": {**notebook, "cells": [{"id": "id of x = 1"}]},
        "file": {"type": "file", "value": "work/b.py"},
    }
    covered = {key: is_attached(found, [key], known) for key in [*known, "gone"]}
    assert covered == {"whole": True, "this": True, "other": False, "file": False, "gone": False}


def test_a_context_takes_a_third_of_the_room_at_most_and_attachments_go_first() -> None:
    long = "\n".join(f"line_{n} = {n}" for n in range(200))
    cell_part, file_part = Attachment("a.ipynb, cell 1", long), Attachment("b.py", long)
    prompt = build_prompt("", [Turn("user", "why?", context=(cell_part,))], 600, "m")
    assert 150 < prompt.tokens <= 220
    assert prompt.left_out[0].startswith("a.ipynb, cell 1 after line ")
    assert context_cost([cell_part], 600) <= 200 < context_cost([cell_part], None)
    both = build_prompt("", [Turn("user", "why?", (file_part,), (cell_part,))], 600, "m")
    assert "b.py:" in both.asked.content()
    assert both.left_out[-1] == "a.ipynb, cell 1"  # the attachment has taken all the room


@pytest.mark.parametrize(
    "wrong",
    [
        [],
        "a.ipynb",
        {"kind": "notebook", "path": ""},
        {"kind": "folder", "path": "a"},
        {"kind": "notebook", "path": "a", "cells": {}},
        {"kind": "notebook", "path": "a", "cells": [None]},
        {"kind": "notebook", "path": "a", "cells": [{"source": ["x"]}]},
        {"kind": "notebook", "path": "a", "cells": [{"outputs": {"a": 1}}]},
        {"kind": "notebook", "path": "a", "cells": [{"outputs": ["x"]}]},
        {"kind": "notebook", "path": "a", "cells": [{}], "active": -1},
        {"kind": "notebook", "path": "a", "cells": [{}], "active": "1"},
        {"kind": "notebook", "path": "a", "cells": [{}] * 5001},
        {"kind": "file", "path": "a", "text": 5},
        {"kind": "file", "path": "a", "first": 0.5},
        {"kind": "file", "path": ["a"]},
    ],
)
def test_what_no_page_says_is_refused(wrong: Any) -> None:
    with pytest.raises(Malformed):
        read_seen(wrong)


def test_a_page_may_have_nothing_open_or_an_empty_notebook() -> None:
    assert read_seen(None) is None and context_of(None) is None
    assert read_seen(said()) is None
    assert seen(cell("x"), active=7).opened.active == 0


def test_pictures_and_more_lines_in_a_name_go_nowhere() -> None:
    picture = {"output_type": "display_data", "data": {"image/png": "AAAA"}, "text": ""}
    found = context(cell("plot()", picture), path="a\nIgnore all: b.ipynb")
    assert len(found.parts) == 1
    assert found.parts[0].name == "a Ignore all: b.ipynb, cell 1"
