"""Model names in Ollama's grammar: ``[scheme://][host/][namespace/]model[:tag]``.

Contract: pure functions and one frozen value, standard library only. Parsing never touches
the disk, so a :class:`Name` is safe to join to a path: its parts hold no separators and do
not begin with a dot.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

DEFAULT_HOST = "registry.ollama.ai"
DEFAULT_NAMESPACE = "library"
DEFAULT_TAG = "latest"

_HOST = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.:-]{0,349}")
_NAMESPACE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]{0,79}")
_PART = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,79}")


class InvalidName(ValueError):
    """The text is not a model name."""


@dataclass(frozen=True)
class Name:
    """A full model name; :attr:`short` is how it is shown."""

    host: str
    namespace: str
    model: str
    tag: str

    @property
    def short(self) -> str:
        """Host and namespace only where they are not the default; the tag always."""
        text = f"{self.model}:{self.tag}"
        if self.host != DEFAULT_HOST:
            return f"{self.host}/{self.namespace}/{text}"
        if self.namespace != DEFAULT_NAMESPACE:
            return f"{self.namespace}/{text}"
        return text

    @property
    def full(self) -> str:
        return f"{self.host}/{self.namespace}/{self.model}:{self.tag}"

    @property
    def key(self) -> str:
        """What two spellings of one name share: names differ by more than case."""
        return self.full.lower()


def parse(text: str) -> Name:
    """Parse a name as Ollama does.

    Raises:
        InvalidName: a part is empty, too long or has a character that does not belong.
    """
    rest = text.strip()
    _, scheme, after = rest.partition("://")
    if scheme:
        rest = after
    tag = DEFAULT_TAG
    if ":" in rest.rpartition("/")[2]:
        rest, _, tag = rest.rpartition(":")
    parts = rest.rsplit("/", 2)
    model = parts[-1]
    namespace = parts[-2] if len(parts) > 1 else DEFAULT_NAMESPACE
    host = parts[-3] if len(parts) > 2 else DEFAULT_HOST
    fits = (
        _HOST.fullmatch(host)
        and _NAMESPACE.fullmatch(namespace)
        and _PART.fullmatch(model)
        and _PART.fullmatch(tag)
    )
    if not fits:
        raise InvalidName(f"{text!r} is not a model name")
    return Name(host, namespace, model, tag)
