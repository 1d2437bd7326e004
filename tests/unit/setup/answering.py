"""An Ollama that gives the answers that a test wants: real HTTP on loopback, no model."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from json import dumps
from threading import Thread
from typing import Any

from local_assistant.config import AssistantConfig

GOOD: dict[str, Any] = {
    "/api/version": {"version": "0.30.0"},
    "/api/tags": {"models": [{"name": "m:latest", "size": 1}]},
    "/api/show": {"capabilities": ["completion", "insert"]},
    "/api/chat": {"message": {"content": "Hello"}, "done": True},
    "/api/generate": {"response": "a + b", "done": True},
    "/api/embed": {"embeddings": [[1.0, 0.0], [0.6, 0.8], [1.0, 0.0]]},
}


@contextmanager
def ollama(**changed: Any) -> Iterator[AssistantConfig]:
    """An Ollama with given answers; keys are the last part of the path."""
    answers = GOOD | {f"/api/{name}": answer for name, answer in changed.items()}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            body = dumps(answers[self.path]).encode() + b"\n"
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_POST = do_GET

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    models = {"chat": "m", "completion": "m", "embedding": "m"}
    url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield AssistantConfig.model_validate(
            {"server": {"kind": "ollama", "url": url}, "models": models}
        )
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
