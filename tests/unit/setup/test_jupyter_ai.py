"""Jupyter AI's own settings: ours where nothing is chosen, the user's choice else, and back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from local_assistant.config import set_value, write_template
from local_assistant.setup.jupyter_ai import ensure, own_model, problems, remove, stacks
from local_assistant.setup.jupyter_ai.step import config_file
from local_assistant.setup.ledger import of_user
from local_assistant.setup.steps import InstallOptions, StepResult

V2 = {"jupyter-ai": "2.31.7", "langchain-ollama": "0.3.10"}
V3 = {"jupyter-ai": "3.2.0", "jupyter-ai-jupyternaut": "0.1.0"}
NAMES_2 = {
    "model_provider_id": "ollama:assistant-chat",
    "completions_model_provider_id": "ollama:assistant-completion",
    "embeddings_provider_id": "ollama:assistant-embed",
}
NAMES_3 = {"model_provider_id": "ollama_chat/assistant-chat:latest"}


@pytest.fixture
def there(home: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The packages that are installed, by name."""
    packages: dict[str, str] = {}
    monkeypatch.setattr(stacks, "installed", packages.get)
    write_template()
    return packages


def step() -> StepResult:
    return ensure(InstallOptions())


def content() -> dict[str, Any]:
    data: dict[str, Any] = json.loads(config_file().read_text(encoding="utf-8"))
    return data


def write(data: Any) -> bytes:
    config_file().parent.mkdir(parents=True, exist_ok=True)
    config_file().write_bytes(data if isinstance(data, bytes) else json.dumps(data).encode())
    return config_file().read_bytes()


def undo() -> list[str]:
    return [done.action if done else "kept" for _path, done in remove(dry_run=False)]


def test_nothing_is_written_where_nothing_is_installed(there: dict[str, str], home: Path) -> None:
    assert not step().changed
    there["jupyter-ai"] = "3.2.0"  # without Jupyternaut
    assert not step().changed
    assert not config_file().exists()
    assert problems() == []


@pytest.mark.parametrize(("packages", "names"), [(V2, NAMES_2), (V3, NAMES_3)], ids=["2", "3"])
def test_made_and_removed_with_its_folders(
    there: dict[str, str], home: Path, packages: dict[str, str], names: dict[str, str]
) -> None:
    there.update(packages)
    assert [problem.fix for problem in problems()] == ["Run: jupyter assistant install"]
    assert step().changed
    assert content() == names
    assert not step().changed
    assert problems() == []
    assert undo() == ["removed"]
    assert not (home / "jupyter-data").exists()


def test_null_is_no_choice_and_comes_back(there: dict[str, str]) -> None:
    there.update(V2)
    before = write({**dict.fromkeys(NAMES_2), "api_keys": {"A": "secret"}, "fields": {}})
    config_file().chmod(0o600)
    assert step().changed
    assert content() == {**NAMES_2, "api_keys": {"A": "secret"}, "fields": {}}
    assert config_file().stat().st_mode & 0o777 == 0o600
    assert undo() == ["restored"]
    assert config_file().read_bytes() == before


def test_each_model_that_the_user_chose_stays(there: dict[str, str]) -> None:
    there.update(V2)
    before = write({"model_provider_id": "openai-chat:gpt-4", "embeddings_provider_id": None})
    assert "left as you set it: model_provider_id" in step().detail
    assert content()["model_provider_id"] == "openai-chat:gpt-4"
    assert content()["embeddings_provider_id"] == "ollama:assistant-embed"
    assert problems() == []
    assert own_model() == "openai-chat:gpt-4"
    undo()
    assert config_file().read_bytes() == before


def test_a_choice_made_later_stays(there: dict[str, str]) -> None:
    there.update(V2)
    step()
    chosen = {**NAMES_2, "model_provider_id": "ollama:mine", "completions_model_provider_id": None}
    write(chosen)  # no model for completion is a choice, too
    assert not step().changed
    assert content() == chosen
    assert undo() == ["restored"]
    assert content() == {"model_provider_id": "ollama:mine", "completions_model_provider_id": None}


def test_what_jupyter_ai_built_on_our_names_goes_with_them(there: dict[str, str]) -> None:
    there.update(V2)
    step()
    rest = {"send_with_shift_enter": True, "api_keys": {}, "completions_fields": {}}
    mine = {"ollama:mine": {"base_url": "x"}}
    write({**NAMES_2, **rest, "fields": {"ollama:assistant-chat": {}, **mine}})
    undo()
    assert content() == {**rest, "fields": mine}


def test_the_context_size_is_the_one_that_the_user_set(there: dict[str, str]) -> None:
    there.update(V3)
    set_value("chat.context_tokens", 8192)
    step()
    fields = content()["fields"]
    assert fields == {"ollama_chat/assistant-chat:latest": {"num_ctx": 8192}}
    set_value("chat.context_tokens", None)
    assert step().changed
    assert content() == NAMES_3


def test_the_other_version_takes_over_what_is_ours(there: dict[str, str]) -> None:
    there.update(V2)
    step()
    there.clear()
    there.update(V3)
    assert "for another version" in problems()[0].message
    assert step().changed
    assert content()["model_provider_id"] == NAMES_3["model_provider_id"]
    undo()
    assert not config_file().exists()


@pytest.mark.parametrize("odd", [b"{not json", b"[]", b'{"fields": []}'])
def test_an_odd_file_is_left_alone_and_said(there: dict[str, str], odd: bytes) -> None:
    there.update(V3)
    write(odd)
    result = step()
    assert not result.changed
    assert "left as it is" in result.detail
    assert "left as it is" in problems()[0].message
    assert config_file().read_bytes() == odd


def test_a_file_that_broke_since_is_kept(there: dict[str, str]) -> None:
    there.update(V3)
    step()
    write(b"{broken")
    assert undo() == ["kept"]
    assert config_file().read_bytes() == b"{broken"


def test_our_names_are_known_where_the_record_is_gone(there: dict[str, str]) -> None:
    """Somebody deleted the assistant's data by hand; a model that was chosen there stays."""
    there.update(V2)
    step()
    of_user().file.unlink()
    write({**content(), "completions_model_provider_id": "ollama:mine", "send_with_shift_enter": 1})
    assert undo() == ["restored"]
    assert content() == {"completions_model_provider_id": "ollama:mine", "send_with_shift_enter": 1}
    assert undo() == []


def test_a_link_stays_one(there: dict[str, str], home: Path) -> None:
    there.update(V3)
    real = home / "dotfiles" / "config.json"
    real.parent.mkdir()
    real.write_text("{}")
    config_file().parent.mkdir(parents=True)
    config_file().symlink_to(real)
    step()
    assert config_file().is_symlink()
    assert json.loads(real.read_text()) == NAMES_3
    undo()
    assert config_file().is_symlink()
    assert real.read_text() == "{}"


@pytest.mark.parametrize("ollama", [None, "1.1.0"], ids=["missing", "too new"])
def test_langchain_ollama_is_asked_for(there: dict[str, str], ollama: str | None) -> None:
    there["jupyter-ai"] = "2.31.7"
    if ollama:
        there["langchain-ollama"] = ollama
    assert 'pip install "langchain-ollama<1"' in step().detail
    assert not config_file().exists()
    (problem,) = problems()
    assert 'pip install "langchain-ollama<1"' in str(problem.fix)
