"""The doctor's frame: order, failures of every kind, mending."""

from __future__ import annotations

import sys
from concurrent.futures import Future
from pathlib import Path

import pytest

from local_assistant.errors import AssistantError
from local_assistant.setup.doctor import Check, Failing, mend, registered, runner
from local_assistant.setup.doctor.readings import Readings
from local_assistant.setup.doctor.registry import GROUPS, Registered, refuse
from local_assistant.setup.doctor.runner import _outcome, run_one


def looking(run: object) -> Registered:
    return Registered("name", "group", "about", "", False, run)  # type: ignore[arg-type]


def test_every_group_has_checks_and_every_check_says_what_it_looks_at() -> None:
    checks = registered()
    assert {check.group for check in checks} == set(GROUPS)
    assert len({check.name for check in checks}) == len(checks)
    for check in checks:
        assert check.about.endswith("."), check.name
        assert check.name.isidentifier(), check.name
    # Those that ask a model come last: they may start what others look at.
    asking = [check.asks for check in checks]
    assert asking == sorted(asking)


def test_what_a_check_returns_is_its_detail(home: Path) -> None:
    found = run_one(looking(lambda _readings: "seen"), Readings())
    assert (found.ok, found.detail, found.fix) == (True, "seen", None)
    assert found.as_dict() == {
        "name": "name", "ok": True, "detail": "seen", "fix": None, "ms": found.ms,
    }  # fmt: skip


def test_an_error_is_a_failing_check_with_its_fix(home: Path) -> None:
    def fail(_readings: Readings) -> str:
        raise AssistantError("found", "do this")

    found = run_one(looking(fail), Readings())
    assert (found.ok, found.detail, found.fix, found.safe_fix) == (False, "found", "do this", None)


def test_no_secret_is_in_a_report_that_people_show_around(home: Path) -> None:
    def fail(_readings: Readings) -> str:
        raise AssistantError('OLLAMA_HOST is "http://me:hunter2@host:9".', "do this")

    said = run_one(looking(fail), Readings()).detail
    assert said == 'OLLAMA_HOST is "http://me:***@host:9".'


def test_where_there_is_no_pip_the_command_is_uvs(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_readings: Readings) -> str:
        raise AssistantError("old", 'Run: pip install "a<1"; and: /x/python -m pip install b')

    monkeypatch.setattr(runner, "find_spec", lambda _name: None)
    expected = (
        f'Run: uv pip install --python {sys.executable} "a<1"; and: /x/python -m pip install b'
    )
    assert run_one(looking(fail), Readings()).fix == expected
    monkeypatch.setattr(runner, "find_spec", lambda _name: object())
    assert (run_one(looking(fail), Readings()).fix or "").startswith('Run: pip install "a<1"')


def test_a_check_that_crashes_says_where_the_traceback_is(home: Path) -> None:
    def crash(_readings: Readings) -> str:
        raise ZeroDivisionError("by zero")

    found = run_one(looking(crash), Readings())
    assert not found.ok
    assert "ZeroDivisionError: by zero" in found.detail
    assert "jupyter assistant logs cli" in (found.fix or "")
    assert str(home / "assistant" / "logs" / "cli.log") in (found.fix or "")


def test_a_check_that_hangs_is_a_failing_check(home: Path) -> None:
    found = _outcome(looking(None), Future(), 0.01)
    assert not found.ok
    assert "did not end" in found.detail
    assert found.fix


def test_several_problems_are_one_failing_check() -> None:
    refuse([])
    with pytest.raises(Failing) as caught:
        refuse(
            [
                Failing("One.", "do a", lambda: "did a"),
                Failing("Two.", "do b"),
                Failing("Two.", "do b", lambda: "did b"),
            ]
        )
    failing = caught.value
    assert (failing.message, failing.fix) == ("One. Two.", "do a; and: do b")
    assert failing.safe_fix is not None
    assert failing.safe_fix() == "did a; did b"


def test_mending_runs_what_is_safe_and_says_what_failed(home: Path) -> None:
    def refused() -> str:
        raise AssistantError("no room", "make some")

    def crash() -> str:
        raise ZeroDivisionError

    done = list(
        mend(
            [
                Check("good", True, "", None, 1.0, lambda: "not needed"),
                Check("by hand", False, "", "do it", 1.0),
                Check("safe", False, "", "do it", 1.0, lambda: "did it"),
                Check("refused", False, "", "do it", 1.0, refused),
                Check("crashes", False, "", "do it", 1.0, crash),
            ]
        )
    )
    assert [(each.name, each.ok) for each in done] == [
        ("safe", True), ("refused", False), ("crashes", False),
    ]  # fmt: skip
    assert done[0].as_dict() == {"name": "safe", "ok": True, "detail": "did it"}
    assert done[1].detail == "no room make some"
    assert "ZeroDivisionError" in done[2].detail


def test_a_reading_is_made_once_also_where_it_fails() -> None:
    calls: list[str] = []

    def fail() -> str:
        calls.append("asked")
        raise AssistantError("not there")

    readings = Readings()
    for _ in range(2):
        with pytest.raises(AssistantError, match="not there"):
            readings.once("key", fail)
    assert calls == ["asked"]
