"""The example notebooks of ``%%ai``, executed in a real kernel and read for meaning."""

from __future__ import annotations

import ast
import html
from pathlib import Path
from typing import Any

import pytest

from tests.integration.examples import (
    HONEST,
    ROOT,
    Page,
    assert_honest,
    assert_runs,
    executed,
    of_kind,
)
from tests.integration.magics.odd_server import OddServer

EXAMPLES = of_kind("magics")
NAMES = [path.stem for path in EXAMPLES]


@pytest.fixture(scope="module")
def pages(assistant: Path) -> dict[str, Page]:
    """Every example, executed with the demo model."""
    return {path.stem: executed(path) for path in EXAMPLES}


@pytest.fixture(scope="module")
def tour(pages: dict[str, Page]) -> Page:
    return pages["tour"]


@pytest.fixture(scope="module")
def formats(pages: dict[str, Page]) -> Page:
    return pages["ai_magic"]


@pytest.mark.parametrize("name", NAMES)
def test_an_example_runs_from_top_to_bottom(pages: dict[str, Page], name: str) -> None:
    assert_runs(pages[name])


@pytest.mark.parametrize("name", NAMES)
def test_what_the_demo_model_cannot_do_it_says(pages: dict[str, Page], name: str) -> None:
    assert_honest(pages[name])


def test_the_tour_explains(tour: Page) -> None:
    assert "list" in tour.text("ask").lower()
    assert " for " in tour.text("ask")


def test_the_tour_makes_a_function_that_finds_primes(tour: Page) -> None:
    assert tour.results["code"]["text/plain"] == "[2, 3, 5, 7]"
    assert "cell below" in tour.bundle("code")["text/markdown"]


def test_the_tour_asks_about_a_variable(tour: Page) -> None:
    """The code that came back, run on its own, must hold the squares from 1 to 100."""
    names: dict[str, Any] = {}
    exec(tour.added["variables-ask"], names)
    values = [value for name, value in names.items() if not name.startswith("__")]
    assert [number * number for number in range(1, 11)] in values


def test_the_demo_model_is_honest(tour: Page) -> None:
    assert "demo model" in tour.text("honest").lower()


def test_every_format_shows_what_it_promises(formats: Page) -> None:
    assert "itself" in formats.bundle("markdown")["text/markdown"]
    assert "notebook" in formats.text("text").lower()
    assert formats.results["code"]["text/plain"] == "120"
    planets = formats.bundle("json")["application/json"]
    assert (len(planets), planets[2]) == (8, "Earth")
    assert r"\sqrt{b^2 - 4ac}" in formats.bundle("math")["text/latex"]
    frame = formats.bundle("html")["text/html"]
    assert 'sandbox=""' in frame
    assert html.unescape(frame).count("<tr>") >= 2


def test_a_value_goes_into_the_prompt(formats: Page) -> None:
    assert "a^2 + b^2 = c^2" in formats.bundle("braces-ask")["text/latex"]


def test_a_model_is_named_on_the_line(formats: Page) -> None:
    assert "assistant-demo" in formats.text("list")
    assert "demo" in formats.text("model").lower()


def test_a_frame_is_asked_about(pages: dict[str, Page]) -> None:
    page = pages["data_frames"]
    assert page.text("use") == "2140000.0"
    assert page.text("big") == "'52 MB'"
    assert page.results["big-ask"]["text/plain"] == "1300000"


def test_json_becomes_objects(pages: dict[str, Page]) -> None:
    page = pages["json_into_python"]
    with_u = {"Mercury": 7, "Venus": 5, "Jupiter": 7, "Saturn": 6, "Uranus": 6, "Neptune": 7}
    assert ast.literal_eval(page.text("list-use")) == with_u
    assert page.results["model-ask"]["text/plain"] == "'Capitals'"
    assert page.text("model-use") == "'ROME'"
    assert page.text("ask") == "['Mercury', 'Venus', 'Earth']"


def test_a_test_is_written_and_passes(pages: dict[str, Page]) -> None:
    page = pages["write_tests"]
    assert "def test_add" in page.added["test"]
    assert page.cells["run"].outputs == []


def test_models_are_swapped(pages: dict[str, Page]) -> None:
    page = pages["swap_models"]
    assert "assistant-demo" in page.text("list")
    assert HONEST in page.text("name")
    assert "stands for assistant-demo" in page.text("alias")
    assert "notebook" in page.text("alias-ask").lower()
    assert "cut off at --max-tokens 12" in page.text("options")
    assert HONEST in page.text("compare")


def test_an_error_is_mended_by_a_model_that_can(
    odd: OddServer, odd_config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the demo model cannot do: here the answers are those of a larger one."""
    fixed = 'average = sum(people.values()) / len(people)\nprint(f"{average:.2f} million")'
    people = 'people = {"Rome": 2.75, "Paris": 2.10, "Madrid": 3.28}'
    odd.will_say(
        f"A dictionary is summed by its keys.\n\n```python\n{people}\n{fixed}\n```",
        "It groups the words by their length.",
        "Numbers and texts cannot be added.",
    )
    monkeypatch.setenv("LOCAL_ASSISTANT_CONFIG", str(odd_config))
    page = executed(ROOT / "magics_examples" / "fix_and_explain.ipynb", {"fix": "average"})
    assert page.results["fix"]["text/plain"].startswith("2.7")
    prompts = [body["messages"][-1]["content"] for body in odd.asked]
    assert "sum(people) / len(people)" in prompts[0]
    assert "TypeError: unsupported operand" in prompts[0]
    assert "by_length = " in prompts[1]
    assert "TypeError" in prompts[2]
