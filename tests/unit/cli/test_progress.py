"""Progress of a download: thinned lines, JSON lines, or nothing."""

from __future__ import annotations

import json

import pytest

from local_assistant.cli.progress import reporting
from local_assistant.cli.render import Renderer
from local_assistant.models.progress import PullProgress

EVENTS = [
    PullProgress("m", "asking"),
    *(PullProgress("m", "downloading", done, 1000) for done in range(0, 1001, 10)),
    PullProgress("m", "ready"),
]


def shown(as_json: bool, json_lines: bool, capsys: pytest.CaptureFixture[str]) -> list[str]:
    with reporting(Renderer(as_json=as_json), json_lines=json_lines) as report:
        for event in EVENTS:
            report(event)
    return capsys.readouterr().out.splitlines()


def test_lines_where_there_is_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    assert shown(False, False, capsys) == [
        "m: asking",
        "m: downloading, 0% of 1 kB",
        "m: ready",
    ]


def test_json_lines(capsys: pytest.CaptureFixture[str]) -> None:
    lines = [json.loads(line) for line in shown(True, True, capsys)]
    assert [line["status"] for line in lines] == ["asking", "downloading", "ready"]
    assert set(lines[0]) == {"name", "status", "completed", "total", "layer", "speed", "eta_s"}


def test_speed_and_what_is_left(capsys: pytest.CaptureFixture[str]) -> None:
    event = PullProgress("m", "pulling", 200_000_000, 1_000_000_000, "0123", speed=10_000_000)
    with reporting(Renderer(as_json=False)) as report:
        report(event)
    assert capsys.readouterr().out == "m: pulling, 20% of 1.0 GB, 10.0 MB/s, 1:20 left\n"
    with reporting(Renderer(as_json=True), json_lines=True) as report:
        report(event)
    assert json.loads(capsys.readouterr().out)["eta_s"] == 80


def test_one_object_means_no_progress(capsys: pytest.CaptureFixture[str]) -> None:
    assert shown(True, False, capsys) == []
