"""An environment with Jupyter AI's own parts and the assistant in it, and a home to use it in.

The environment is installed from a hash-pinned list below the one that runs the tests, once;
the checkout goes into it each time, as a user's upgrade would.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from tests.environments import pinned, uv
from tests.jupyterlab import JupyterLab

ROOT = Path(__file__).parents[2]
LISTS = (ROOT / "requirements", ROOT / "benchmarks" / "peers")
TIMEOUT_S = 90.0


def environment(pins: str) -> Path:
    """Return the environment of the list ``PINS`` with this checkout in it."""
    root = Path(sys.prefix) / "peers" / Path(pins).stem
    file = next(each / pins for each in LISTS if (each / pins).is_file())
    pinned(file, root)
    if file.parent == LISTS[0]:  # all that we need is on it
        ours = ["--no-deps", "--no-build-isolation", "--reinstall", "--editable", str(ROOT)]
    else:
        ours = ["--editable", f"{ROOT}[engine]"]
    uv("pip", "install", "-q", "--python", str(root), *ours)
    return root


@dataclass
class Peer:
    """One environment and one home."""

    prefix: Path
    home: Path

    @property
    def python(self) -> str:
        return str(self.prefix / "bin" / "python")

    @property
    def settings(self) -> Path:
        """Jupyter AI's own file."""
        return self.home / "jupyter-data" / "jupyter_ai" / "config.json"

    def environment(self) -> dict[str, str]:
        """Everything below the home, and nothing that an outer Jupyter or Ollama has set."""
        ours = {
            "HOME": str(self.home),
            "USERPROFILE": str(self.home),
            "LOCAL_ASSISTANT_HOME": str(self.home / "assistant"),
            "LOCAL_ASSISTANT_CONFIG": str(self.home / "jupyter" / "assistant.toml"),
            "JUPYTER_CONFIG_DIR": str(self.home / "jupyter"),
            "JUPYTER_CONFIG_PATH": "",
            "JUPYTER_DATA_DIR": str(self.home / "jupyter-data"),
            "JUPYTER_RUNTIME_DIR": str(self.home / "runtime"),
            "IPYTHONDIR": str(self.home / "ipython"),
            "PATH": os.pathsep.join([str(self.prefix / "bin"), os.environ["PATH"]]),
            # No question of the stock parts may leave the machine.
            "HTTPS_PROXY": "http://127.0.0.1:9",
        }
        return {**os.environ, **ours}

    def run(self, *arguments: str) -> dict[str, Any]:
        """Run ``jupyter assistant …``; return what its ``--json`` says."""
        done = subprocess.run(
            [self.python, "-m", "local_assistant", *arguments, "--json"],
            env=self.environment(),
            cwd=self.home,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        said: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        return said

    def step(self) -> dict[str, Any]:
        """Install; return what the step about Jupyter AI's parts says."""
        steps = {step["name"]: step for step in self.run("install")["steps"]}
        found: dict[str, Any] = steps["jupyter-ai"]
        return found

    def lab(self, *options: str) -> JupyterLab:
        log = self.home / "lab.log"
        return JupyterLab(
            self.home / "root", log, self.environment(), python=self.python, options=options
        )

    def chats(self) -> int:
        """Return how many chats the engine of this home has begun to answer."""
        return int(self.engine()["generations"]["by_kind"]["chat"]["started"])

    def loaded(self) -> list[str]:
        return [entry["model"] for entry in self.engine()["loaded"]]

    def engine(self) -> dict[str, Any]:
        (file,) = (self.home / "assistant" / "run").glob("engine-*.json")
        info = json.loads(file.read_text(encoding="utf-8"))
        reply = httpx.get(
            f"http://127.0.0.1:{info['port']}/assistant/status",
            headers={"Authorization": f"Bearer {info['token']}"},
            trust_env=False,
        )
        said: dict[str, Any] = reply.json()
        return said
