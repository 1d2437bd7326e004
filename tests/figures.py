"""Long tests: their length, and one table of the figures that they reach.

Contract, a pytest plugin that tests/conftest.py loads:

- ``--long`` runs the tests in tests/long at their whole length; without it each of them runs
  in a short form, and what is marked ``long`` is left out. The fixture ``lasting(short, whole)``
  gives the one of the two that counts.
- The fixture ``figures(name, value, bound, reached)`` adds a row. A row that is not reached fails
  its test. All rows of a run are printed in one table at its end, and with ``--figures=FILE``
  written to that file as JSON.
- hypothesis repeats the same cases in every short run; ``--long`` draws new ones and says the
  seed, which ``--hypothesis-seed=N`` repeats.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import hypothesis
import pytest

T = TypeVar("T")
Figures = Callable[[str, object, object, bool], None]
FAULT = "fault: "
"""How the name of a fault's row begins; they are counted below the table."""
_PROPERTY = "figure"
_LONG_TIMEOUT_S = 3600
_rows: dict[str, list[dict[str, Any]]] = {}


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("long tests")
    group.addoption("--long", action="store_true", help="run long tests at their whole length")
    group.addoption("--figures", metavar="FILE", help="write the table of figures there as JSON")


@pytest.hookimpl(tryfirst=True)  # before hypothesis looks at its own options
def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "long: runs only with --long")
    whole = config.getoption("--long")
    hypothesis.settings.register_profile(
        "project",
        deadline=None,
        database=None,
        derandomize=not whole,
        print_blob=True,
        suppress_health_check=list(hypothesis.HealthCheck),
    )
    hypothesis.settings.load_profile("project")
    if whole and config.option.hypothesis_seed is None:
        config.option.hypothesis_seed = random.randrange(2**32)


def pytest_report_header(config: pytest.Config) -> str | None:
    return f"seed: {config.option.hypothesis_seed}" if config.getoption("--long") else None


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("--long"):
        for item in items:
            if item.get_closest_marker("timeout") is None:
                item.add_marker(pytest.mark.timeout(_LONG_TIMEOUT_S))
        return
    left_out = [item for item in items if item.get_closest_marker("long")]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]


@pytest.fixture
def lasting(pytestconfig: pytest.Config) -> Callable[[T, T], T]:
    """Return the first of two lengths, or with ``--long`` the second."""
    whole = bool(pytestconfig.getoption("--long"))
    return lambda short, long: long if whole else short


@pytest.fixture
def figures(request: pytest.FixtureRequest) -> Iterator[Figures]:
    """Add a row to the table of figures."""
    missed: list[str] = []

    def add(name: str, value: object, bound: object, reached: bool) -> None:
        row = {"name": name, "value": str(value), "bound": str(bound), "reached": reached}
        request.node.user_properties.append((_PROPERTY, row))
        if not reached:
            missed.append(f"{name}: {value} (bound {bound})")

    yield add
    assert not missed, f"figures that were not reached: {'; '.join(missed)}"


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    # User properties come over from the processes of pytest-xdist; each report has all so far.
    rows = [row for name, row in report.user_properties if name == _PROPERTY]
    if rows:
        _rows[report.nodeid] = rows


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    rows = [row for test in sorted(_rows) for row in _rows[test]]
    if rows:
        terminalreporter.section("figures")
        heads = {"name": "Figure", "value": "Value", "bound": "Bound"}
        widths = {key: max(len(row[key]) for row in [heads, *rows]) for key in heads}
        for row in [{**heads, "reached": "Reached"}, *rows]:
            said = row["reached"] if row["reached"] == "Reached" else _yes(row["reached"])
            cells = [row[key].ljust(widths[key]) for key in heads]
            terminalreporter.write_line("  ".join([*cells, said]))
        faults = [row["reached"] for row in rows if row["name"].startswith(FAULT)]
        if faults:
            terminalreporter.write_line(
                f"faults injected / survived: {len(faults)} / {sum(faults)}"
            )
    file = config.getoption("--figures")
    if file and not hasattr(config, "workerinput"):
        path = Path(file)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({"schema": 1, "figures": rows}, indent=1) + "\n", "utf-8")


def _yes(reached: bool) -> str:
    return "yes" if reached else "NO"
