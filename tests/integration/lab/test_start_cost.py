"""What the extension and the persona add to JupyterLab's start: imports, and no more."""

from __future__ import annotations

import json
import subprocess
import sys

IMPORTS = """
import json, sys, time
import jupyterlab.labapp, jupyterlab_chat, jupyter_ai_persona_manager
before = set(sys.modules)
begun = time.perf_counter()
import local_assistant.lab.extension
extension = time.perf_counter() - begun
import local_assistant.lab.chat.persona
persona = time.perf_counter() - begun - extension
print(json.dumps([extension, persona, sorted(set(sys.modules) - before)]))
"""


def test_only_light_modules_are_imported() -> None:
    done = subprocess.run(
        [sys.executable, "-c", IMPORTS], capture_output=True, text=True, check=True
    )
    extension, persona, modules = json.loads(done.stdout.splitlines()[-1])
    tops = {name.partition(".")[0] for name in modules}
    heavy = {"langchain_ollama", "langchain_core", "ollama", "httpx", "tomlkit", "xllamacpp"}
    assert tops.isdisjoint(heavy), sorted(tops & heavy)
    assert not [name for name in modules if name.startswith("local_assistant.config")]
    assert extension <= 0.3
    assert persona <= 0.3
