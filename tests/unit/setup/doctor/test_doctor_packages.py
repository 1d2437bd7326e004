"""Known-bad sets of packages by injected versions, and requirements that are not met."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from local_assistant.setup.doctor import packages

LOCKS = Path(__file__).parents[4] / "requirements"
GOOD_3 = {
    "jupyterlab": "4.6.6",
    "jupyter-ai": "3.2.0",
    "jupyter-ai-jupyternaut": "0.1.0",
    "litellm": "1.105.7",
    "mcp": "1.30.0",
    "langchain-core": "1.8.2",
    "langchain-ollama": "1.1.0",
}
GOOD_2 = {
    "jupyterlab": "4.5.0",
    "jupyter-ai": "2.31.7",
    "jupyter-ai-magics": "2.31.7",
    "langchain-core": "0.3.86",
    "langchain-ollama": "0.3.10",
}


NOTEBOOK_INTELLIGENCE = {"notebook-intelligence": "5.2.0", "litellm": "1.106.2", "mcp": "1.30.0"}


@pytest.mark.parametrize("there", [{}, GOOD_3, GOOD_2, NOTEBOOK_INTELLIGENCE])
def test_sets_that_work(there: dict[str, str]) -> None:
    assert packages.known_bad(there) == []


@pytest.mark.parametrize(
    ("there", "said", "fix"),
    [
        (GOOD_3 | {"litellm": "1.106.2"}, "CacheableResult", "litellm<1.106"),
        (
            GOOD_3 | {"litellm": "1.108.3"},
            "litellm 1.108.3 with mcp 1.30.0 with jupyter-ai-jupyternaut",
            "litellm<1.106",
        ),
        (GOOD_3 | {"litellm": "1.82.8"}, "thieves", "pip uninstall litellm"),
        (GOOD_2 | {"langchain-core": "1.8.2"}, "PipelinePromptTemplate", "langchain-core<0.4"),
        (GOOD_2 | {"langchain-ollama": "1.1.0"}, "does not offer Ollama", "langchain-ollama<1"),
        (GOOD_2 | {"jupyterlab": "4.1.8"}, "jupyterlab 4.1.8", "jupyterlab>=4.2"),
        (GOOD_3 | {"jupyter-collaboration-ui": "2.4.1"}, "ydoc", "jupyter-collaboration>=5"),
    ],
)
def test_sets_that_fail(there: dict[str, str], said: str, fix: str) -> None:
    (problem,) = packages.known_bad(there)
    assert said in problem.message
    assert fix in (problem.fix or "")


@pytest.mark.parametrize("version", ["1.105.7", "1.108.5", "1.109.1"])
def test_releases_of_litellm_that_were_tried_and_work(version: str) -> None:
    assert packages.known_bad(GOOD_3 | {"litellm": version}) == []


def test_every_row_can_be_read() -> None:
    for row in packages.KNOWN_BAD:
        assert row.what and row.fix and row.source
        assert [Requirement(text) for text in row.packages]


def test_what_is_installed_is_read_from_the_metadata() -> None:
    there = packages.installed()
    assert packages.holds("click>=8", there)
    assert not packages.holds("click<8", there)
    assert not packages.holds("no-such-package", there)


def test_requirements_that_are_not_met() -> None:
    texts = ["click>=8.1", "rich>=13", 'uvicorn>=0.35; extra == "engine"', "tomlkit>=0.12"]
    there = {"click": "8.0", "uvicorn": "0.30", "tomlkit": "0.13"}
    (problem,) = packages.missing("ours", texts, there, ("engine",))
    assert problem.message == (
        "ours needs click>=8.1 (8.0), rich>=13 (missing), uvicorn>=0.35 (0.30)."
    )
    assert problem.fix == 'pip install "click>=8.1" "rich>=13" "uvicorn>=0.35"'
    # What only an extra wants may be absent, or of another version where it is not that extra's.
    assert packages.missing("ours", texts[2:3], {}, ("engine",)) == []
    assert packages.missing("ours", texts[2:3], there) == []


def test_beside_an_older_jupyter_ai_only_our_base_counts() -> None:
    assert packages._chosen_extras(GOOD_2) == ("engine",)
    assert packages._chosen_extras(GOOD_3) == ("engine", "chat")
    assert packages._chosen_extras({}) == ("engine", "chat")


def test_this_environment_is_a_good_one() -> None:
    there = packages.installed()
    assert packages.problems(there) == []


def test_a_known_combination_is_mended_by_its_own_command_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What the metadata would ask for (a newer langchain-core) is no way out there."""
    monkeypatch.setattr(packages, "_requires", lambda name: _WANTED.get(name, []))
    there = GOOD_2 | {"langchain-ollama": "1.1.0"}
    assert [problem.fix for problem in packages.problems(there)] == [
        'pip install "langchain-ollama<1"'
    ]
    (unmet,) = packages.unmet(there)
    assert "langchain-ollama needs langchain-core>=1.2" in unmet.message


_WANTED = {"langchain-ollama": ["langchain-core>=1.2"]}


@pytest.mark.parametrize("lock", sorted(LOCKS.glob("*.txt")), ids=lambda path: path.stem)
def test_no_lock_of_ours_holds_a_known_bad_combination(lock: Path) -> None:
    pins = re.findall(r"^([A-Za-z0-9._-]+)==([^\s;\\]+)", lock.read_text(), re.MULTILINE)
    assert pins
    assert packages.known_bad(dict(pins)) == []
