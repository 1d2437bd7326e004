"""The example notebooks that get models: real commands in a real kernel, a hub on loopback."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from local_assistant import paths
from tests.integration.engine import talking_gguf
from tests.integration.examples import HONEST, Page, assert_honest, assert_runs, executed, of_kind
from tests.integration.hub import Hub, running_hub

REPOSITORY = "Qwen/Qwen2.5-Coder-0.5B-Instruct-GGUF"
"""As the example names it; here it holds models of a few megabytes."""
WORDS = ["I come", " from", " the", " hub."]


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    """A Hugging Face with a model that says where it comes from."""
    talking = talking_gguf.write(tmp_path_factory.mktemp("hub") / "model.gguf", WORDS)
    with running_hub() as served:
        served.files[REPOSITORY] = {
            "qwen2.5-coder-0.5b-instruct-q4_k_m.gguf": talking.read_bytes(),
            "qwen2.5-coder-0.5b-instruct-q8_0.gguf": paths.demo_gguf().read_bytes(),
        }
        yield served


@pytest.fixture(scope="module")
def pages(assistant: Path, hub: Hub) -> Iterator[dict[str, Page]]:
    """Every example with commands, gone through with this environment's own on PATH."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HF_ENDPOINT", hub.url)
        patch.setenv("PATH", str(Path(sys.executable).parent), prepend=os.pathsep)
        yield {path.stem: executed(path) for path in of_kind("commands")}


def test_they_run_from_top_to_bottom(pages: dict[str, Page]) -> None:
    assert pages
    for page in pages.values():
        assert_runs(page)
        assert_honest(page)


def test_what_a_repository_has_is_listed_and_not_fetched(pages: dict[str, Page]) -> None:
    shown = pages["hugging_face"].text("look")
    assert "Q4_K_M" in shown and "Q8_0" in shown
    assert shown.count("← this one") == 1


def test_a_model_comes_and_answers(pages: dict[str, Page], hub: Hub) -> None:
    page = pages["hugging_face"]
    assert f"Ready: hf.co/{REPOSITORY}" in page.text("pull")
    assert page.text("ask").strip() == "".join(WORDS)
    fetched = {path for _, path, _ in hub.requests if "/resolve/" in path}
    assert {path.rpartition("/")[2] for path in fetched} == {
        "qwen2.5-coder-0.5b-instruct-q4_k_m.gguf"
    }


def test_a_file_is_taken_by_its_path(pages: dict[str, Page]) -> None:
    shown = pages["hugging_face"].text("file")
    assert "llama, 2.56M parameters" in shown
    assert "Ready: " in shown


def test_the_next_question_goes_to_it_and_the_way_back_is_there(pages: dict[str, Page]) -> None:
    page = pages["hugging_face"]
    assert f"→ hf.co/{REPOSITORY}" in page.text("use")
    assert page.text("use-ask").strip() == "".join(WORDS)
    assert HONEST in page.text("back-ask").lower()


def test_what_a_cell_shows_moves_no_cursor(pages: dict[str, Page]) -> None:
    """JupyterLab draws colours, but no movements: a bar of a terminal would be left in ruins."""
    for name in ("look", "pull", "file", "use", "back"):
        shown = pages["hugging_face"].text(name)
        assert "\x1b[?25l" not in shown and "\x1b[2K" not in shown, name
