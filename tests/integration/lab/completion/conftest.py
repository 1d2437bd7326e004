"""A real Jupyter server with our extension alone, beside the session's engine."""

from __future__ import annotations

import functools
import json
import os
import secrets
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from local_assistant import paths
from local_assistant.config import set_value
from local_assistant.engine.launch import EngineInfo, ensure_engine
from local_assistant.engine.store.store import Store
from tests import waiting
from tests.integration.engine import tiny_gguf
from tests.jupyterlab import free_port

ENDLESS = "qwen2.5-coder:endless"
START_TIMEOUT_S = 60

until = functools.partial(waiting.until, seconds=120)
"""A model may be loaded meanwhile, on a busy machine."""


class Answer:
    """The lines of one answer, as they come."""

    def __init__(self, response: httpx.Response) -> None:
        self.response = response
        self._lines = response.iter_lines()
        self.text = ""
        self.pieces = 0
        self.end: dict[str, Any] = {}

    def next(self) -> bool:
        """Read one line; False after the last."""
        line = next(self._lines, None)
        if line is None:
            return False
        item = json.loads(line)
        if item["type"] == "text":
            self.text += item["text"]
            self.pieces += 1
        else:
            self.end = item
        return True

    def all(self) -> Answer:
        while self.next():
            pass
        return self


class Jupyter:
    """One running Jupyter server."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.port = free_port()
        self.token = secrets.token_hex(16)
        self.url = f"http://127.0.0.1:{self.port}"
        self.http = httpx.Client(
            base_url=f"{self.url}/local-assistant/",
            headers={"Authorization": f"token {self.token}"},
            timeout=60,
            trust_env=False,
        )
        with (root / "jupyter.log").open("wb") as log:
            self.process = subprocess.Popen(
                [
                    sys.executable, "-m", "jupyter_server", "--no-browser", "--allow-root",
                    f"--port={self.port}", "--ServerApp.port_retries=0", "--ip=127.0.0.1",
                    f"--ServerApp.root_dir={root}", f"--IdentityProvider.token={self.token}",
                    '--ServerApp.jpserver_extensions={"local_assistant.lab.extension": True}',
                ],
                cwd=root, env={**os.environ, "JUPYTER_NO_CONFIG": "1"},
                stdout=log, stderr=log, stdin=subprocess.DEVNULL,
            )  # fmt: skip

    def wait(self) -> Jupyter:
        deadline = time.monotonic() + START_TIMEOUT_S
        while time.monotonic() < deadline:
            assert self.process.poll() is None, self.log()
            try:
                if self.http.get(f"{self.url}/api/status").status_code == 200:
                    return self
            except httpx.TransportError:
                pass  # not listening yet
            time.sleep(0.05)
        raise AssertionError(f"it did not answer:\n{self.log()}")

    def stop(self) -> None:
        self.http.close()
        self.process.terminate()
        self.process.wait(60)

    def log(self) -> str:
        return (self.root / "jupyter.log").read_text(errors="replace")[-4000:]

    @contextmanager
    def asking(self, prefix: str, suffix: str = "", **more: Any) -> Iterator[Answer]:
        """Ask; leaving closes the connection."""
        with self.http.stream("POST", "complete", json=body(prefix, suffix, **more)) as response:
            assert response.status_code == 200, response.read()
            yield Answer(response)

    def ask(self, prefix: str, suffix: str = "", **more: Any) -> Answer:
        with self.asking(prefix, suffix, **more) as answer:
            return answer.all()

    def status(self, **query: str) -> dict[str, Any]:
        found: dict[str, Any] = self.http.get("completion", params=query).json()
        return found


def body(prefix: str, suffix: str = "", **more: Any) -> dict[str, Any]:
    return {
        "page": "page", "trigger": "auto", "path": "", "mime": "text/x-ipython",
        "kind": "notebook", "cell_type": "code", "prefix": prefix, "suffix": suffix,
        "before": [], "after": [], **more,
    }  # fmt: skip


class Engine:
    """What the engine counts of completions."""

    def __init__(self, info: EngineInfo) -> None:
        self.http = httpx.Client(
            base_url=info.url,
            headers={"Authorization": f"Bearer {info.token}"},
            timeout=30,
            trust_env=False,
        )

    def counts(self) -> dict[str, int]:
        status = self.http.get("/assistant/status").json()
        found: dict[str, int] = status["generations"]["by_kind"]["completion"]
        return found

    def loaded(self) -> set[str]:
        return {model["name"] for model in self.http.get("/api/ps").json()["models"]}

    def unload(self, model: str) -> None:
        body = {"model": model, "keep_alive": 0}
        self.http.post("/api/generate", json=body).raise_for_status()
        until(lambda: model not in self.loaded())


@pytest.fixture
def engine_now(engine: EngineInfo) -> Engine:
    return Engine(ensure_engine())


@pytest.fixture(scope="module")
def jupyter(engine: EngineInfo, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Jupyter]:
    """The server; completion is answered by the demo model."""
    ensure_engine()
    settings = paths.user_config_file()
    settings.unlink(missing_ok=True)
    set_value("server.kind", "embedded")
    set_value("models.preset", "demo")
    # The tests' machine may be busy: no suggestion is given up for its time.
    set_value("completion.max_latency_ms", 60_000)
    running = Jupyter(tmp_path_factory.mktemp("jupyter"))
    try:
        yield running.wait()
    finally:
        running.stop()
        settings.unlink()  # other tests share this home


@pytest.fixture
def setting() -> Iterator[Callable[[str, object], None]]:
    """Edit assistant.toml as a user would; undone at the end."""
    file = paths.user_config_file()
    before = file.read_text(encoding="utf-8")

    def change(key: str, value: object) -> None:
        set_value(key, value)

    yield change
    file.write_text(before, encoding="utf-8")


@pytest.fixture(scope="session")
def endless_model(engine: EngineInfo, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A model that never ends, in the engine's store: written once, so it stays loaded."""
    file = tiny_gguf.write(tmp_path_factory.mktemp("endless") / "endless.gguf")
    Store(paths.models_dir()).add_gguf(ENDLESS, file)
    return ENDLESS


@pytest.fixture
def endless(jupyter: Jupyter, setting: Callable[[str, object], None], endless_model: str) -> str:
    """That model completes; in comments, where no bracket ends it."""
    setting("models.completion", ENDLESS)
    setting("completion.max_tokens", 4096)
    assert jupyter.http.post("completion/warm", json={}).status_code == 202
    until(lambda: (s := jupyter.status())["model"] == ENDLESS and s["state"] == "ready")
    return ENDLESS
