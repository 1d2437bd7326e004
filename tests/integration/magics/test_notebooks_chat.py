"""The example notebooks of the chat: their own lines sent to a real chat, their cells executed."""

from __future__ import annotations

import ast
import asyncio
import contextlib
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from local_assistant import paths
from local_assistant.config import set_value
from local_assistant.engine.launch import EngineInfo, ensure_engine
from local_assistant.engine.store.store import Store
from tests.integration.examples import (
    FOLDERS,
    ROOT,
    Page,
    assert_honest,
    assert_runs,
    executing,
    of_kind,
)
from tests.integration.lab.recorder import Recorder
from tests.integration.lab.room import room_in
from tests.integration.magics.odd_server import MODEL, OddServer

READER = "reader"
"""The demo model by another name: by its own it is asked past any other server."""


@dataclass
class Visit:
    """An example that was gone through, and what the model was asked meanwhile."""

    page: Page
    asked: list[str]


@contextlib.contextmanager
def settings(**values: Any) -> Iterator[None]:
    """An assistant.toml of these values (``server__kind="ollama"``), gone afterwards."""
    file = paths.user_config_file()
    file.unlink(missing_ok=True)
    for name, value in values.items():
        set_value(name.replace("__", "."), value)
    yield
    file.unlink()


async def gone_through(path: Path, lab: Path, checks: Mapping[str, str] | None = None) -> Page:
    """Go through an example as it lies in JupyterLab's folder, with a chat at that folder's top."""
    for folder in FOLDERS:
        shutil.copytree(ROOT / folder, lab / folder)
    async with room_in(lab) as room:
        return await executing(lab / path.relative_to(ROOT), checks, room.ask)


async def _visited(path: Path, lab: Path, engine: EngineInfo) -> Visit:
    async with Recorder(engine) as recorder:
        with settings(
            server__kind="ollama",
            server__url=recorder.url,
            models__chat=READER,
            models__embedding="assistant-demo",
            chat__temperature=0,
        ):
            page = await gone_through(path, lab)
        return Visit(page, [one.json()["messages"][-1]["content"] for one in recorder.chats()])


@pytest.fixture(scope="module")
def visits(assistant: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Visit]:
    """Each example of the chat, answered by the demo model."""
    Store(paths.models_dir()).add_gguf(READER, paths.demo_gguf())
    engine = ensure_engine()
    return {
        path.stem: asyncio.run(_visited(path, tmp_path_factory.mktemp("lab"), engine))
        for path in of_kind("chat")
    }


def test_each_runs_and_the_demo_model_is_honest(visits: dict[str, Visit]) -> None:
    assert visits
    for visit in visits.values():
        assert_runs(visit.page)
        assert_honest(visit.page)


def test_a_notebook_is_written_read_and_used(visits: dict[str, Visit]) -> None:
    page = visits["write_a_notebook"].page
    assert "bubble-sort.ipynb is complete" in page.said["topic"][0]
    assert "# Bubble sort" in page.text("read") and "def bubble_sort" in page.text("read")
    assert page.text("run") == "['apple', 'fig', 'pear']"


def test_documents_are_learned_asked_and_forgotten(visits: dict[str, Visit]) -> None:
    """What Python reads at the first cited cell is a passage that the model was sent."""
    page, (sent,) = visits["ask_your_documents"].page, visits["ask_your_documents"].asked
    learned, listed = page.said["learn"]
    assert "Learned " in learned and "magics_examples/ai_magic.ipynb" in listed
    (answer,) = page.said["ask"]
    sources = ast.literal_eval(page.text("sources"))
    assert all(f"{path}, cell {number}" in answer for path, number in sources)
    path, number = sources[0]
    assert f"{path}, cell {number}\n{page.text('first').strip()}" in sent
    assert sent.endswith("Question: Which notebook is about data frames?")
    assert "Written: room.md" in page.said["export"][0]
    assert "Forgotten: " in page.said["forget"][0]


def test_a_larger_model_writes_more_than_one_step(
    assistant: Path, odd: OddServer, tmp_path: Path
) -> None:
    odd.will_say(
        "1. Sort a list",
        "def bubble_sort(items):\n    return sorted(items)",
        "1. Make the data\n2. Add it up",
        "rain = [50, 40, 60]",
        "total = sum(rain)",
    )
    run = "%run ../rainfall-of-a-year-month-by-month.ipynb\ntotal"
    example = ROOT / "notebooks" / "write_a_notebook.ipynb"
    with settings(server__kind="ollama", server__url=odd.url, models__chat=MODEL):
        page = asyncio.run(gone_through(example, tmp_path, {"steps-read": run}))
    assert ast.literal_eval(page.text("steps-read")) == [
        "# Rainfall of a year, month by month",
        "## Make the data",
        "rain = [50, 40, 60]",
        "## Add it up",
        "total = sum(rain)",
    ]
    assert page.results["steps-read"]["text/plain"] == "150"
