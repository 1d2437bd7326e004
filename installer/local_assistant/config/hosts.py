"""Where a model server is: every form of ``OLLAMA_HOST``, brought to one base URL.

Contract: :func:`base_url` accepts what Ollama itself accepts (``host``, ``:port``,
``host:port``, ``[::1]:port``, ``https://host/path``) and returns an ``http(s)://`` URL
without a trailing slash that a client can connect to. Standard library only, no state.
"""

from __future__ import annotations

import ipaddress
import re

DEFAULT_URL = "http://127.0.0.1:11434"
DEFAULT_PORT = 11434
_SCHEME_PORTS = {"http": 80, "https": 443}
_ANY_ADDRESS = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104
"""A server may bind "every address"; a client has to name one."""

_HOST = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_.-]*[A-Za-z0-9_])?\.?")


def base_url(text: str) -> str:
    """Return the base URL that ``text`` means; an empty text means Ollama's default.

    Raises:
        ValueError: ``text`` is no address.
    """
    value = text.strip().strip("\"'").strip()
    if not value:
        return DEFAULT_URL
    scheme, separator, rest = value.partition("://")
    if not separator:
        scheme, rest = "", value
    scheme = scheme.lower()
    if scheme not in ("", "http", "https"):
        raise ValueError(f"{scheme}:// is not a web address")
    if scheme == "" and value.lower() == "ollama.com":
        scheme, rest = "https", "ollama.com"
    authority, slash, path = rest.partition("/")
    if "@" in authority or re.search(r"[\s?#]", rest):
        raise ValueError("an address has no user name, no blanks, no ? and no #")
    host, port = _host_and_port(authority, _SCHEME_PORTS.get(scheme, DEFAULT_PORT))
    host = _ANY_ADDRESS.get(host, host)
    shown = f"[{host}]" if ":" in host else host
    return f"{scheme or 'http'}://{shown}:{port}{slash}{path}".rstrip("/")


def _host_and_port(authority: str, default_port: int) -> tuple[str, int]:
    """Split ``host``, ``host:port``, ``::1``, ``[::1]`` or ``[::1]:port``."""
    bracketed = re.fullmatch(r"\[([0-9A-Fa-f:.]+)\](?::(\d*))?", authority)
    if bracketed:
        host, port = bracketed[1], bracketed[2] or ""
    elif authority.count(":") > 1:
        host, port = authority, ""
    else:
        host, _, port = authority.partition(":")
    if ":" in host:
        ipaddress.IPv6Address(host)  # raises a ValueError that says what is wrong
    elif host and not _HOST.fullmatch(host):
        raise ValueError(f"{host} is not a host name")
    if port and not port.isdigit():
        raise ValueError(f"{port} is not a port number")
    # Ollama falls back to the default for a port that cannot exist; so do we.
    number = int(port) if port and 0 < int(port) < 65536 else default_port
    return host, number


def is_loopback(url: str) -> bool:
    """Return whether ``url`` (as :func:`base_url` made it) stays on this machine."""
    host = host_of(url)
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def host_of(url: str) -> str:
    """Return the host part of a URL made by :func:`base_url`, without brackets."""
    authority = url.partition("://")[2].partition("/")[0]
    return authority.rpartition(":")[0].strip("[]").lower()


def port_of(url: str) -> int:
    """Return the port of a URL made by :func:`base_url`."""
    authority = url.partition("://")[2].partition("/")[0]
    return int(authority.rpartition(":")[2])
