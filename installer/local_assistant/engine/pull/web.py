"""HTTP for downloads: ``http.client`` with proxies, redirects, and an end from outside.

Contract: a :class:`Session` belongs to one thread and keeps its connections; only
:meth:`Session.abort` may be called from another one, and makes a read that waits fail at
once. A credential goes to the origin that it is meant for and nowhere else, wherever a
redirect leads. Measured against httpx: three times its throughput into a file, because
``readinto`` fills one buffer instead of making an object of each piece.
"""

from __future__ import annotations

import base64
import contextlib
import http.client
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from urllib.parse import unquote, urljoin, urlsplit

from local_assistant.engine.pull.errors import Cancelled, Stalled, Status, WebError, whole_number
from local_assistant.engine.pull.network import Network, origin
from local_assistant.engine.settings import API_VERSION
from local_assistant.errors import AssistantError

_REDIRECTS = 10
_ERROR_BYTES = 4096
_WINDOW_BYTES = 2 << 20
"""20 MB/s over a connection with a round trip of 100 ms; there are several."""

_AGENT = f"ollama/{API_VERSION} (jupyter-local-assistant)"


@dataclass(frozen=True)
class Patience:
    """How long and how often something is tried."""

    tries: int = 6
    """Tries in a row without any progress."""
    first_pause_s: float = 0.5
    """Doubles with each."""
    longest_pause_s: float = 60.0
    stall_s: float = 30.0
    """Silence after which a connection is given up."""
    connect_s: float = 15.0


class Scope:
    """What can be ended from outside: the sessions of one piece of work, and its pauses."""

    def __init__(self, network: Network, patience: Patience) -> None:
        self.network = network
        self.patience = patience
        self._tls: ssl.SSLContext | None = None
        self._lock = threading.Lock()
        self._sessions: set[Session] = set()
        self._ended = threading.Event()

    @property
    def cancelled(self) -> bool:
        return self._ended.is_set()

    def cancel(self) -> None:
        self._ended.set()
        with self._lock:
            sessions = list(self._sessions)
        for session in sessions:
            session.abort()

    def check(self) -> None:
        """Raise Cancelled if nobody waits any more."""
        if self._ended.is_set():
            raise Cancelled

    def pause(self, seconds: float) -> None:
        if self._ended.wait(seconds):
            raise Cancelled

    def tls(self) -> ssl.SSLContext:
        with self._lock:
            if self._tls is None:
                self._tls = self.network.tls()
            return self._tls

    @contextlib.contextmanager
    def session(self) -> Iterator[Session]:
        session = Session(self)
        with self._lock:
            self._sessions.add(session)
        try:
            self.check()
            yield session
        finally:
            with self._lock:
                self._sessions.discard(session)
            session.close()


@dataclass
class Response:
    """An answer whose body is still to be read."""

    url: str
    status: int
    headers: dict[str, str]
    _session: Session
    _raw: http.client.HTTPResponse = field(repr=False)

    def readinto(self, view: memoryview) -> int:
        """Fill ``view`` as far as there are bytes; 0 at the end.

        Raises:
            WebError: the connection broke.
        """
        with self._session.failures(self.url):
            return self._raw.readinto(view)

    def read(self, limit: int) -> bytes:
        """Return the whole body.

        Raises:
            WebError: it is longer than ``limit``, or broke off.
        """
        with self._session.failures(self.url), self._session.deadline():
            body = self._raw.read(limit + 1)
        if len(body) > limit:
            raise WebError(f"{self.url} answers more than {limit} bytes", again=False)
        if self._raw.length:  # bytes that were promised: http.client says nothing of it
            self._session.drop()
            raise WebError(f'Get "{_shown(self.url)}": the connection was cut')
        return body

    def error(self) -> Status:
        """Return the error that this answer is."""
        try:
            with self._session.failures(self.url), self._session.deadline():
                body = self._raw.read(_ERROR_BYTES)
        except WebError:
            body = b""
        self._session.drop()
        return Status(self.status, body.decode("utf-8", "replace").strip(), self.headers)


class Session:
    """The connections of one thread."""

    def __init__(self, scope: Scope) -> None:
        self.scope = scope
        self._connections: dict[tuple[str, str, int], http.client.HTTPConnection] = {}
        self._current: tuple[str, str, int] | None = None
        self._socket: socket.socket | None = None
        self._aborted = False
        self._absent = False
        """Whether the last failure was to connect at all."""

    def get(self, url: str, headers: dict[str, str], credential: str = "") -> Response:
        """Return the answer of ``url`` after its redirects, whatever its status.

        Args:
            credential: the value of ``Authorization`` for the origin of ``url``.

        Raises:
            WebError: there is none.
        """
        home = _origin_of(url, url)
        for _ in range(_REDIRECTS + 1):
            allowed = {"Authorization": credential} if credential and origin(url) == home else {}
            response = self._exchange(url, {**headers, **allowed})
            target = response.headers.get("location")
            if response.status not in (301, 302, 303, 307, 308) or not target:
                return response
            self._discard(response)
            target = _joined(url, target)
            leads = f"{_shown(url)} redirects to {target[:200]}"
            if home[0] == "https" and _origin_of(target, leads)[0] != "https":
                raise WebError(f"{leads}, which is not encrypted", again=False)
            _origin_of(target, leads)
            url = target
        raise WebError(
            f"maximum redirects exceeded ({_REDIRECTS}) for {urlsplit(url).hostname}", again=False
        )

    def abort(self) -> None:
        """Make what waits fail; the session can be used again."""
        self._aborted = True
        opened = self._socket
        if opened is not None:
            with contextlib.suppress(OSError):  # it is closed already
                # Not SSLSocket's own: that takes away what the other thread reads from.
                socket.socket.shutdown(opened, socket.SHUT_RDWR)

    def drop(self) -> None:
        """Close the connection in use: what is left of its answer is not wanted."""
        if self._current is not None:
            connection = self._connections.pop(self._current, None)
            self._current = None
            if connection is not None:
                connection.close()
        self._socket = None

    def close(self) -> None:
        for connection in self._connections.values():
            connection.close()
        self._connections.clear()
        self._socket = None

    @contextlib.contextmanager
    def deadline(self) -> Iterator[None]:
        """Abort what takes longer than a minute or two in all, though bytes may trickle."""
        timer = threading.Timer(self.scope.patience.stall_s * 2, self.abort)
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()

    def _exchange(self, url: str, headers: dict[str, str]) -> Response:
        parts = urlsplit(url)
        target = parts.path or "/"
        if parts.query:
            target += f"?{parts.query}"
        key = origin(url)
        headers = {"User-Agent": _AGENT, "Accept-Encoding": "identity", **headers}
        with self.failures(url), self.deadline():
            reused = key in self._connections
            try:
                raw = self._ask(key, url, target, headers)
            except (http.client.RemoteDisconnected, ConnectionResetError, BrokenPipeError):
                if not reused or self._aborted:
                    raise
                self.drop()  # it was kept open for too long: once more on a new one
                raw = self._ask(key, url, target, headers)
        found = {name.lower(): value for name, value in raw.getheaders()}
        return Response(url, raw.status, found, self, raw)

    def _ask(
        self, key: tuple[str, str, int], url: str, target: str, headers: dict[str, str]
    ) -> http.client.HTTPResponse:
        self.scope.check()
        self._current, self._aborted, self._absent = key, False, False
        connection = self._connections.get(key)
        if connection is None:
            connection = self._connections[key] = self._connect(key)
            self._absent = True
            connection.connect()
            connection.sock.settimeout(self.scope.patience.stall_s)
            _limit_window(connection.sock)
        self._socket, self._absent = connection.sock, False
        proxy = self.scope.network.proxy(*key)
        if proxy and key[0] == "http":
            target = url
            headers = {**headers, **_proxy_headers(proxy)}
        connection.request("GET", target, headers=headers)
        return connection.getresponse()

    def _connect(self, key: tuple[str, str, int]) -> http.client.HTTPConnection:
        scheme, host, port = key
        connect_s = self.scope.patience.connect_s
        proxy = self.scope.network.proxy(scheme, host, port)
        if not proxy:
            if scheme == "https":
                tls = self.scope.tls()
                return http.client.HTTPSConnection(host, port, timeout=connect_s, context=tls)
            return http.client.HTTPConnection(host, port, timeout=connect_s)
        parts = urlsplit(proxy)
        if parts.scheme != "http" or not parts.hostname:
            raise AssistantError(
                f"The proxy {_shown(proxy)} cannot be used: only http:// proxies can.",
                "Set HTTPS_PROXY to http://HOST:PORT, or NO_PROXY to the hosts to reach without.",
            )
        via, door = parts.hostname, parts.port or 80
        if scheme == "http":
            return http.client.HTTPConnection(via, door, timeout=connect_s)
        tls = self.scope.tls()
        tunnel = http.client.HTTPSConnection(via, door, timeout=connect_s, context=tls)
        tunnel.set_tunnel(host, port, _proxy_headers(proxy))
        return tunnel

    def _discard(self, response: Response) -> None:
        """Read the rest of a small answer, so that its connection can be used again."""
        length = whole_number(response.headers.get("content-length", ""))
        if length is not None and length <= _ERROR_BYTES:
            with contextlib.suppress(WebError):  # cut: nobody wants it, a new connection comes
                response.read(_ERROR_BYTES)
        else:
            self.drop()

    @contextlib.contextmanager
    def failures(self, url: str) -> Iterator[None]:
        """Say in words what goes wrong, and close the connection then."""
        began = time.monotonic()
        try:
            yield
        except (OSError, http.client.HTTPException, ValueError) as error:
            self.drop()
            self.scope.check()
            silent = isinstance(error, TimeoutError) or self._aborted
            self._aborted = False
            what = f'Get "{_shown(url)}": '
            absent, self._absent = self._absent, False
            if silent:
                waited = time.monotonic() - began
                what += f"no answer for {waited:.0f} s"
                raise Stalled(what, unreachable=absent) from error
            raise WebError(
                what + _reason(error), again=_may_pass(error), unreachable=absent
            ) from error
        if self._aborted:
            self.drop()
            self.scope.check()
            self._aborted = False
            raise Stalled(f'Get "{_shown(url)}": too slow')


def _limit_window(opened: socket.socket) -> None:
    """Keep little in the kernel: what lies there is lost, and sent again, after a kill."""
    if hasattr(socket, "TCP_WINDOW_CLAMP"):
        with contextlib.suppress(OSError):  # a socket of another kind
            opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_WINDOW_CLAMP, _WINDOW_BYTES)


def _origin_of(url: str, what: str) -> tuple[str, str, int]:
    try:
        return origin(url)
    except ValueError as error:
        raise WebError(f"{what}: {error}", again=False) from error


def _joined(url: str, target: str) -> str:
    try:
        return urljoin(url, target)
    except ValueError as error:
        raise WebError(
            f"{_shown(url)} redirects to {target[:200]}: {error}", again=False
        ) from error


def _shown(url: str) -> str:
    """Return a URL without what may be secret: a password, a signature."""
    parts = urlsplit(url)
    port = f":{parts.port}" if parts.port else ""
    return f"{parts.scheme}://{parts.hostname or ''}{port}{parts.path}"


def _proxy_headers(proxy: str) -> dict[str, str]:
    parts = urlsplit(proxy)
    if parts.username is None:
        return {}
    pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
    return {"Proxy-Authorization": f"Basic {base64.b64encode(pair.encode()).decode()}"}


def _reason(error: Exception) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"the certificate is not trusted ({error.verify_message})"
    if isinstance(error, ssl.SSLError) and "WRONG_VERSION_NUMBER" in str(error.reason):
        return "http: server gave HTTP response to HTTPS client"
    if isinstance(error, socket.gaierror):
        return "no such host"
    if isinstance(error, ConnectionRefusedError):
        return "connection refused"
    if isinstance(error, (http.client.RemoteDisconnected, ConnectionError)):
        return "the connection was cut"
    return str(error) or type(error).__name__


def _may_pass(error: Exception) -> bool:
    cut = isinstance(error, (ssl.SSLEOFError, ssl.SSLZeroReturnError))
    return cut or not isinstance(error, ssl.SSLError)
