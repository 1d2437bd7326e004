"""Proxy variables that would catch requests to this machine.

Contract: our own parts never ask a proxy for this machine. Others in a kernel do (httpx,
requests, LiteLLM, the ``ollama`` package): Python's rule excepts loopback only where
NO_PROXY names it. Nothing is changed here; standard library only.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

EXCEPT = "127.0.0.1,localhost,::1"


def catcher(url: str, environ: Mapping[str, str] | None = None) -> str | None:
    """Return the variable by which a client would ask a proxy for ``url``, or None.

    Only for an address of this machine: elsewhere a proxy may be the way.
    """
    from local_assistant.config.hosts import host_of, is_loopback

    if not is_loopback(url):
        return None
    environ = os.environ if environ is None else environ
    values = {name.upper(): value.strip() for name, value in _small_last(environ)}
    scheme = url.partition("://")[0].upper()
    for name in (f"{scheme}_PROXY", "ALL_PROXY"):
        if values.get(name):
            return None if _excepted(host_of(url), values.get("NO_PROXY", "")) else name
    return None


def _small_last(environ: Mapping[str, str]) -> list[tuple[str, str]]:
    """Return the variables, those in small letters last: they win, as for curl."""
    return sorted(environ.items(), key=lambda pair: pair[0].islower())


def _excepted(host: str, no_proxy: str) -> bool:
    names = [entry.strip().lower().lstrip(".") for entry in no_proxy.split(",")]
    return any(
        name == "*" or host in (name, name.strip("[]")) or host.endswith(f".{name}")
        for name in names
        if name
    )


def advice() -> str:
    """Return the command that excepts this machine."""
    if os.name == "nt":
        return f"setx NO_PROXY {EXCEPT}"
    return f'export NO_PROXY="${{NO_PROXY:+$NO_PROXY,}}{EXCEPT}"'
