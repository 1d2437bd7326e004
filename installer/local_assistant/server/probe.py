"""Ask who answers at an address, and tell Ollama from anything else.

Contract: :func:`probe` judges by the JSON of ``/api/version``, within a deadline; a 200
alone proves nothing. It never raises. Cheap at import; standard library only.
"""

from __future__ import annotations

import contextlib
import json
import math
import sys
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import http.client

PROBE_TIMEOUT_S = 5.0
"""Ollama listens before it has looked for graphics cards; the first answer takes seconds."""

_FORGET_S = 60.0
_SILENT_AGAIN_S = 0.5
_BEHIND = (502, 503, 504)
"""What a web server in front says where nothing answers behind it."""

_silent: dict[str, float] = {}
"""When a program on this machine was first found to say nothing: it is not waited for again."""


@dataclass(frozen=True)
class Probe:
    """What answers at an address.

    Attributes:
        state: ``ollama``; ``nothing`` (refused or unknown host); ``silent`` (no answer in
            time); ``foreign`` (something else); ``refused`` (it wants a key); ``moved`` (it
            sends us to another address); ``gateway`` (a web server, and nothing behind it).
        version: Ollama's version.
        detail: what was seen, for a message.
    """

    state: Literal["ollama", "nothing", "silent", "foreign", "refused", "moved", "gateway"]
    version: str = ""
    detail: str = ""


def probe(url: str, token: str | None = None, timeout_s: float = PROBE_TIMEOUT_S) -> Probe:
    """Ask who answers at ``url``, for at most ``timeout_s`` seconds."""
    from local_assistant.config.hosts import is_loopback

    if time.monotonic() - _silent.get(url, -math.inf) < _FORGET_S:
        timeout_s = min(timeout_s, _SILENT_AGAIN_S)
    else:
        _silent.pop(url, None)
    seen = _ask(url, token, timeout_s)
    if seen.state != "silent":
        _silent.pop(url, None)
    elif is_loopback(url):
        _silent.setdefault(url, time.monotonic())
    return seen


def _ask(url: str, token: str | None, timeout_s: float) -> Probe:
    import ssl

    from local_assistant.config.hosts import is_loopback
    from local_assistant.server.connecting import CONNECT_TIMEOUT_S, connect

    # Windows knocks for two seconds at a closed port of its own before it says so.
    impatient = sys.platform == "win32" and is_loopback(url)
    connection = connect(url, min(0.5 if impatient else CONNECT_TIMEOUT_S, timeout_s))
    try:
        connection.connect()
    except TimeoutError:
        if impatient:
            return Probe("nothing", detail="nothing listens there")
        return Probe("silent", detail="it does not answer")
    except ssl.SSLError as error:
        return Probe("foreign", detail=f"no safe connection ({error.reason or error})")
    except OSError as error:
        return Probe("nothing", detail=error.strerror or str(error))
    try:
        return _exchange(connection, url, token, timeout_s)
    finally:
        connection.close()


def _exchange(
    connection: http.client.HTTPConnection, url: str, token: str | None, timeout_s: float
) -> Probe:
    import http.client

    from local_assistant.server.connecting import path_of

    opened = connection.sock
    opened.settimeout(timeout_s)
    # A socket's timeout counts from byte to byte; a slow drip needs an end, too.
    guard = threading.Timer(timeout_s, _shut, [opened])
    guard.daemon = True
    guard.start()
    began = time.monotonic()
    try:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        connection.request("GET", f"{path_of(url)}/api/version", headers=headers)
        response = connection.getresponse()
        return _judge(response.status, response.read(4096), response.getheader("Location"))
    except (OSError, http.client.HTTPException):
        if time.monotonic() - began >= timeout_s - 0.1:
            return Probe("silent", detail=f"it gave no answer within {timeout_s:g} seconds")
        return Probe("foreign", detail="it does not speak HTTP")
    finally:
        guard.cancel()


def _shut(opened: Any) -> None:
    with contextlib.suppress(OSError):  # it is closed already
        opened.shutdown(2)


def _judge(status: int, raw: bytes, location: str | None) -> Probe:
    from local_assistant.server.features import numbers

    try:
        answer = json.loads(raw)
    except ValueError:
        answer = None
    version = answer.get("version") if isinstance(answer, dict) else None
    if status == 200 and isinstance(version, str) and numbers(version):
        return Probe("ollama", version.lstrip("v"))
    if status in (401, 403):
        return Probe("refused", detail=f"it refuses us (HTTP status {status})")
    if 300 <= status < 400 and location:
        whole = location.partition("/api/version")[0].rstrip("/")
        return Probe("moved", detail=f"it sends us on to {whole or location}")
    if status in _BEHIND:
        return Probe(
            "gateway", detail=f"a web server answers, no Ollama behind it (HTTP status {status})"
        )
    return Probe("foreign", detail=f"it is another program (HTTP status {status})")
