"""Who may talk to the engine: token, Host and Origin.

Contract: pure functions on header values. Every path wants the token when there is one
(``/`` too: no port without authentication). Host is checked against DNS rebinding, Origin
against pages of other sites, both by Ollama's rules.
"""

from __future__ import annotations

import hmac
import ipaddress
import socket
from urllib.parse import urlsplit

_LOCAL_ENDINGS = (".localhost", ".local", ".internal")
_LISTED_HOSTS = ("localhost", "127.0.0.1", "0.0.0.0")  # noqa: S104 - a name to compare with
_LISTED_SCHEMES = ("app", "file", "tauri", "vscode-webview", "vscode-file")

_STAINLESS = (
    "Arch", "Async", "Custom-Poll-Interval", "Helper-Method", "Lang", "Os", "Package-Version",
    "Poll-Helper", "Retry-Count", "Runtime", "Runtime-Version", "Timeout",
)  # fmt: skip
_PLAIN = "Authorization,Content-Type,User-Agent,Accept,X-Requested-With,Openai-Beta"
ALLOWED_HEADERS = ",".join([_PLAIN, *(f"X-Stainless-{name}" for name in _STAINLESS)])
"""What a page may send; the last ones are of OpenAI's JavaScript client."""


def has_token(authorization: str | None, token: str | None) -> bool:
    """Whether an ``Authorization`` header carries the token (or none is wanted)."""
    if token is None:
        return True
    scheme, _, given = (authorization or "").partition(" ")
    same = hmac.compare_digest(given.strip().encode(), token.encode())
    return same and scheme.lower() == "bearer"


def host_allowed(host: str | None) -> bool:
    """Whether a ``Host`` header may reach a server on loopback."""
    name = _host_of(host or "")
    if not name or name == "localhost" or name.endswith(_LOCAL_ENDINGS):
        return True
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        return name == socket.gethostname().lower()
    return address.is_loopback or address.is_private or address.is_unspecified


def origin_allowed(origin: str | None, host: str | None, listed: tuple[str, ...] = ()) -> bool:
    """Whether a page of ``origin`` may ask; no origin is no page.

    Args:
        listed: what the user lets in beside the usual ones (OLLAMA_ORIGINS).
    """
    if not origin or any(_matches(origin, pattern) for pattern in listed):
        return True
    try:
        parts = urlsplit(origin)
        name = parts.hostname or ""
    except ValueError:
        return False
    if parts.scheme in _LISTED_SCHEMES:
        return True
    if parts.scheme not in ("http", "https"):
        return False
    return name in _LISTED_HOSTS or parts.netloc.lower() == (host or "").lower() != ""


def _matches(origin: str, pattern: str) -> bool:
    """Whether an origin fits a listed one, in which one ``*`` stands for any text."""
    before, star, after = pattern.lower().partition("*")
    text = origin.lower()
    if not star:
        return text == before
    long_enough = len(text) >= len(before) + len(after)
    return long_enough and text.startswith(before) and text.endswith(after)


def _host_of(host: str) -> str:
    text = host.strip().lower()
    if text.startswith("["):
        return text[1:].partition("]")[0]
    return text.partition(":")[0] if text.count(":") == 1 else text
