"""%%ai where it is used: nbconvert, a terminal, a long notebook, a script."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pexpect
import pytest
from pydantic import BaseModel

import local_assistant
from local_assistant.errors import AssistantError
from tests.integration.magics.kernel import Kernel, kernel

PRIMES = "Write a function that returns all primes up to n"


def _nbconvert(folder: Path, *sources: str) -> subprocess.CompletedProcess[str]:
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(s) for s in sources])
    nbformat.write(notebook, folder / "asked.ipynb")
    command = [sys.executable, "-m", "nbconvert", "--execute", "--to", "notebook"]
    return subprocess.run(
        [*command, "--output", "done.ipynb", "asked.ipynb"],
        capture_output=True, text=True, timeout=120, cwd=folder, check=False,
    )  # fmt: skip


def test_nbconvert_runs_a_notebook(assistant: Path, tmp_path: Path) -> None:
    done = _nbconvert(
        tmp_path,
        f"%%ai\n{PRIMES}",
        f"%%ai -f code --into source\n{PRIMES}",
        "exec(source); primes_up_to(10)",
        "%%ai -f json --into planets\nList the planets of the solar system",
        "planets[2]",
        "%%ai -f html\nMake an HTML button",
    )
    assert done.returncode == 0, done.stderr
    cells = nbformat.read(tmp_path / "done.ipynb", as_version=4).cells
    assert len(cells) == 6
    last = [cell.outputs[-1]["data"] for cell in cells]
    assert "def primes_up_to" in last[0]["text/markdown"]
    assert last[1]["text/plain"].startswith("def primes_up_to")
    assert last[2]["text/plain"] == "[2, 3, 5, 7]"
    assert last[3]["application/json"][0] == "Mercury"
    assert last[4]["text/plain"] == "'Earth'"
    assert 'sandbox=""' in last[5]["text/html"]
    assert all(len(cell.outputs) == 1 for cell in cells)


def test_nbconvert_stops_at_a_cell_that_was_not_answered(assistant: Path, tmp_path: Path) -> None:
    done = _nbconvert(tmp_path, "%%ai nowhere:1b\nHello", "print('went on')")
    assert done.returncode != 0
    assert 'The model "nowhere:1b" is not installed' in done.stderr
    assert not (tmp_path / "done.ipynb").exists()


def test_a_terminal_draws_markdown(assistant: Path) -> None:
    program = assistant / "drawn.ipy"
    program.write_text(f"%%ai\n{PRIMES}\n")
    command = f"{sys.executable} -m IPython --no-banner {program}"
    drawn, status = pexpect.run(command, timeout=100, withexitstatus=True, cwd=str(assistant))
    assert status == 0
    colours = re.findall(rb"\x1b\[[\d;]+m", drawn)
    shown = re.sub(rb"\x1b\[[?\d;]*[a-zA-Z]", b"", drawn).decode()
    assert len(set(colours)) > 3
    assert "primes.append(k)" in shown
    assert "```" not in shown.splitlines()[-1]


def test_three_hundred_cells(assistant: Path) -> None:
    """What is sent stays within the model's window; the kernel keeps a bounded history."""
    with kernel(assistant) as running:
        for number in range(300):
            cell = running.run(f"%%ai --max-tokens 4 -f text\nQuestion {number}: größer als 日本?")
            assert (cell.status, cell.stderr) == ("ok", ""), cell.error
        told = running.run("%ai reset").text
        assert "Forgotten: 100 questions" in told
        last = running.run(f"%%ai\n{PRIMES}")
        assert "def primes_up_to" in last.text


def test_a_full_history_is_told_once_and_answers_go_on(notebook_kernel: Kernel) -> None:
    notebook_kernel.run("%ai reset")
    texts = [notebook_kernel.run(f"%%ai\n{PRIMES}").text for _ in range(12)]
    assert all("def primes_up_to" in text for text in texts)
    assert sum("oldest questions are no longer sent" in text for text in texts) == 1


class Capitals(BaseModel):
    France: str
    Italy: str
    Spain: str


def test_a_script_asks(assistant: Path) -> None:
    assert "notebook" in local_assistant.ask("What is Jupyter?", format="text")
    names: dict[str, object] = {}
    exec(local_assistant.ask(PRIMES, format="code"), names)
    assert names["primes_up_to"](10) == [2, 3, 5, 7]  # type: ignore[operator]
    planets = local_assistant.ask("List the planets of the solar system", schema=list[str])
    assert planets[2] == "Earth"
    asked = "Give me three European capitals with their countries"
    assert local_assistant.ask(asked, schema=Capitals).Italy == "Rome"


def test_a_script_reads_on_while_the_model_writes(assistant: Path) -> None:
    conversation = local_assistant.Conversation()
    pieces = list(local_assistant.ask(PRIMES, stream=True, history=conversation))
    assert len(pieces) > 10
    assert "def primes_up_to" in "".join(pieces)
    assert len(conversation) == 1
    begun = local_assistant.ask(PRIMES, stream=True)
    assert next(iter(begun))
    begun.close()  # type: ignore[attr-defined]


def test_a_script_gets_errors_in_words(assistant: Path) -> None:
    with pytest.raises(AssistantError, match="not installed"):
        local_assistant.ask("Hello", model="nowhere:1b")
    with pytest.raises(AssistantError, match="not valid JSON"):
        local_assistant.ask("Who are you?", format="json", max_tokens=3)


def test_a_script_is_warned_where_the_demo_model_stands_in(
    assistant: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = assistant / "jupyter" / "not-there-yet.toml"
    config.write_text('[server]\nkind = "embedded"\n\n[models]\npreset = "small"\n')
    monkeypatch.setenv("LOCAL_ASSISTANT_CONFIG", str(config))
    with pytest.warns(UserWarning, match="demo model answers"):
        assert local_assistant.ask("What is Jupyter?")
