"""What the extension and the persona add to JupyterLab's start, and to the first answer."""

from __future__ import annotations

import json
import subprocess
import sys

from tests.integration.magics.odd_server import OddServer

IMPORTS = """
import json, sys, time
import jupyterlab.labapp, jupyterlab_chat, jupyter_ai_persona_manager
before = set(sys.modules)
# The processor's time: what else the machine does is not ours.
begun = time.process_time()
import local_assistant.lab.extension
extension = time.process_time() - begun
import local_assistant.lab.chat.persona
persona = time.process_time() - begun - extension
print(json.dumps([extension, persona, sorted(set(sys.modules) - before)]))
"""

ANSWER = """
import asyncio, json, sys
from local_assistant.config import load_config
from local_assistant.lab.chat.backend import Backend, Counts, load
from local_assistant.server import choose

async def answer():
    config = load_config().config
    choice = choose("chat", config)
    words = [{"role": "user", "content": "2 + 2?"}]
    before = set(sys.modules)
    said = [piece.text async for piece in Backend().stream(choice, config, words, Counts())]
    print(json.dumps(["".join(said), sorted(set(sys.modules) - before)]))

load()
asyncio.run(answer())
"""


def test_only_light_modules_are_imported() -> None:
    for _ in range(5):  # a busy machine makes even the processor's time longer: the best counts
        done = subprocess.run(
            [sys.executable, "-c", IMPORTS], capture_output=True, text=True, check=True
        )
        extension, persona, modules = json.loads(done.stdout.splitlines()[-1])
        if max(extension, persona) <= 0.3:
            break
    tops = {name.partition(".")[0] for name in modules}
    heavy = {"langchain_ollama", "langchain_core", "ollama", "httpx", "tomlkit", "xllamacpp"}
    assert tops.isdisjoint(heavy), sorted(tops & heavy)
    assert not [name for name in modules if name.startswith("local_assistant.config")]
    assert extension <= 0.3
    assert persona <= 0.3


def test_the_first_answer_has_no_library_to_wait_for(odd: OddServer) -> None:
    odd.will_say("It is 4.")
    done = subprocess.run([sys.executable, "-c", ANSWER], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    said, modules = json.loads(done.stdout.splitlines()[-1])
    assert said == "It is 4."
    slow = ("langchain_core", "langchain_ollama", "langsmith", "anyio", "httpx", "ollama")
    assert not [name for name in modules if name.partition(".")[0] in slow]
