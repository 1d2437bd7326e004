"""What the %%ai of Jupyter AI itself finds in a kernel: our model, unless the user chose one."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from IPython.core.interactiveshell import InteractiveShell
from IPython.core.magic import Magics, magics_class
from traitlets import Dict, Unicode
from traitlets.config import Config

from local_assistant.lab import stock_magics

PRICES = "LITELLM_LOCAL_MODEL_COST_MAP"


@magics_class
class AiMagics3(Magics):  # type: ignore[misc]
    """The traits of jupyter_ai_magic_commands 0.0.4."""

    initial_aliases = Dict(default_value={}, value_trait=Dict(), config=True)
    initial_language_model = Unicode(default_value=None, allow_none=True, config=True)


@magics_class
class AiMagics2(Magics):  # type: ignore[misc]
    """The traits of jupyter_ai_magics 2.31.7."""

    aliases = Dict(default_value={"gpt4": "openai-chat:gpt-4"}, config=True)
    default_language_model = Unicode(default_value=None, allow_none=True, config=True)


@pytest.fixture
def package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    """A package of that name that can be found, and must not be imported."""
    monkeypatch.delenv(PRICES, raising=False)
    (tmp_path / f"{request.param}.py").write_text("raise AssertionError('imported')")
    monkeypatch.syspath_prepend(str(tmp_path))


def prepared(**traits: Any) -> InteractiveShell:
    """A shell whose user has set ``traits``, after our start-up file."""
    shell = InteractiveShell(config=Config({"AiMagics": traits} if traits else {}))
    stock_magics.prepare(shell)
    return shell


def loaded(shell: InteractiveShell, kind: type[Magics]) -> Any:
    """The magics as %load_ext makes them: they read the section of their class's name."""
    return type("AiMagics", (kind,), {})(shell)


three = pytest.mark.parametrize("package", [stock_magics.MAGICS_3], indirect=True)
two = pytest.mark.parametrize("package", [stock_magics.MAGICS_2], indirect=True)


@three
def test_three_takes_our_model_through_an_alias(package: None) -> None:
    magics = loaded(prepared(), AiMagics3)
    assert magics.initial_language_model == "assistant-chat"
    target = {"target": "ollama_chat/assistant-chat", "api_base": None, "api_key_name": None}
    assert magics.initial_aliases == {"assistant-chat": target, "assistant": target}
    assert os.environ[PRICES] == "True"


@two
def test_two_takes_our_model_and_keeps_its_own_aliases(package: None) -> None:
    magics = loaded(prepared(), AiMagics2)
    assert magics.default_language_model == "ollama:assistant-chat"
    assert magics.aliases == {
        "gpt4": "openai-chat:gpt-4",
        "assistant": "ollama:assistant-chat",
        "assistant-chat": "ollama:assistant-chat",
        "assistant-completion": "ollama:assistant-completion",
    }
    assert PRICES not in os.environ


@three
def test_what_the_user_set_wins(package: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(PRICES, "False")
    mine = {"target": "ollama/mine", "api_base": None, "api_key_name": None}
    shell = prepared(initial_language_model="mine", initial_aliases={"assistant": mine})
    magics = loaded(shell, AiMagics3)
    assert magics.initial_language_model == "mine"
    assert magics.initial_aliases["assistant"] == mine
    assert set(magics.initial_aliases) == {"assistant", "assistant-chat"}
    assert os.environ[PRICES] == "False"


def test_nothing_is_set_where_neither_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(PRICES, raising=False)
    shell = InteractiveShell(config=Config())
    monkeypatch.setattr(stock_magics, "find_spec", lambda _name: None)
    stock_magics.prepare(shell)
    assert "AiMagics" not in shell.config
    assert PRICES not in os.environ
    stock_magics.prepare(None)
