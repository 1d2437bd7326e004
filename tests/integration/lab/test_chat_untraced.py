"""A chat is told to nobody, even where the user has LangChain tell LangSmith everything."""

from __future__ import annotations

import http.server
import os
import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest

from local_assistant.engine.launch import EngineInfo

_ASK = """
import asyncio, sys
from langchain_core.tracers.langchain import wait_for_all_tracers
from local_assistant.config import load_config
from local_assistant.lab.chat.backend import Backend, Counts
from local_assistant.server import choose

config = load_config().config
choice, messages = choose("chat", config), [{"role": "user", "content": "Write primes"}]

async def chat():
    return [piece.text async for piece in Backend().stream(choice, config, messages, Counts())]

async def plain():
    model = Backend()._client(choice, config, False)
    return [chunk.content async for chunk in model.astream(messages)]

print("".join(asyncio.run({"chat": chat, "plain": plain}[sys.argv[1]]())))
wait_for_all_tracers()
"""


@pytest.fixture
def smith() -> Iterator[tuple[str, list[str]]]:
    """What LangChain takes for LangSmith, and what it was told there."""
    told: list[str] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            self.do_GET()

        def do_GET(self) -> None:
            told.append(self.path)
            self.send_response(200)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}", told
        server.shutdown()


@pytest.mark.parametrize(("how", "is_told"), [("chat", False), ("plain", True)])
def test_langsmith_hears_nothing_of_the_chat(
    engine: EngineInfo, smith: tuple[str, list[str]], how: str, is_told: bool
) -> None:
    url, told = smith
    variables = {
        "LANGSMITH_TRACING": "true",
        "LANGSMITH_API_KEY": "lsv2_some_key",
        "LANGSMITH_ENDPOINT": url,
    }
    ran = subprocess.run(
        [sys.executable, "-c", _ASK, how],
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.strip()
    assert bool(told) is is_told, told
