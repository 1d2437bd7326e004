"""Servers and ports: the engine's version, who holds a port, an Ollama that is too old."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from local_assistant import __version__
from local_assistant.config import set_value
from local_assistant.engine import runfile
from local_assistant.errors import AssistantError
from local_assistant.setup.doctor import Failing, server
from local_assistant.setup.doctor.environment import check_python, check_settings
from local_assistant.setup.doctor.readings import Readings
from tests.unit.setup.answering import ollama


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


def test_python(home: Path) -> None:
    assert "64 bits" in check_python(Readings())


def test_settings(home: Path) -> None:
    assert "the defaults count" in check_settings(Readings())
    file = home / "jupyter" / "assistant.toml"
    file.parent.mkdir()
    file.write_text('[server]\nkind = "embeded"\n')
    with pytest.raises(Failing, match="line 2") as caught:
        check_settings(Readings())
    assert "jupyter assistant config validate" in (caught.value.fix or "")


def test_no_engine(home: Path) -> None:
    assert server.check_engine(Readings()) == "not running"


@pytest.mark.parametrize(
    ("version", "said"), [("0.0.1", "of version 0.0.1"), (__version__, "does not answer")]
)
def test_an_engine_that_is_to_be_stopped(home: Path, version: str, said: str) -> None:
    # This process stands for one that is alive and does not answer as an engine.
    runfile.write(runfile.describe_self(9, "t" * 32, version, "127.0.0.1"))
    with pytest.raises(Failing, match=said) as caught:
        server.check_engine(Readings())
    assert caught.value.fix == "jupyter assistant stop"
    assert caught.value.safe_fix is not None


def test_a_port_that_is_taken_is_named(home: Path, taken: int) -> None:
    set_value("engine.port", taken)
    said = server.check_ports(Readings())
    assert said.startswith(f"{taken} is held by ")
    assert "the engine will take" in said


def test_no_port_at_all(home: Path, taken: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("local_assistant.engine.settings.PORTS_TRIED", 1)
    set_value("engine.port", taken)
    with pytest.raises(Failing, match="No port is free") as caught:
        server.check_ports(Readings())
    assert "[engine] port" in (caught.value.fix or "")


def test_the_server_that_answers(home: Path) -> None:
    with ollama() as config:
        set_value("server.kind", "ollama")
        set_value("server.url", config.server.url)
        assert "ollama 0.30.0" in server.check_server(Readings())
        assert f"answers at {config.server.url}" in server.check_ollama(Readings())


def test_an_ollama_that_is_too_old(home: Path) -> None:
    with ollama(version={"version": "0.1.20"}) as config:
        set_value("server.url", config.server.url)
        with pytest.raises(Failing, match="is too old") as caught:
            server.check_ollama(Readings())
        assert "Update Ollama" in (caught.value.fix or "")


def test_a_program_that_is_not_ollama_is_a_remark_where_the_engine_answers(home: Path) -> None:
    with ollama(version={"hello": "world"}) as config:
        set_value("server.url", config.server.url)
        assert "not Ollama" in server.check_ollama(Readings())


def test_a_server_that_is_wanted_and_does_not_answer(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(home))  # this machine may have an Ollama
    set_value("server.kind", "ollama")
    set_value("server.url", "http://127.0.0.1:9")
    with pytest.raises(AssistantError, match="No Ollama answers") as caught:
        server.check_server(Readings())
    assert caught.value.fix


def test_an_engine_that_would_start(home: Path) -> None:
    set_value("server.kind", "embedded")
    assert "not running" in server.check_server(Readings())
