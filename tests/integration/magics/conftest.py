"""A home of its own for the tests of ``%%ai``: some of them kill the engine."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from local_assistant.engine.launch import stop_engine
from tests.integration.magics.kernel import Kernel, kernel
from tests.integration.magics.odd_server import OddServer

DEMO = '[server]\nkind = "embedded"\n\n[models]\npreset = "demo"\n'


@pytest.fixture(scope="module")
def assistant(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A home with an assistant.toml that names the demo model; no engine runs yet."""
    home = tmp_path_factory.mktemp("magics")
    config = home / "jupyter" / "assistant.toml"
    config.parent.mkdir()
    config.write_text(DEMO)
    with pytest.MonkeyPatch.context() as patch:
        for name, path in (
            ("HOME", home),
            ("USERPROFILE", home),
            ("LOCAL_ASSISTANT_HOME", home / "assistant"),
            ("LOCAL_ASSISTANT_CONFIG", config),
            ("JUPYTER_CONFIG_DIR", home / "jupyter"),
            ("JUPYTER_DATA_DIR", home / "jupyter-data"),
            ("JUPYTER_RUNTIME_DIR", home / "runtime"),
            ("IPYTHONDIR", home / "ipython"),
        ):
            patch.setenv(name, str(path))
        yield home
        stop_engine()


@pytest.fixture(scope="module")
def notebook_kernel(assistant: Path) -> Iterator[Kernel]:
    """One kernel for a module's tests, with the extension loaded by hand."""
    with kernel(assistant) as running:
        yield running


@pytest.fixture(scope="module")
def odd() -> Iterator[OddServer]:
    """A model server that says what a test wants."""
    server = OddServer()
    yield server
    server.close()


@pytest.fixture(scope="module")
def odd_config(assistant: Path, odd: OddServer) -> Path:
    """An assistant.toml that names that server."""
    config = assistant / "jupyter" / "odd.toml"
    config.write_text(f'[server]\nkind = "ollama"\nurl = "{odd.url}"\n\n[models]\nchat = "odd"\n')
    return config


@pytest.fixture(scope="module")
def odd_kernel(assistant: Path, odd_config: Path) -> Iterator[Kernel]:
    """One kernel for a module's tests, answered by that server."""
    with kernel(assistant, {"LOCAL_ASSISTANT_CONFIG": str(odd_config)}) as running:
        yield running
