"""A model server on loopback that speaks Ollama's API and says what a test wants.

For what no real model does on demand: exact words, garbage, nothing, no end. Every question is
kept as it was received.
"""

from __future__ import annotations

import http.server
import json
import threading
from collections.abc import Callable, Iterator
from typing import Any

MODEL = "odd:latest"
WINDOW = 4096

Reply = str | Callable[["Request"], None]


class Request(http.server.BaseHTTPRequestHandler):
    """One request; a reply of a test's own writes its lines with :meth:`say` and :meth:`raw`."""

    server: _Server
    body: dict[str, Any]

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        self.reply(
            {
                "/api/version": {"version": "0.33.0"},
                "/api/tags": {"models": [self._model]},
                "/api/ps": {"models": [{**self._model, "context_length": WINDOW}]},
            }.get(self.path, {})
        )

    def do_POST(self) -> None:
        self.body = body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.path != "/api/chat":
            self.reply({"capabilities": self.server.odd.capabilities})
            return
        self.server.odd.asked.append(body)
        self.send_response(200)
        self.send_header("Content-Type", "application/x-ndjson")
        self.end_headers()
        answer = self.server.odd.next_reply()
        try:
            if callable(answer):
                answer(self)
            else:
                for piece in _pieces(answer):
                    self.say(piece)
                self.done()
        except OSError:
            self.server.odd.left.set()

    @property
    def _model(self) -> dict[str, Any]:
        can = self.server.odd.capabilities
        digest = " ".join(can).encode().hex()  # another ability is another model
        name = self.server.odd.model
        return {"name": name, "model": name, "size": 1, "digest": digest,
                "capabilities": can, "details": {"parameter_size": "1B"}}  # fmt: skip

    def reply(self, answer: dict[str, Any]) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps(answer).encode())

    def say(self, piece: str, **message: Any) -> None:
        message = {"role": "assistant", "content": piece, **message}
        self.line({"model": self.server.odd.model, "message": message, "done": False})

    def done(self, reason: str = "stop") -> None:
        message = {"role": "assistant", "content": ""}
        ended = {"done": True, "done_reason": reason}
        self.line({"model": self.server.odd.model, "message": message, **ended})

    def line(self, value: object) -> None:
        self.raw(json.dumps(value).encode() + b"\n")

    def raw(self, data: bytes) -> None:
        self.wfile.write(data)
        self.wfile.flush()


def calls(*called: tuple[str, dict[str, Any]], text: str = "") -> Reply:
    """Return a reply in which the model calls tools: each a name and its arguments."""

    def reply(request: Request) -> None:
        if text:
            request.say(text)
        functions = [{"function": {"name": name, "arguments": args}} for name, args in called]
        request.say("", tool_calls=functions)
        request.done()

    return reply


def _pieces(text: str) -> Iterator[str]:
    for start in range(0, len(text), 7):
        yield text[start : start + 7]


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    odd: OddServer


class OddServer:
    """The server of one module's tests.

    Attributes:
        model: its only model, by its full name.
        asked: the bodies of the questions.
        left: set when a client hung up on an answer.
        capabilities: what the model can do, as the server says.
    """

    def __init__(self, model: str = MODEL) -> None:
        self.model = model if ":" in model else f"{model}:latest"
        self.asked: list[dict[str, Any]] = []
        self.left = threading.Event()
        self.capabilities = ["completion"]
        self._replies: list[Reply] = []
        self._server = _Server(("127.0.0.1", 0), Request)
        self._server.odd = self
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def will_say(self, *replies: Reply) -> None:
        """Set what the next questions are answered; the last one stays."""
        self.asked.clear()
        self.left.clear()
        self._replies = list(replies)

    def next_reply(self) -> Reply:
        return self._replies.pop(0) if len(self._replies) > 1 else self._replies[0]

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
