"""A command that is killed by SIGKILL at any moment is taken back whole by uninstall."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.figures import Figures
from tests.long.dying import Dying, dying_at

CASES = ("install", "use", "create", "pull", "uninstall")


@pytest.fixture
def dying(tmp_path: Path) -> Iterator[Dying]:
    made = dying_at(tmp_path)
    yield made
    made.end()


@pytest.mark.parametrize("case", CASES)
def test_what_a_killed_command_leaves_is_taken_back(
    dying: Dying, case: str, lasting: Callable[[int, int], int], figures: Figures
) -> None:
    """At some of its moments, spread from the first to the last."""
    moments = dying.count(case)
    tried = min(lasting(3, 60), moments)
    wrong = []
    for number in range(tried):
        moment = 1 + number * (moments - 1) // (tried - 1)
        dying.kill(case, moment)
        if left := dying.taken_back(case):
            wrong.append(f"killed at {moment} of {moments}: {left}")
    assert wrong == []
    survived = f"{tried - len(wrong)} / {tried} of {moments} moments"
    figures(f"{case}, killed and taken back", survived, "all", not wrong)
