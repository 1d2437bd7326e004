"""One engine for all integration tests, with the bundled demo model in it."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import ollama
import pytest

from local_assistant.engine.launch import EngineInfo, ensure_engine, stop_engine


@pytest.fixture(scope="session")
def engine(_session_home: None) -> Iterator[EngineInfo]:
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
