"""Plain HTTP to a model server that speaks Ollama's API.

Contract: standard library only, nothing heavy at import (kernels use this), one connection
per request, to this machine never through a proxy. Connecting is bounded by 3 seconds; a
reply may take minutes, because a model may have to be loaded first. Leaving a stream, in any
way, closes its connection at once, at which the server stops generating. Every failure is an
:class:`AssistantError`; what a server answered is a :class:`ServerError` with its status.
"""

from __future__ import annotations

import contextlib
import json
import socket
import threading
from types import TracebackType
from typing import TYPE_CHECKING, Any

from local_assistant.errors import AssistantError
from local_assistant.server.connecting import CONNECT_TIMEOUT_S, connect, path_of

if TYPE_CHECKING:
    import http.client

    from local_assistant.server.endpoint import Endpoint

READ_TIMEOUT_S = 600.0
_PIECE = 65536
_ERROR_LIMIT = 65536
_LINE_LIMIT = 16 * 1024 * 1024
"""No line of an answer is longer; what never ends a line would fill the memory."""


class ServerError(AssistantError):
    """The server answered, with an error; ``status`` is HTTP's, ``answer`` all that it said."""

    def __init__(
        self, message: str, fix: str | None, status: int, answer: dict[str, Any] | None = None
    ) -> None:
        super().__init__(message, fix)
        self.status = status
        self.answer = answer or {}


class ServerGone(AssistantError):
    """Nothing answers, or it stopped in the middle."""


class Client:
    """Requests to one endpoint. Holds no connection; may be used from any thread."""

    def __init__(self, endpoint: Endpoint, timeout_s: float = READ_TIMEOUT_S) -> None:
        self.endpoint = endpoint
        self._timeout_s = timeout_s

    def get(self, path: str) -> dict[str, Any]:
        """Return the JSON object at ``path``."""
        return self.request("GET", path)

    def post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """Post ``body`` and return the JSON object that comes back (empty if none does)."""
        return self.request("POST", path, body)

    def request(self, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        """Send one request and return the JSON object that comes back.

        Raises:
            ServerError: the server answered with an error.
            ServerGone: nothing answers.
        """
        connection, _, response = self._send(method, path, body)
        try:
            raw = self._reading(response.read)
        finally:
            connection.close()
        if not raw.strip():
            return {}
        return self._object(raw, response.status)

    def stream(self, path: str, body: dict[str, Any]) -> Stream:
        """Return a context manager that posts ``body`` and gives the objects that come back."""
        return Stream(self, path, body)

    def _send(
        self, method: str, path: str, body: dict[str, Any] | None
    ) -> tuple[http.client.HTTPConnection, socket.socket, http.client.HTTPResponse]:
        """Return an open connection, its socket and a response with status 2xx."""
        connection = connect(self.endpoint.url, CONNECT_TIMEOUT_S)
        headers = {"Accept": "application/json"}
        data = None
        if body is not None:
            data = json.dumps(body, separators=(",", ":")).encode()
            headers["Content-Type"] = "application/json"
        if self.endpoint.token:
            headers["Authorization"] = f"Bearer {self.endpoint.token}"
        try:
            try:
                connection.connect()
            except OSError as error:
                raise _no_answer(self.endpoint, error) from error
            # Kept: HTTPConnection lets go of its socket for a reply without a length.
            opened: socket.socket = connection.sock
            opened.settimeout(self._timeout_s)
            prefix = path_of(self.endpoint.url)
            response = self._reading(
                lambda: _exchange(connection, method, prefix + path, data, headers)
            )
            if not 200 <= response.status < 300:
                raw = self._reading(lambda: response.read(_ERROR_LIMIT))
                raise _refusal(self.endpoint, raw, response.status, body)
        except BaseException:
            connection.close()
            raise
        return connection, opened, response

    def _reading(self, read: Any) -> Any:
        """Run ``read`` and say in words what may go wrong with it."""
        import http.client

        try:
            return read()
        except TimeoutError as error:
            raise ServerGone(
                f"{self._name} gave no answer for {self._timeout_s:g} seconds.",
                "Try again, or use a smaller model: jupyter assistant models",
            ) from error
        except http.client.BadStatusLine as error:
            # Nothing at all came back: it ended before the answer. Else it is no web server.
            if isinstance(error, http.client.RemoteDisconnected):
                raise self._stopped("before it answered") from error
            raise no_server(self.endpoint) from error
        except (OSError, http.client.HTTPException) as error:
            raise self._stopped("in the middle of the answer") from error

    def _stopped(self, when: str) -> ServerGone:
        fix = (
            "Run it again: the engine restarts by itself."
            if self.endpoint.kind == "embedded"
            else "Run it again. If that does not help, look at Ollama's log."
        )
        return ServerGone(f"{self._name} stopped {when}.", fix)

    @property
    def _name(self) -> str:
        return server_name(self.endpoint)

    def _object(self, raw: bytes, status: int) -> dict[str, Any]:
        try:
            value = json.loads(raw)
        except ValueError:
            value = None
        if not isinstance(value, dict):
            raise no_server(self.endpoint)
        if "error" in value:
            raise _refusal(self.endpoint, raw, status, None)
        return value


class Stream:
    """The JSON lines of one answer: a context manager and an iterator.

    :meth:`close` may be called from another thread; a read that waits there then ends, as
    if the answer were over.
    """

    def __init__(self, client: Client, path: str, body: dict[str, Any]) -> None:
        self._client = client
        self._path = path
        self._body = body
        self._connection: http.client.HTTPConnection | None = None
        self._socket: socket.socket | None = None
        self._response: http.client.HTTPResponse | None = None
        self._buffer = b""
        self._last: dict[str, Any] = {}
        self._closed = False
        self._reader = 0

    def __enter__(self) -> Stream:
        opened = self._client._send("POST", self._path, self._body)
        self._connection, self._socket, self._response = opened
        self._reader = threading.get_ident()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def __iter__(self) -> Stream:
        return self

    def __next__(self) -> dict[str, Any]:
        while True:
            line = self._line()
            if line is None:
                self._check_end()
                raise StopIteration
            if line.strip():
                self._last = self._client._object(line, 200)
                return self._last

    def _line(self) -> bytes | None:
        """Return the next line, or None at the end of the answer."""
        while b"\n" not in self._buffer:
            if len(self._buffer) > _LINE_LIMIT:
                raise no_server(self._client.endpoint)
            if not self._fill():
                line, self._buffer = self._buffer, b""
                return line or None
        line, _, self._buffer = self._buffer.partition(b"\n")
        return line

    def _fill(self) -> bool:
        """Read what has arrived; False at the end of the answer."""
        response = self._response
        if response is None or self._closed or response.isclosed():
            return False
        try:
            piece: bytes = self._client._reading(lambda: response.read1(_PIECE))
        except ServerGone:
            if self._closed:
                return False
            raise
        self._buffer += piece
        return bool(piece)

    def _check_end(self) -> None:
        """An answer without a length ends when the server dies, too: then it is not done."""
        response = self._response
        if response is None or self._closed:
            return
        if not response.chunked and self._last.get("done") is False:
            raise self._client._stopped("in the middle of the answer")

    def close(self) -> None:
        """Close the connection at once."""
        self._closed = True
        with contextlib.suppress(OSError):  # it is closed already
            if self._socket is not None:
                # Closing alone would not wake another thread that reads.
                self._socket.shutdown(socket.SHUT_RDWR)
        if self._reader != threading.get_ident():
            return  # http.client is not made for two threads: the reader closes the rest
        if self._connection is not None:
            self._connection.close()
        if self._response is not None:
            self._response.close()


def server_name(endpoint: Endpoint) -> str:
    """Return how a message calls the server."""
    if endpoint.kind == "embedded":
        return "The embedded engine"
    return f"Ollama at {endpoint.url}"


def _exchange(
    connection: http.client.HTTPConnection,
    method: str,
    path: str,
    data: bytes | None,
    headers: dict[str, str],
) -> http.client.HTTPResponse:
    connection.request(method, path, body=data, headers=headers)
    return connection.getresponse()


def _no_answer(endpoint: Endpoint, error: OSError) -> ServerGone:
    import ssl

    if isinstance(error, ssl.SSLError):
        return ServerGone(
            f"There is no safe connection to {endpoint.url} ({error.reason or error}).",
            "Correct the address ([server] url or OLLAMA_HOST), or the server's certificate.",
        )
    reason = "no answer" if isinstance(error, TimeoutError) else error.strerror or str(error)
    fix = "Start it with: ollama serve"
    if endpoint.kind == "embedded":
        fix = "Run it again: the engine restarts by itself."
    elif not endpoint.local:
        fix = "Check that it runs, and its address: [server] url in assistant.toml, or OLLAMA_HOST."
    return ServerGone(f"{server_name(endpoint)} cannot be reached ({reason}).", fix)


def no_server(endpoint: Endpoint) -> AssistantError:
    return AssistantError(
        f"What answers at {endpoint.url} is not a model server.",
        "Check the address: [server] url in assistant.toml, or OLLAMA_HOST.",
    )


def _refusal(
    endpoint: Endpoint, raw: bytes, status: int, body: dict[str, Any] | None
) -> ServerError:
    """Return what the server said, in its own words, with what to do about it."""
    answer: Any = {}
    try:
        answer = json.loads(raw)
        said: Any = answer["error"]
        said = said.get("message", "") if isinstance(said, dict) else said
    except (ValueError, KeyError, TypeError):
        said = raw.decode("utf-8", "replace").strip()[:200]
    model = str((body or {}).get("model") or "")
    fix = "See the log: jupyter assistant logs"
    if status == 404 and model:
        fix = f"Get it with: jupyter assistant pull {model}"
    elif status in (401, 403):
        fix = "Set OLLAMA_API_KEY to the key that this server wants."
        if endpoint.kind == "embedded":
            fix = "Restart the engine: jupyter assistant stop"
    elif endpoint.kind == "ollama":
        fix = "See Ollama's log: jupyter assistant logs ollama"
    what = str(said).rstrip(".") or f"HTTP status {status}"
    answer = answer if isinstance(answer, dict) else {}
    return ServerError(f"{server_name(endpoint)} says: {what}.", fix, status, answer)
