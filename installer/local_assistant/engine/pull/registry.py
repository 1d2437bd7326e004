"""A registry of models, in Ollama's protocol: manifests and blobs by their digest.

Contract: asks for what it is told to; retries what may pass. The one login that it knows is
the anonymous token of a ``Bearer`` challenge, got from the registry's own host only, as
Ollama does it (whose signature with the user's key is left out: there is no key here).
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from local_assistant.engine.pull.errors import PullError, Status, WebError
from local_assistant.engine.pull.source import Access, Source, get, patiently
from local_assistant.engine.pull.web import Response, Scope, Session
from local_assistant.engine.store import layers as kinds
from local_assistant.engine.store.names import Name

_MANIFEST_BYTES = 4 << 20
_TOKEN_BYTES = 1 << 16
_TENSOR = "application/vnd.ollama.image.tensor"
_DIGEST = re.compile(r"sha256:([0-9a-f]{64})")
_PARAMETER = re.compile(r'\b(\w+)="([^"]*)"')


@dataclass(frozen=True)
class Blob:
    """A file that a manifest names."""

    digest: str
    """Hex sha256."""
    size: int


class Registry:
    """What one registry says about one model."""

    def __init__(self, name: Name, scope: Scope, *, insecure: bool) -> None:
        scheme = "http" if insecure else "https"
        self._base = f"{scheme}://{name.host}/v2/{name.namespace}/{name.model}"
        self._tag = name.tag
        self._scope = scope
        self._access = _Token()

    def manifest(self) -> bytes:
        """Return the manifest's bytes.

        Raises:
            PullError: there is none, or none for us.
        """
        headers = {"Accept": kinds.MANIFEST}

        def ask() -> bytes:
            with self._scope.session() as session:
                url = f"{self._base}/manifests/{self._tag}"
                response = get(session, url, headers, self._access)
                if response.status == 401:
                    raise WebError("unauthorized: access denied", again=False)
                if response.status != 200:
                    raise response.error()
                return response.read(_MANIFEST_BYTES)

        try:
            return patiently(self._scope, ask)
        except WebError as error:
            raise PullError(
                f"pull model manifest: {error}", _what_to_do(error), unreachable=error.unreachable
            ) from error

    def source(self, blob: Blob) -> Source:
        return Source(f"{self._base}/blobs/sha256:{blob.digest}", self._access)


def _what_to_do(error: WebError) -> str:
    text = str(error)
    if "unauthorized" in text or "realm host" in text:
        return "The model is private, or misspelt: the engine has no account there."
    if text == "file does not exist":
        return "Check the name and the tag behind the colon."
    if "HTTP response to HTTPS client" in text:
        return "If a connection without encryption is meant: jupyter assistant pull --insecure NAME"
    if isinstance(error, Status):
        return "The registry refuses: try again later."
    if "certificate" in text:
        return "Name your network's own certificates in SSL_CERT_FILE."
    return "Check the network (HTTPS_PROXY, if there is a proxy), or try again later."


class _Token(Access):
    """A token of the registry's own token server."""

    def renew(self, session: Session, refused: Response) -> bool:
        challenge = refused.headers.get("www-authenticate", "")
        session.drop()
        if not challenge.lower().startswith("bearer "):
            return False
        said = dict(_PARAMETER.findall(challenge))
        home = urlsplit(refused.url)
        try:
            parts = urlsplit(said.get("realm", ""))
        except ValueError as error:
            raise WebError(f"the token server's address is wrong: {error}", again=False) from error
        if parts.netloc != home.netloc:
            raise WebError(
                f'realm host "{parts.netloc}" does not match original host "{home.netloc}"',
                again=False,
            )
        query = parse_qsl(parts.query, keep_blank_values=True)
        query += [("service", said.get("service", ""))]
        query += [("scope", scope) for scope in said.get("scope", "").split()]
        url = urlunsplit((*parts[:3], urlencode(query), ""))
        if parts.scheme != home.scheme:
            raise WebError(f"the token server's address is {parts.scheme}://", again=False)
        response = session.get(url, {"Accept": "application/json"})
        if response.status != 200:
            raise response.error()
        token = _token_in(response.read(_TOKEN_BYTES))
        self.credential = f"Bearer {token}" if token else ""
        return bool(token)


def _token_in(body: bytes) -> str:
    try:
        said = json.loads(body)
        return str(said.get("token") or said.get("access_token") or "")
    except (ValueError, AttributeError, RecursionError):
        return ""


def blobs_of(manifest: bytes) -> list[Blob]:
    """Return what a manifest names, each blob once, the configuration last.

    Media types that nobody knows are taken, too.

    Raises:
        PullError: it is no manifest, or names what no store can hold.
    """
    try:
        said = json.loads(manifest)
        config = said.get("config") or {}
        listed = [*(said.get("layers") or []), *([config] if config.get("digest") else [])]
        found = [_blob(item) for item in listed]
        types = {str(item.get("mediaType")) for item in listed}
    except (ValueError, AttributeError, TypeError, KeyError, RecursionError) as error:
        raise PullError(
            "pull model manifest: the registry's answer is no manifest of a model",
            "Check the name: the registry may hold something else under it.",
        ) from error
    if _TENSOR in types:
        raise PullError(
            "this model requires MLX support, but the MLX runtime is not available",
            "Choose a model in GGUF.",
        )
    if not any(kind.startswith("application/vnd.ollama.image.") for kind in types):
        raise PullError(
            "pull model manifest: what the registry has under this name is no model",
            "Check the name.",
        )
    return list(dict.fromkeys(found))


def _blob(item: Any) -> Blob:
    digest, size = _DIGEST.fullmatch(item["digest"]), item["size"]
    if digest is None:
        raise ValueError("invalid digest format")
    if isinstance(size, bool) or not isinstance(size, int) or not 0 <= size < 2**63:
        raise ValueError("a blob without a size")
    return Blob(digest[1], size)
