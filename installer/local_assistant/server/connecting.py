"""One connection to a model server: directly, or through the user's proxy.

Contract: this machine is never reached through a proxy. A server elsewhere is, where
HTTP_PROXY, HTTPS_PROXY, ALL_PROXY and NO_PROXY (or the system's settings) say so, with the
certificates that SSL_CERT_FILE and its like name: by the rules of the pulls, so that there
is one set of rules. Nothing is opened here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import http.client

CONNECT_TIMEOUT_S = 3.0


def path_of(url: str) -> str:
    """Return what a base URL has behind the host (``/ollama``), without a slash at its end."""
    from urllib.parse import urlsplit

    return urlsplit(url).path.rstrip("/")


def connect(url: str, timeout_s: float) -> http.client.HTTPConnection:
    """Return an unopened connection for a base URL."""
    import http.client
    from urllib.parse import urlsplit

    from local_assistant.config.hosts import is_loopback

    parts = urlsplit(url)
    host, port = parts.hostname or "127.0.0.1", parts.port
    if is_loopback(url):
        if parts.scheme == "https":
            return http.client.HTTPSConnection(host, port, timeout=timeout_s)
        return http.client.HTTPConnection(host, port, timeout=timeout_s)
    return _off_this_machine(parts.scheme, host, port, timeout_s)


def _off_this_machine(
    scheme: str, host: str, port: int | None, timeout_s: float
) -> http.client.HTTPConnection:
    import http.client
    from urllib.parse import urlsplit

    from local_assistant.engine.pull.network import Network

    network = Network()
    number = port or (443 if scheme == "https" else 80)
    proxy = network.proxy(scheme, host, number)
    if not proxy:
        if scheme == "https":
            return http.client.HTTPSConnection(
                host, number, timeout=timeout_s, context=network.tls()
            )
        return http.client.HTTPConnection(host, number, timeout=timeout_s)
    over = urlsplit(proxy)
    way = (over.hostname or "127.0.0.1", over.port or (443 if over.scheme == "https" else 80))
    pass_on = _credentials(over.username, over.password)
    if scheme == "https":
        tunnel = http.client.HTTPSConnection(*way, timeout=timeout_s, context=network.tls())
        tunnel.set_tunnel(host, number, headers=pass_on)
        return tunnel
    shown = f"[{host}]" if ":" in host else host
    return _forwarding(way, f"http://{shown}:{number}", pass_on, timeout_s)


def _credentials(user: str | None, password: str | None) -> dict[str, str]:
    import base64
    from urllib.parse import unquote

    if not user:
        return {}
    pair = f"{unquote(user)}:{unquote(password or '')}".encode()
    return {"Proxy-Authorization": "Basic " + base64.b64encode(pair).decode("ascii")}


def _forwarding(
    way: tuple[str, int], origin: str, headers: dict[str, str], timeout_s: float
) -> http.client.HTTPConnection:
    """Return a connection to a proxy that is given whole addresses, as HTTP wants it."""
    import http.client

    class Forwarding(http.client.HTTPConnection):
        def putrequest(self, method: str, url: str, *args: Any, **kwargs: Any) -> None:
            super().putrequest(method, origin + url, *args, **kwargs)
            for name, value in headers.items():
                self.putheader(name, value)

    return Forwarding(*way, timeout=timeout_s)
