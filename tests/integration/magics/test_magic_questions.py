"""What %%ai sends, and what becomes of exact answers: in a real kernel, on a made-up server."""

from __future__ import annotations

import pytest

from tests.integration.magics.kernel import Kernel
from tests.integration.magics.odd_server import OddServer

FIXED = "The column is called price.\n\n```python\ntotal = df['price'].sum()\n```\n"


@pytest.fixture(autouse=True)
def _fresh(odd_kernel: Kernel, odd: OddServer) -> None:
    odd.will_say("Fine.")
    assert odd_kernel.run("%ai reset").status == "ok"


def test_the_last_error_is_explained_and_the_corrected_cell_put_below(
    odd_kernel: Kernel, odd: OddServer
) -> None:
    odd.will_say(FIXED)
    odd_kernel.run("import pandas as pd\ndf = pd.DataFrame({'price': [1.5, 2.0]})")
    assert odd_kernel.run("total = df['pirce'].sum()").status == "error"
    assert odd_kernel.run("%ai lits").status == "error"  # ours, and not what is to be mended
    cell = odd_kernel.run("%ai fix")
    assert (cell.status, cell.stderr) == ("ok", ""), cell.error
    assert cell.next_cells == ["total = df['price'].sum()"]
    assert "called price" in cell.outputs[0]["text/markdown"]
    assert "has not been run" in cell.outputs[1]["text/plain"]
    (asked,) = odd.asked
    prompt = asked["messages"][-1]["content"]
    for said in ("total = df['pirce'].sum()", "KeyError: 'pirce'", "price: float64"):
        assert said in prompt
    assert "site-packages" not in prompt.partition("KeyError")[0].partition("Cell In")[0]
    assert odd_kernel.run("'total' in dir()").result == "False"
    assert odd_kernel.run(cell.next_cells[0] + "\ntotal").result.endswith("3.5)")


def test_an_explanation_without_code_adds_no_cell(odd_kernel: Kernel, odd: OddServer) -> None:
    odd.will_say("Restart the kernel.")
    odd_kernel.run("1 / 0")
    cell = odd_kernel.run("%ai fix")
    assert (cell.status, cell.next_cells) == ("ok", [])
    assert "no corrected cell" in cell.outputs[-1]["text/plain"]


def test_the_cell_above_is_explained(odd_kernel: Kernel, odd: OddServer) -> None:
    odd_kernel.run("squares = [n * n for n in range(5)]")
    odd_kernel.run("%ai list")
    assert odd_kernel.run("%ai explain").status == "ok"
    assert "squares = [n * n for n in range(5)]" in odd.asked[0]["messages"][-1]["content"]
    odd_kernel.run("def double(x):\n    return 2 * x")
    assert odd_kernel.run("%ai explain double -t 0").status == "ok"
    assert "return 2 * x" in odd.asked[1]["messages"][-1]["content"]
    assert odd.asked[1]["options"]["temperature"] == 0


def test_what_was_asked_before_is_sent_again_until_reset(
    odd_kernel: Kernel, odd: OddServer
) -> None:
    odd_kernel.run("%%ai\nMy name is Zoë.")
    odd_kernel.run("%%ai --no-history\nAlone.")
    odd_kernel.run("%%ai\nWhat is my name?")
    assert "Forgotten: 2 questions" in odd_kernel.run("%ai reset").text
    odd_kernel.run("%%ai\nAnd now?")
    said = [[m["content"] for m in body["messages"] if m["role"] != "system"] for body in odd.asked]
    assert said == [
        ["My name is Zoë."],
        ["Alone."],
        ["My name is Zoë.", "Fine.", "What is my name?"],
        ["And now?"],
    ]


def test_a_question_that_failed_is_not_remembered(odd_kernel: Kernel, odd: OddServer) -> None:
    odd.will_say("no json", "Fine.")
    assert odd_kernel.run("%%ai -f json\nData").status == "error"
    odd_kernel.run("%%ai\nHello")
    assert len(odd.asked[1]["messages"]) == 2


def test_a_schema_is_sent_and_the_answer_becomes_an_object(
    odd_kernel: Kernel, odd: OddServer
) -> None:
    odd.will_say('{"name": "Zürich", "people": 400000}')
    odd_kernel.run(
        "from pydantic import BaseModel\nclass City(BaseModel):\n    name: str\n    people: int"
    )
    cell = odd_kernel.run("%%ai --schema City --into city\nWhere?")
    assert (cell.status, cell.stderr) == ("ok", ""), cell.error
    assert cell.outputs[0]["application/json"]["name"] == "Zürich"
    assert odd.asked[0]["format"]["required"] == ["name", "people"]
    assert odd_kernel.run("city").result == "City(name='Zürich', people=400000)"
    assert odd_kernel.run("_ai is city").result == "True"


def test_an_answer_that_does_not_fit_sets_no_variable(odd_kernel: Kernel, odd: OddServer) -> None:
    odd.will_say('{"n": "three"}')
    odd_kernel.run('schema = {"type": "object", "properties": {"n": {"type": "integer"}}}')
    cell = odd_kernel.run("%%ai --schema schema --into wrong\nHow many?")
    assert cell.status == "error"
    assert "does not fit the schema (answer.n: 'three' is not of type 'integer')" in cell.error
    assert cell.outputs[0]["application/json"] == {"n": "three"}
    assert odd_kernel.run("'wrong' in dir()").result == "False"


def test_a_frame_in_the_prompt_is_its_columns_and_first_rows(
    odd_kernel: Kernel, odd: OddServer
) -> None:
    odd_kernel.run(
        "import numpy as np, pandas as pd\n"
        "big = pd.DataFrame({c: np.arange(1_300_000, dtype=float) for c in 'abcde'})"
    )
    cell = odd_kernel.run("%%ai\nWhat is the mean of column a? {big}\n{In[-1]}")
    assert cell.status == "ok", cell.error
    prompt = odd.asked[0]["messages"][-1]["content"]
    assert "1,300,000 rows × 5 columns" in prompt
    assert "a: float64" in prompt
    assert len(prompt) < 2_000


def test_an_error_can_stand_in_the_prompt(odd_kernel: Kernel, odd: OddServer) -> None:
    odd_kernel.run("int('größe')")
    assert odd_kernel.run("%%ai\nTranslate: {Err[-1]}").status == "ok"
    prompt = odd.asked[0]["messages"][-1]["content"]
    assert "ValueError: invalid literal for int() with base 10: 'größe'" in prompt
    assert odd_kernel.run("'größe' in Err[-1]").result == "True"
    odd_kernel.run("%reset -f")
    assert odd_kernel.run("%%ai\nTranslate: {Err[-1]}").status == "ok"


def test_an_alias_stands_for_a_model(odd_kernel: Kernel, odd: OddServer) -> None:
    assert odd_kernel.run("%ai alias mine odd").status == "ok"
    assert odd_kernel.run("%%ai mine -f text\nHello").status == "ok"
    assert odd.asked[0]["model"].startswith("odd")
    assert "mine stands for odd" in odd_kernel.run("%ai list").text
    odd_kernel.run("%ai alias lost nowhere:1b")
    assert odd_kernel.run("%%ai lost\nHello").error.startswith("lost stands for nowhere:1b.")
    assert "Did you mean mine?" in odd_kernel.run("%ai dealias mien").error
    assert odd_kernel.run("%ai dealias mine").status == "ok"
    assert odd_kernel.run("%%ai mine\nHello").status == "error"
    assert "word of %ai" in odd_kernel.run("%ai alias list odd").error


def test_options_of_the_line_are_sent(odd_kernel: Kernel, odd: OddServer) -> None:
    line = '%%ai --model odd -t 0.3 --max-tokens 50 --system "Sprich Français, 日本語" -f text'
    assert odd_kernel.run(f"{line}\nHello").status == "ok"
    (body,) = odd.asked
    assert body["options"] == {"temperature": 0.3, "num_predict": 50}
    assert body["messages"][0]["content"].startswith("Sprich Français, 日本語")


@pytest.mark.parametrize("form", ["markdown", "text", "math", "html"])
def test_other_scripts_come_back_as_they_are(odd_kernel: Kernel, odd: OddServer, form: str) -> None:
    said = "Größe 日本語 привет 🙂 e\u0301 ١½ 𝔘"
    odd.will_say(said)
    cell = odd_kernel.run(f"%%ai -f {form} --into said\n{said}?")
    assert cell.status == "ok", cell.error
    assert said in cell.text
    assert odd.asked[0]["messages"][-1]["content"] == f"{said}?"
    assert odd_kernel.run(f"said == {said!r}").result == "True"
