"""Every test lives in a home of its own: nothing reads or writes the developer's files."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

pytest_plugins = ["tests.figures", "tests.pictures"]

_CLEARED = (
    *(name for name in os.environ if name.startswith("OLLAMA_")),
    "LOCAL_ASSISTANT_ENV",
    *(name for name in os.environ if name.startswith("HF_")),
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "http_proxy",
    "https_proxy",
    "ALL_PROXY",
    "all_proxy",
    "NO_PROXY",
    "no_proxy",
    "HF_ENDPOINT",
)


# Packages come from the developer's own cache, though the tests' home is an empty one.
os.environ.setdefault("UV_CACHE_DIR", str(Path.home() / ".cache" / "uv"))
# As the set-up does: a company's own certificates are among the machine's.
os.environ.setdefault("UV_SYSTEM_CERTS", "1")


# A shell ignores Ctrl-C in what it starts in the background, and every process started from
# there would, too; several tests send it.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def session_environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Environment variables that put home, state, config and runtime under one new directory."""
    root = tmp_path_factory.mktemp("home")
    return {
        "HOME": str(root),
        "USERPROFILE": str(root),
        "OLLAMA_MODELS": str(root / "no-ollama"),  # this machine may have a store of its own
        "LOCAL_ASSISTANT_HOME": str(root / "assistant"),
        "LOCAL_ASSISTANT_CONFIG": str(root / "jupyter" / "assistant.toml"),
        "JUPYTER_CONFIG_DIR": str(root / "jupyter"),
        "JUPYTER_DATA_DIR": str(root / "jupyter-data"),
        "JUPYTER_RUNTIME_DIR": str(root / "jupyter-runtime"),
        "IPYTHONDIR": str(root / "ipython"),
        "XDG_CONFIG_HOME": str(root / "xdg"),
        "HF_HOME": str(root / "hf"),  # its library looks once, and keeps to that
    }


@pytest.fixture(autouse=True, scope="session")
def _session_home(session_environment: dict[str, str]) -> None:
    """Session-wide, so that session fixtures (a running engine) share the same home."""
    for name in _CLEARED:
        os.environ.pop(name, None)
    os.environ.update(session_environment)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home of this test alone, for tests that change configuration or state."""
    for name, value in (
        ("HOME", tmp_path),
        ("USERPROFILE", tmp_path),
        ("LOCAL_ASSISTANT_HOME", tmp_path / "assistant"),
        ("LOCAL_ASSISTANT_CONFIG", tmp_path / "jupyter" / "assistant.toml"),
        ("JUPYTER_CONFIG_DIR", tmp_path / "jupyter"),
        ("JUPYTER_DATA_DIR", tmp_path / "jupyter-data"),
        ("JUPYTER_RUNTIME_DIR", tmp_path / "jupyter-runtime"),
        ("IPYTHONDIR", tmp_path / "ipython"),
    ):
        monkeypatch.setenv(name, str(value))
    return tmp_path
