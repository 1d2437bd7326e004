"""The variables by which stock clients in kernels find the assistant's server."""

from __future__ import annotations

import os

import pytest

from local_assistant.lab.chat.defaults import PERSONA_ID, SHARED_CONFIG
from local_assistant.lab.keeper import OURS_ENV, Environment
from local_assistant.server.endpoint import Endpoint

NAMES = ("OLLAMA_HOST", "OLLAMA_API_BASE", "OLLAMA_API_KEY")
ENGINE = Endpoint("embedded", "http://127.0.0.1:11435", "secret", "0.33.0", True, "")
OLLAMA = Endpoint("ollama", "http://127.0.0.1:11434", None, "0.33.0", True, "")


@pytest.fixture(autouse=True)
def clean(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*NAMES, OURS_ENV):
        monkeypatch.setenv(name, "")  # so that it is restored, whatever the test sets
        monkeypatch.delenv(name)


def test_all_are_set_and_marked() -> None:
    Environment().point_at(ENGINE)
    assert [os.environ[name] for name in NAMES] == [ENGINE.url, ENGINE.url, "secret"]
    assert set(os.environ[OURS_ENV].split(",")) == set(NAMES)


def test_what_the_user_set_stays_and_is_not_marked() -> None:
    os.environ["OLLAMA_HOST"] = "10.0.0.5:11434"
    Environment().point_at(ENGINE)
    assert os.environ["OLLAMA_HOST"] == "10.0.0.5:11434"
    assert "OLLAMA_HOST" not in os.environ[OURS_ENV].split(",")
    assert os.environ["OLLAMA_API_BASE"] == ENGINE.url


def test_another_server_takes_the_token_away() -> None:
    environment = Environment()
    environment.point_at(ENGINE)
    environment.point_at(OLLAMA)
    assert os.environ["OLLAMA_HOST"] == OLLAMA.url
    assert "OLLAMA_API_KEY" not in os.environ
    assert "OLLAMA_API_KEY" not in os.environ[OURS_ENV]


def test_a_jupyter_inside_a_jupyter_replaces_what_the_outer_one_set() -> None:
    Environment().point_at(ENGINE)
    Environment().point_at(OLLAMA)
    assert os.environ["OLLAMA_HOST"] == OLLAMA.url


def test_the_persona_id_is_the_one_jupyter_ai_builds() -> None:
    from local_assistant.lab.chat.persona import LocalAssistantPersona

    package = LocalAssistantPersona.__module__.split(".")[0]
    assert f"jupyter-ai-personas::{package}::{LocalAssistantPersona.__name__}" == PERSONA_ID
    (file,) = [name for name in SHARED_CONFIG if "persona_manager" in name]
    assert SHARED_CONFIG[file]["PersonaManager"]["default_persona_id"] == PERSONA_ID
