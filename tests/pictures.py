"""The documentation's pictures, taken by the browser tests that do what they show.

Contract: ``--pictures=FOLDER`` (``make pictures``) runs the tests that take one, and nothing else;
without it the same pictures lie beside the browser tests, to be looked at.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:  # the unit tests have no browser
    from tests.browser.pages import Lab

ARTIFACTS = Path(__file__).parent / "browser" / "artifacts"
MOST_BYTES = 150_000
_NOWHERE = (900, 13)  # in the menu bar: what the mouse points at shows buttons of its own
_FADED_MS = 600


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("pictures")
    group.addoption("--pictures", metavar="FOLDER", help="take the documentation's pictures")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if not config.getoption("--pictures"):
        return
    others = [each for each in items if "picture" not in getattr(each, "fixturenames", ())]
    config.hook.pytest_deselected(items=others)
    items[:] = [each for each in items if each not in others]


@pytest.fixture(scope="session")
def picture(request: pytest.FixtureRequest) -> Callable[[Lab, str], None]:
    """Take a picture of a page: the page, its name."""
    folder = request.config.getoption("--pictures")

    def take(lab: Lab, name: str) -> None:
        path = Path(folder or ARTIFACTS) / name
        if folder:
            lab.page.mouse.move(*_NOWHERE)
            lab.page.wait_for_timeout(_FADED_MS)
        lab.screenshot(path)
        assert not folder or path.stat().st_size < MOST_BYTES, f"{name} is too large"

    return take
