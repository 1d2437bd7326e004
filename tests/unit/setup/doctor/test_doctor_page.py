"""The page about the doctor is made from its checks."""

from __future__ import annotations

from pathlib import Path

from local_assistant.setup.doctor.page import page

ROOT = Path(__file__).parents[4]


def test_the_page_is_up_to_date() -> None:
    committed = (ROOT / "docs" / "doctor.md").read_text(encoding="utf-8")
    assert committed == page(), "run: python -m local_assistant.setup.doctor.page docs/doctor.md"
