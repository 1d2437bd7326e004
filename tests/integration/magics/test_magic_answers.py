"""%%ai in a real kernel, answered by the demo model through the real engine."""

from __future__ import annotations

import ast
import html
import json
from pathlib import Path

import pytest

from tests.integration.magics.kernel import Kernel, kernel

SHORT = "\n[chat]\nmax_tokens = 5\n"
PRIMES = "Write a function that returns all primes up to n"
HEAVY = ("ollama", "langchain", "langchain_core", "langchain_ollama", "xllamacpp", "litellm")


def test_an_answer_streams_into_the_cell(notebook_kernel: Kernel) -> None:
    cell = notebook_kernel.run(f"%%ai\n{PRIMES}")
    assert cell.status == "ok"
    assert cell.stderr == ""
    assert len(cell.outputs) == 1
    answer = cell.outputs[0]
    assert "```python" in answer["text/markdown"]
    assert "def primes_up_to(n)" in answer["text/plain"]
    # It grew in place, and was not held back to its end.
    lengths = [len(state["text/plain"]) for state in cell.states]
    assert lengths[0] < lengths[-1] // 2
    assert lengths == sorted(lengths)


def test_code_goes_into_a_new_cell_and_runs(notebook_kernel: Kernel) -> None:
    cell = notebook_kernel.run(f"%%ai -f code\n{PRIMES}")
    assert (cell.status, cell.stderr) == ("ok", "")
    (source,) = cell.next_cells
    assert "```" not in source
    assert cell.outputs[-1]["text/plain"] == source
    assert notebook_kernel.run(source).status == "ok"
    assert notebook_kernel.run("primes_up_to(10)").result == "[2, 3, 5, 7]"


def test_text_is_printed(notebook_kernel: Kernel) -> None:
    cell = notebook_kernel.run("%%ai -f text\nWhat is Jupyter?")
    assert (cell.status, cell.stderr, cell.outputs) == ("ok", "", [])
    assert "notebook" in cell.stdout.lower()
    assert cell.stdout.endswith("\n")


def test_json_is_data(notebook_kernel: Kernel) -> None:
    cell = notebook_kernel.run("%%ai -f json\nList the planets of the solar system")
    assert (cell.status, cell.stderr) == ("ok", "")
    planets = cell.outputs[-1]["application/json"]
    assert [str(name) for name in planets][:3] == ["Mercury", "Venus", "Earth"]
    assert len(planets) == 8
    assert json.loads(cell.outputs[-1]["text/plain"]) == planets


def test_math_is_latex(notebook_kernel: Kernel) -> None:
    cell = notebook_kernel.run("%%ai -f math\nWhat is the quadratic formula?")
    assert (cell.status, cell.stderr) == ("ok", "")
    latex = cell.outputs[-1]["text/latex"]
    assert r"\frac" in latex
    assert r"\sqrt" in latex


def test_html_is_shut_in(notebook_kernel: Kernel) -> None:
    cell = notebook_kernel.run("%%ai -f html\nMake an HTML table with two rows")
    assert (cell.status, cell.stderr) == ("ok", "")
    frame = cell.outputs[-1]["text/html"]
    assert frame.startswith('<iframe sandbox="" srcdoc="')
    assert html.unescape(frame).count("<tr>") >= 2


def test_an_answer_that_is_not_json_is_shown_and_fails(assistant: Path) -> None:
    """Here because it was cut off in the middle, which is said as well."""
    config = assistant / "jupyter" / "short.toml"
    config.write_text((assistant / "jupyter" / "assistant.toml").read_text() + SHORT)
    with kernel(assistant, {"LOCAL_ASSISTANT_CONFIG": str(config)}) as running:
        cell = running.run("%%ai -f json\nList the planets of the solar system")
    assert (cell.status, cell.stderr) == ("error", "")
    assert "not valid JSON" in cell.error
    assert cell.outputs[0]["text/plain"].startswith('["Mer')
    assert "cut off at [chat] max_tokens = 5" in cell.outputs[1]["text/plain"]


def test_values_of_the_notebook_stand_in_the_prompt(notebook_kernel: Kernel) -> None:
    notebook_kernel.run("wanted = {'what': 'all primes', 'top': 'n'}")
    asked = "Write a function that returns {wanted[what]} up to {wanted[top]}"
    cell = notebook_kernel.run(f"%%ai -f code\n{asked}")
    assert cell.status == "ok", cell.error
    assert "def primes_up_to(n)" in cell.next_cells[0]


def test_an_unknown_value_is_named(notebook_kernel: Kernel) -> None:
    notebook_kernel.run("measurements = [1, 2]")
    cell = notebook_kernel.run("%%ai\nWhat is the mean of {measurement}?")
    assert (cell.status, cell.stderr, cell.outputs) == ("error", "", [])
    assert "Did you mean {measurements}?" in cell.error
    assert "Traceback" not in cell.error


@pytest.mark.parametrize("code", ["%%ai", "%%ai\n", "%%ai -f code\n  \n\n"])
def test_an_empty_prompt_is_answered_with_the_usage(notebook_kernel: Kernel, code: str) -> None:
    cell = notebook_kernel.run(code)
    assert (cell.status, cell.stderr, cell.outputs) == ("error", "", [])
    assert cell.error.startswith("The prompt is empty. Usage: %%ai [MODEL] [-f FORMAT]")


def test_an_unknown_model_is_named_with_the_nearest(notebook_kernel: Kernel) -> None:
    cell = notebook_kernel.run(f"%%ai asistant-demo\n{PRIMES}")
    assert (cell.status, cell.stderr, cell.outputs) == ("error", "", [])
    assert "asistant-demo" in cell.error
    assert "assistant-demo" in cell.error.replace("asistant-demo", "")
    assert "Traceback" not in cell.error


def test_an_unknown_format_is_named_with_the_nearest(notebook_kernel: Kernel) -> None:
    cell = notebook_kernel.run(f"%%ai -f jsn\n{PRIMES}")
    assert (cell.status, cell.stderr, cell.outputs) == ("error", "", [])
    assert "Did you mean json?" in cell.error


@pytest.mark.parametrize("size", [200_000, 3_300])
def test_a_prompt_that_does_not_fit_is_refused(notebook_kernel: Kernel, size: int) -> None:
    """The larger one by our estimate, the smaller one by the server's count."""
    notebook_kernel.run("%ai reset")  # what was asked before would go along
    notebook_kernel.run(f"text = 'kxqz ' * {size // 5}")
    cell = notebook_kernel.run("%%ai\nExplain this: {text}", timeout=30)
    assert (cell.status, cell.stderr, cell.outputs) == ("error", "", [])
    assert "1,024" in cell.error
    assert "Shorten it" in cell.error
    assert notebook_kernel.run(f"%%ai\n{PRIMES}").status == "ok"


def test_the_models_are_listed(notebook_kernel: Kernel) -> None:
    cell = notebook_kernel.run("%ai list")
    assert (cell.status, cell.stderr) == ("ok", "")
    row = next(line for line in cell.text.splitlines() if line.startswith("assistant-demo "))
    assert "answers %%ai" in row


def test_the_magic_imports_nothing_heavy(notebook_kernel: Kernel) -> None:
    assert notebook_kernel.run(f"%%ai\n{PRIMES}").status == "ok"
    loaded = ast.literal_eval(notebook_kernel.run("import sys; sorted(sys.modules)").result)
    assert not set(HEAVY) & set(loaded)


def test_a_changed_file_counts_for_the_next_cell(assistant: Path) -> None:
    """Here: a typing mistake is told once, and the last good file stays in force."""
    config = assistant / "jupyter" / "assistant.toml"
    good = config.read_text()
    try:
        with kernel(assistant) as running:
            assert running.run(f"%%ai -f code\n{PRIMES}").status == "ok"
            config.write_text(good + "\n[chat]\nmax_tokns = 5\n")
            cell = running.run(f"%%ai\n{PRIMES}")
            assert (cell.status, cell.stderr) == ("ok", "")
            assert "max_tokens" in cell.outputs[0]["text/plain"]
            assert "primes_up_to" in cell.outputs[1]["text/plain"]
            assert len(running.run(f"%%ai\n{PRIMES}").outputs) == 1
            config.write_text(good + SHORT)
            cell = running.run(f"%%ai\n{PRIMES}")
            assert "cut off at [chat] max_tokens = 5" in cell.outputs[-1]["text/plain"]
    finally:
        config.write_text(good)


def test_who_answers_in_place_of_the_wanted_model_is_told_once(assistant: Path) -> None:
    config = assistant / "jupyter" / "small.toml"
    config.write_text('[server]\nkind = "embedded"\n\n[models]\npreset = "small"\n')
    with kernel(assistant, {"LOCAL_ASSISTANT_CONFIG": str(config)}) as running:
        first = running.run(f"%%ai\n{PRIMES}")
        assert first.status == "ok", first.error
        assert "jupyter assistant" in first.outputs[0]["text/plain"]
        assert "primes_up_to" in first.outputs[1]["text/plain"]
        assert len(running.run(f"%%ai\n{PRIMES}").outputs) == 1
