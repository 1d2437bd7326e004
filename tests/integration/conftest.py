"""One engine for all integration tests, with the bundled demo model in it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace

import httpx
import ollama
import pytest

from local_assistant.engine import runfile
from local_assistant.engine.launch import EngineInfo, ensure_engine, stop_engine
from local_assistant.engine.settings import DEFAULT_PORT

_FAR = 50
"""So many engines of single tests there never are at once, which take the first free port."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the longest file, so that no process waits for another's at the end."""
    items.sort(key=lambda item: item.path.name != "test_distribution.py")


@pytest.fixture(autouse=True, scope="session")
def _port_of_this_session(_session_home: None) -> None:
    """Let the session's engine have its port again whenever a test has ended it.

    An engine takes the port that it had the last time. The first free one of all could be
    another process's of pytest-xdist by then, and then every later test would ask in vain.
    """
    worker = os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")
    last = runfile.describe_self(DEFAULT_PORT + _FAR + int(worker), None, "", "127.0.0.1")
    runfile.write(replace(last, started="0"))  # by a process that is no more


@pytest.fixture(scope="session")
def engine(_port_of_this_session: None) -> Iterator[EngineInfo]:
    """A running engine in the session's home; stopped at the end."""
    info = ensure_engine()
    yield info
    stop_engine()


@pytest.fixture(scope="module")
def engine_again(engine: EngineInfo) -> EngineInfo:
    """The same engine, started again where a test of another module has killed it."""
    info = ensure_engine()
    assert (info.url, info.token) == (engine.url, engine.token)
    return info


@pytest.fixture(scope="session")
def engine_headers(engine: EngineInfo) -> dict[str, str]:
    """The header that the engine wants."""
    return {"Authorization": f"Bearer {engine.token}"}


@pytest.fixture(scope="session")
def engine_http(engine: EngineInfo, engine_headers: dict[str, str]) -> Iterator[httpx.Client]:
    """Plain HTTP to the engine, token included."""
    with httpx.Client(
        base_url=engine.url, headers=engine_headers, timeout=60, trust_env=False
    ) as client:
        yield client


@pytest.fixture(scope="session")
def engine_client(engine: EngineInfo, engine_headers: dict[str, str]) -> ollama.Client:
    """The real ``ollama`` client."""
    return ollama.Client(host=engine.url, headers=engine_headers, trust_env=False)
