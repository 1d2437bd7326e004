"""How off the machine is reached: proxies, certificates, the hub's address and token.

Contract: all of it comes from one mapping of environment variables, that of the engine's
process or, for a request of our own command, of the user's shell (:data:`VARIABLES`).
Loopback is never reached through a proxy.
"""

from __future__ import annotations

import ipaddress
import os
import ssl
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from local_assistant.errors import AssistantError

VARIABLES = (
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "ALL_PROXY",
    "NO_PROXY",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "REQUESTS_CA_BUNDLE",
    "CURL_CA_BUNDLE",
    "HF_ENDPOINT",
    "HF_TOKEN",
)
"""What counts, in capitals; the proxies' names count in small letters, too."""

_HUB = "https://huggingface.co"


def relevant(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the variables of ``environment`` that matter here."""
    return {name: value for name, value in environment.items() if name.upper() in VARIABLES}


@dataclass(frozen=True)
class Network:
    """The settings of one pull."""

    environment: Mapping[str, str] = field(default_factory=lambda: relevant(os.environ))

    def _value(self, name: str) -> str:
        # Small letters win, as they do for curl.
        return self.environment.get(name.lower()) or self.environment.get(name) or ""

    def proxy(self, scheme: str, host: str, port: int) -> str:
        """Return the proxy's URL for an address; empty for a direct connection."""
        if is_loopback(host) or self._excepted(host, port):
            return ""
        named = self._value(f"{scheme.upper()}_PROXY") or self._value("ALL_PROXY")
        if not named and not any(name.upper().endswith("_PROXY") for name in self.environment):
            named = _system_proxy(scheme, host)
        return named if "://" in named or not named else f"http://{named}"

    def _excepted(self, host: str, port: int) -> bool:
        """Whether NO_PROXY names the host: itself, a domain above it, or its network."""
        for entry in self._value("NO_PROXY").replace(",", " ").split():
            name, _, wanted = entry.rpartition(":")
            if not (name and wanted.isdigit() and "]" not in wanted and name.count(":") == 0):
                name, wanted = entry, ""
            name = name.strip("[]").lower().lstrip("*").lstrip(".")
            if wanted and int(wanted) != port:
                continue
            if entry == "*" or host.lower() == name or host.lower().endswith(f".{name}"):
                return True
            if _in_network(host, name):
                return True
        return False

    def tls(self) -> ssl.SSLContext:
        """Return the context for HTTPS: the user's own certificates, else the system's.

        Raises:
            AssistantError: the file that a variable names cannot be used.
        """
        names = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_DIR")
        for name in names:
            path = self._value(name)
            if not path:
                continue
            folder = os.path.isdir(path)  # noqa: PTH112 - as the ssl module takes it
            try:
                return ssl.create_default_context(
                    cafile=None if folder else path, capath=path if folder else None
                )
            except (OSError, ssl.SSLError) as error:
                raise AssistantError(
                    f"The certificates that {name} names cannot be read: {path} ({error}).",
                    f"Correct {name}, or unset it.",
                ) from error
        context = ssl.create_default_context()
        if not context.cert_store_stats()["x509_ca"] and not ssl.get_default_verify_paths().capath:
            # Python from python.org on macOS comes without any.
            import certifi

            context.load_verify_locations(certifi.where())
        return context

    @property
    def hub(self) -> str:
        """The base URL of Hugging Face, or of what stands in its place.

        Raises:
            AssistantError: HF_ENDPOINT is no address.
        """
        named = (self._value("HF_ENDPOINT") or _HUB).rstrip("/")
        try:
            origin(named)
        except ValueError:
            raise AssistantError(
                f"HF_ENDPOINT is no address: {named!r}. Models of Hugging Face cannot be found.",
                f"unset HF_ENDPOINT, or: export HF_ENDPOINT={_HUB}",
            ) from None
        return named

    def hub_token(self) -> str:
        """Return the user's token for the hub, from wherever its own library keeps it."""
        if self._value("HF_TOKEN"):
            return self._value("HF_TOKEN").strip()
        try:
            from huggingface_hub import get_token
        except ImportError:
            return _token_file()
        return get_token() or ""


def _token_file() -> str:
    """Return what ``hf auth login`` has written, where its library is not here to ask."""
    cache = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    home = os.environ.get("HF_HOME") or f"{cache}/huggingface"
    named = os.environ.get("HF_TOKEN_PATH") or f"{home}/token"
    try:
        return Path(named).expanduser().read_text(encoding="utf-8").strip()
    except (OSError, RuntimeError, UnicodeDecodeError):
        return ""


def is_loopback(host: str) -> bool:
    """Whether a host is this machine by its very name."""
    name = host.strip("[]").lower()
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def _system_proxy(scheme: str, host: str) -> str:
    """Return what the settings of macOS or Windows say."""
    for proxies, bypass in (
        ("getproxies_macosx_sysconf", "proxy_bypass_macosx_sysconf"),
        ("getproxies_registry", "proxy_bypass_registry"),
    ):
        if hasattr(urllib.request, proxies) and not getattr(urllib.request, bypass)(host):
            return str(getattr(urllib.request, proxies)().get(scheme, ""))
    return ""


def _in_network(host: str, text: str) -> bool:
    try:
        return ipaddress.ip_address(host.strip("[]")) in ipaddress.ip_network(text, strict=False)
    except ValueError:
        return False


def origin(url: str) -> tuple[str, str, int]:
    """Return scheme, host and port: what a token may be sent to.

    Raises:
        ValueError: it is no http or https URL.
    """
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(f"{url} is no http address")
    return parts.scheme, parts.hostname, parts.port or (443 if parts.scheme == "https" else 80)
