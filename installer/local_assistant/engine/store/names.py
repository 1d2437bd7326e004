"""Model names in Ollama's grammar: ``[scheme://][host/][namespace/]model[:tag]``.

Contract: pure functions and frozen values, standard library only. Parsing never touches
the disk, so a :class:`Name` is safe to join to a path: its parts hold no separators and do
not begin with a dot. :func:`parse` reads a name as ``/api/copy`` and ``/api/create`` do,
:func:`parse_ref` as all other endpoints do: outer spaces and a source suffix are taken off.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from pathlib import PurePath

DEFAULT_HOST = "registry.ollama.ai"
DEFAULT_NAMESPACE = "library"
DEFAULT_TAG = "latest"
DEFAULT_SCHEME = "https"

CLOUD = "cloud"
LOCAL = "local"

_HOST = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.:-]{0,349}")
_NAMESPACE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]{0,79}")
_PART = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,79}")
_COLON = ";" if os.name == "nt" else ":"
"""Stands for a host's colon in its folder's name: Windows takes none there, and a host has no
semicolon."""
_MISSING = "!MISSING!"
"""Stands for a part that a separator promised; it fits no part's grammar."""


class InvalidName(ValueError):
    """The text is not a model name."""


@dataclass(frozen=True)
class Name:
    """A full model name; :attr:`short` is how it is shown."""

    host: str
    namespace: str
    model: str
    tag: str
    scheme: str = field(default=DEFAULT_SCHEME, compare=False)

    @property
    def short(self) -> str:
        """Host and namespace only where they are not the default; the tag always."""
        text = f"{self.model}:{self.tag}"
        if self.host.lower() != DEFAULT_HOST:
            return f"{self.host}/{self.namespace}/{text}"
        if self.namespace.lower() != DEFAULT_NAMESPACE:
            return f"{self.namespace}/{text}"
        return text

    @property
    def full(self) -> str:
        return f"{self.host}/{self.namespace}/{self.model}:{self.tag}"

    @property
    def key(self) -> str:
        """What two spellings of one name share: names differ by more than case."""
        return self.full.lower()

    @property
    def path(self) -> PurePath:
        """Where the manifest lies below ``manifests/``."""
        return PurePath(self.host.replace(":", _COLON), self.namespace, self.model, self.tag)

    @property
    def fits(self) -> bool:
        return bool(
            _HOST.fullmatch(self.host)
            and _NAMESPACE.fullmatch(self.namespace)
            and _PART.fullmatch(self.model)
            and _PART.fullmatch(self.tag)
        )


@dataclass(frozen=True)
class Ref:
    """A name as a request gives it, and where it says that the model runs."""

    name: Name
    source: str = ""
    """:data:`CLOUD`, :data:`LOCAL`, or empty where the request does not say."""


def parse(text: str) -> Name:
    """Parse a name; what is left out is the default.

    Raises:
        InvalidName: a part is empty, too long or has a character that does not belong.
    """
    rest, host, namespace, tag = text, "", "", ""
    scheme = DEFAULT_SCHEME
    if rest.rfind(":") > rest.rfind("/"):
        rest, tag = _cut_promised(rest, ":")
    if "/" in rest:
        rest, model = _cut_promised(rest, "/")
        if "/" in rest:
            rest, namespace = _cut_promised(rest, "/")
            before, found, after = rest.partition("://")
            scheme, host = (before or DEFAULT_SCHEME, after) if found else (scheme, rest)
        else:
            namespace = rest
    else:
        model = rest
    name = Name(
        host or DEFAULT_HOST, namespace or DEFAULT_NAMESPACE, model, tag or DEFAULT_TAG, scheme
    )
    if not name.fits:
        raise InvalidName(f"{text!r} is not a model name")
    return name


def parse_ref(text: str) -> Ref:
    """Parse a name that may end in ``:cloud``, ``-cloud`` (in its tag) or ``:local``.

    Raises:
        InvalidName: it is no name, or has two such endings.
    """
    base, source = _source(text.strip())
    if source and _source(base)[1]:
        raise InvalidName(f'use either :local or :cloud, not both: "{text.strip()}"')
    return Ref(parse(base), source)


def from_path(path: PurePath) -> Name | None:
    """Return the name of a manifest's path below ``manifests/``; ``None`` if it is none."""
    if len(path.parts) != 4:
        return None
    host, *rest = path.parts
    name = Name(host.replace(_COLON, ":"), *rest)
    return name if name.fits else None


def _cut_promised(text: str, separator: str) -> tuple[str, str]:
    before, _, after = text.rpartition(separator)
    return before or _MISSING, after or _MISSING


def _source(text: str) -> tuple[str, str]:
    """Return the text without its source suffix, and what that says."""
    base, found, last = text.rpartition(":")
    if not found:
        return text, ""
    suffix = last.strip().lower()
    if suffix in (CLOUD, LOCAL):
        return base, suffix
    if "/" not in suffix and suffix.endswith("-cloud"):
        return f"{base}:{last.strip()[: -len('-cloud')]}", CLOUD
    return text, ""
