"""How a failed %%ai cell looks."""

from __future__ import annotations

from pathlib import Path

import pytest

from local_assistant import paths
from local_assistant.errors import AssistantError
from local_assistant.lab.magics.failure import cell_failure


def test_a_foreseen_failure_is_its_sentence_and_its_way_out() -> None:
    failure = cell_failure(AssistantError("No engine.", "Start it."))
    assert failure._render_traceback_() == ["No engine. Start it."]


def test_an_interrupt_is_a_sentence() -> None:
    (line,) = cell_failure(KeyboardInterrupt())._render_traceback_()
    assert line.startswith("Interrupted")


def test_an_unforeseen_failure_leaves_its_traceback_in_the_log(home: Path) -> None:
    try:
        raise ZeroDivisionError("by zero")
    except ZeroDivisionError as error:
        (line,) = cell_failure(error)._render_traceback_()
    assert "ZeroDivisionError: by zero" in line
    assert "jupyter assistant logs" in line
    assert "Traceback" in (paths.logs_dir() / "magics.log").read_text()


def test_where_there_can_be_no_log_nothing_goes_to_stderr(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    paths.home().write_text("a file in the way")
    (line,) = cell_failure(ZeroDivisionError("by zero"))._render_traceback_()
    assert "log" not in line
    assert capsys.readouterr().err == ""
